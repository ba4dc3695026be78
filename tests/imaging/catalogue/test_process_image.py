import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import DECODER_VERSION, ProcessedImage
from lung_cxr.imaging.catalogue.unredacted import read_unredacted
from lung_cxr.imaging.deidentify import burned_in_text
from lung_cxr.imaging.deidentify.text_boxes import TextBox
from lung_cxr.imaging.quality.duplicates import difference_hash

ID = "cd" * 16


@pytest.fixture
def processor(tmp_path, secret, ingestion):
    return ImageProcessor(
        ImageStore(tmp_path / "images"), secret, ingestion.standardise, True, "off", ingestion.max_megapixels
    )


@pytest.fixture
def picture(tmp_path, smooth):
    path = tmp_path / "a.png"
    Image.fromarray((smooth() * 255).astype(np.uint8)).save(path)
    return path


def test_a_good_file_is_stored_and_measured(processor, picture):
    seen = processor.process(ID, picture, None)
    stored = processor.store.get(ID)
    assert (seen.reason, seen.rows, seen.columns) == ("", 96, 80)
    assert stored.shape == (64, 64)
    sha256 = hashlib.sha256(stored.tobytes()).hexdigest()
    assert seen.pixel_sha256 == processor.hashes.pixels(sha256) != sha256
    assert processor.hashes.plain_difference(seen.difference_hash) == difference_hash(stored) != seen.difference_hash
    status = picture.stat()
    assert seen.file_stamp == processor.hashes.file_stamp(status.st_size, status.st_mtime_ns)
    assert seen.qc_sharpness > 0
    assert not stored[:, :5].any()  # padded at the sides


def test_the_source_key_needs_the_secret(processor, picture, secret):
    key = processor.process(ID, picture, None).source_key
    assert key == secret.source_key(hashlib.sha256(picture.read_bytes()).digest())
    assert key not in hashlib.sha256(picture.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("header", "accept", "reason"),
    [
        ({}, True, ""),
        ({}, False, "unchecked_pixels"),
        ({"BurnedInAnnotation": "NO"}, False, ""),
        ({"BurnedInAnnotation": "YES"}, True, "burned_in_annotation"),
        ({"BurnedInAnnotation": "NO", "ViewPosition": "LL"}, False, "not_frontal"),
    ],
)
def test_the_header_decides_what_may_be_stored(processor, tmp_path, dicom, smooth, header, accept, reason):
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom((smooth() * 4095).astype(np.uint16), bits=12, **header))
    chosen = replace(processor, accept_unchecked_pixels=accept)
    assert chosen.process(ID, path, None).reason == reason
    assert processor.store.has(ID) == (reason == "")


FOUND = TextBox(np.array([[5, 5], [30, 5], [30, 15], [5, 15]], np.float32), "NGUYEN VAN MAT", 0.9)


@pytest.mark.parametrize(
    ("policy", "says", "has_text", "reason", "pieces"),
    [
        ("redact", "NO", True, "", 1),  # headers lie
        ("redact", "", False, "", 0),
        ("redact", "YES", True, "", 1),
        ("redact", "YES", False, "burned_in_annotation", -1),
        ("flag", "NO", True, "burned_in_text", -1),
        ("flag", "", False, "", 0),
        ("flag", "YES", False, "burned_in_annotation", -1),
    ],
)
def test_the_pixels_decide_where_text_is_looked_for(
    processor, tmp_path, dicom, smooth, monkeypatch, policy, says, has_text, reason, pieces
):
    looks = iter([[FOUND] * has_text])
    monkeypatch.setattr(burned_in_text, "find_text", lambda *_: next(looks, []))
    path = tmp_path / "a.dcm"
    header = {"BurnedInAnnotation": says} if says else {}
    path.write_bytes(dicom((smooth(width=96) * 4000 + 95).astype(np.uint16), bits=12, **header))
    chosen = replace(processor, accept_unchecked_pixels=False, burned_in_text=policy)
    seen = chosen.process(ID, path, None)
    assert (seen.reason, seen.text_boxes) == (reason, pieces)
    assert processor.store.has(ID) == (reason == "")
    assert "NGUYEN" not in repr(seen)
    if pieces > 0:
        stored = processor.store.get(ID)
        assert not stored[5:16, 5:31].any()
        assert seen.pixel_sha256 == processor.hashes.pixels(hashlib.sha256(stored.tobytes()).hexdigest())
        assert seen.qc_dark_fraction < 0.05  # measured without the black box


@pytest.mark.parametrize("stated", ["", "NO", "YES"])
@pytest.mark.parametrize("policy", ["redact", "flag", "off"])
def test_the_pixels_of_an_image_are_kept_as_a_person_decides(
    processor, tmp_path, dicom, smooth, monkeypatch, policy, stated
):
    looks = iter([[FOUND]])
    monkeypatch.setattr(burned_in_text, "find_text", lambda *_: next(looks, []))
    path = tmp_path / "a.dcm"
    header = {"BurnedInAnnotation": stated} if stated else {}
    path.write_bytes(dicom((smooth(width=96) * 4000 + 95).astype(np.uint16), bits=12, **header))
    chosen = replace(processor, accept_unchecked_pixels=False, burned_in_text=policy)
    before = chosen.process(ID, path, None)
    assert before.text_boxes == (1 if policy == "redact" else -1)
    monkeypatch.setattr(burned_in_text, "find_text", raising(AssertionError("searched")))
    kept = replace(chosen, pixels_kept=frozenset({ID}))
    assert not kept.is_current(before)
    seen = kept.process(ID, path, before)
    assert (seen.reason, seen.text_boxes) == ("", -1)
    assert kept.is_current(seen)
    assert processor.store.get(ID)[5:16, 5:31].any()
    assert kept.settings_of("ef" * 16) == chosen.settings_of(ID)
    assert not chosen.is_current(seen), "without the decision the file is read again"


def test_the_pixels_before_redaction_are_those_stored_without_a_search(processor, picture, tmp_path, ingestion):
    seen = processor.process(ID, picture, None)
    manifest = pd.DataFrame({"image_id": [ID, "ef" * 16], "qc_inversion": seen.qc_inversion})
    read = read_unredacted({ID: picture, "ef" * 16: tmp_path / "gone.png"}, manifest, ingestion)
    assert list(read) == [ID]
    assert (read[ID] == processor.store.get(ID)).all()


def test_a_broken_file_takes_its_former_image_out_of_the_store(processor, picture):
    processor.process(ID, picture, None)
    picture.write_bytes(picture.read_bytes()[:200])
    assert processor.process(ID, picture, None).reason in ("truncated", "unreadable")
    assert not processor.store.has(ID)


def test_the_same_bytes_under_another_time_are_not_decoded(processor, picture, monkeypatch):
    before = processor.process(ID, picture, None)
    monkeypatch.setattr("lung_cxr.imaging.catalogue.process_image.decode_image", lambda *_: pytest.fail("decoded"))
    picture.touch()
    after = processor.process(ID, picture, before)
    status = picture.stat()
    assert after.file_stamp == processor.hashes.file_stamp(status.st_size, status.st_mtime_ns)
    assert after.pixel_sha256 == before.pixel_sha256


PASSING = {
    "lung_cxr.imaging.reading.read.os.open": OSError(5, "input/output error"),
    "pathlib.Path.stat": PermissionError(13, "denied"),
    "lung_cxr.imaging.reading.read.decode_raster": MemoryError("Nguyen"),
    "lung_cxr.imaging.catalogue.process_image.standardise": MemoryError("Nguyen"),
    "lung_cxr.imaging.catalogue.image_store.ImageStore.put": OSError(28, "no space left"),
}


@pytest.mark.parametrize("place", PASSING)
def test_a_passing_failure_is_neither_remembered_nor_held_against_the_image(processor, picture, monkeypatch, place):
    before = processor.process(ID, picture, None)
    picture.write_bytes(picture.read_bytes() + b"changed")
    with monkeypatch.context() as patch:
        patch.setattr(place, raising(PASSING[place]))
        seen = processor.process(ID, picture, before)
    assert (seen.reason, seen.detail) == ("unreadable", type(PASSING[place]).__name__)
    assert not processor.is_current(seen)
    assert processor.store.has(ID)
    assert processor.process(ID, picture, seen).reason == ""


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


def test_what_the_bytes_decide_is_remembered(processor, picture, monkeypatch):
    monkeypatch.setattr("lung_cxr.imaging.catalogue.process_image.standardise", raising(ValueError("Nguyen")))
    seen = processor.process(ID, picture, None)
    assert (seen.reason, seen.detail) == ("unreadable", "ValueError")
    assert processor.is_current(seen)


def test_a_file_that_is_gone_since_it_was_listed_is_looked_for_again(processor, tmp_path):
    seen = processor.process(ID, tmp_path / "none.png", None)
    assert not processor.is_current(seen)


def test_a_dead_reader_leaves_what_was_stored(processor, picture):
    before = processor.process(ID, picture, None)
    seen = processor.failed(ID, "unreadable", "the reader died", before)
    assert (seen.reason, seen.pixel_sha256) == ("unreadable", before.pixel_sha256)
    assert processor.store.has(ID)
    assert not processor.is_current(seen)


def test_settings_that_alter_pixels_have_another_fingerprint(processor, ingestion):
    def fingerprint(accept=True, text="off", **changed):
        standardise = ingestion.standardise.model_copy(update=changed)
        return replace(processor, standardise=standardise, accept_unchecked_pixels=accept, burned_in_text=text).settings

    others = [
        fingerprint(side=32),
        fingerprint(aspect="stretch"),
        fingerprint(percentiles=(1.0, 99.0)),
        fingerprint(accept=False),
        fingerprint(text="flag"),
        fingerprint(text="redact"),
    ]
    assert len({fingerprint(), *others}) == 7
    assert fingerprint() == processor.settings


def test_what_is_current_depends_on_settings_and_store(processor, picture):
    seen = processor.process(ID, picture, None)
    assert processor.is_current(seen)
    processor.store.remove(ID)
    assert not processor.is_current(seen)
    assert processor.is_current(ProcessedImage(ID, settings=processor.settings, reason="unreadable"))


@pytest.mark.parametrize(
    ("row", "is_kept"),
    [
        ({}, True),
        ({"qc_sharpness": 60.0}, False),
        ({"reason": "multi_frame"}, False),
        ({"reason": "truncated"}, False),
        ({"reason": "not_frontal"}, True),
        ({"qc_sharpness": 60.0, "decoder": DECODER_VERSION}, True),
        ({"reason": "truncated", "decoder": DECODER_VERSION}, True),
    ],
)
def test_of_an_earlier_decoders_rows_only_suspects_are_read_again(processor, picture, row, is_kept):
    seen = processor.process(ID, picture, None)._asdict()
    earlier = {name: value for name, value in seen.items() if name != "decoder"} | row
    assert processor.is_current(ProcessedImage.from_row(earlier, processor.hashes)) == is_kept


def test_reread_reads_every_file_again(processor, picture):
    seen = processor.process(ID, picture, None)
    again = replace(processor, reread=1)
    assert not again.is_current(seen)
    assert again.is_current(again.process(ID, picture, seen))
