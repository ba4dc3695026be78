"""A catalogue with raw file times and unkeyed hashes, as earlier versions left it, is carried over."""

import hashlib
import json

import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.splitting import pixels

PATIENTS = [f"P{number:02d}" for number in range(12)]
LEDGER = "02_intermediate/source_files.parquet"
MANIFEST = "03_primary/image_manifest.parquet"


def make_unkeyed(hospital) -> dict[str, str]:
    """Rewrite the tables as earlier versions did; return image_id → SHA-256 of its stored pixels."""
    hashes = KeyedHashes(Secret(PUBLIC_SECRET))
    store = ImageStore(hospital.data / "03_primary/images")
    sha256 = {i: hashlib.sha256(store.get(i).tobytes()).hexdigest() for i in hospital.table(MANIFEST)["image_id"]}
    plain = {hashes.pixels(value): value for value in sha256.values()} | {"": ""}
    ledger = hospital.table(LEDGER)
    stamps = {}
    for path in hospital.exports.rglob("*.png"):
        status = path.stat()
        stamps[hashes.file_stamp(status.st_size, status.st_mtime_ns)] = (status.st_size, status.st_mtime_ns)
    files = [stamps[stamp] for stamp in ledger.pop("file_stamp")]
    ledger["size_bytes"], ledger["modified_ns"] = zip(*files, strict=True)
    ledger["difference_hash"] = ledger["difference_hash"].map(hashes.plain_difference)
    ledger.assign(pixel_sha256=ledger["pixel_sha256"].map(plain)).to_parquet(hospital.data / LEDGER)
    manifest = hospital.table(MANIFEST)
    manifest["difference_hash"] = manifest["difference_hash"].map(hashes.plain_difference)
    manifest.assign(pixel_sha256=manifest["pixel_sha256"].map(plain)).to_parquet(hospital.data / MANIFEST)
    arrays = json.loads((hospital.data / "05_model_input/pixel_arrays.json").read_text())
    for path in (hospital.data / "05_model_input").glob("pixels_*.rows.parquet"):
        rows = pd.read_parquet(path)
        rows["pixel_sha256"] = rows["pixel_sha256"].map(plain)
        rows.to_parquet(path)
        size = path.stem.removesuffix(".rows").removeprefix("pixels_")
        arrays[size]["sha256"] = pixels.pixels_sha256(rows, int(size))
    (hospital.data / "05_model_input/pixel_arrays.json").write_text(json.dumps(arrays))
    return sha256


@pytest.fixture
def unkeyed(hospital):
    hospital.receive("a", PATIENTS)
    hospital.run()
    return hospital


def test_it_is_converted_without_a_file_or_an_image_being_read(unkeyed, monkeypatch):
    keyed = {path: unkeyed.table(path) for path in (LEDGER, MANIFEST)}
    sha256 = make_unkeyed(unkeyed)
    arrays = (unkeyed.data / "05_model_input/pixel_arrays.json").read_text()
    assert next(iter(sha256.values())) in unkeyed.everything_kept()
    monkeypatch.setattr(ImageProcessor, "process", lambda *_: pytest.fail("a file was read"))
    monkeypatch.setattr(pixels, "read_stored", lambda *_: pytest.fail("a stored image was read"))
    unkeyed.run()
    for path, before in keyed.items():
        pd.testing.assert_frame_equal(unkeyed.table(path), before)
    counts = json.loads((unkeyed.data / "02_intermediate/refresh_counts.json").read_text())["total"]
    assert {state: number for state, number in counts.items() if number} == {"unchanged": len(PATIENTS)}
    kept = unkeyed.everything_kept()
    assert [value for value in sha256.values() if value in kept] == []
    assert "modified_ns" not in kept
    # trained runs stay up to date: the arrays' hashes are those of before
    assert json.loads((unkeyed.data / "05_model_input/pixel_arrays.json").read_text()) == json.loads(arrays)


def test_a_changed_file_is_still_found(unkeyed, monkeypatch):
    make_unkeyed(unkeyed)
    unkeyed.receive("a", [*PATIENTS[:-1], "Z99"])
    read = []
    real = ImageProcessor.process
    monkeypatch.setattr(ImageProcessor, "process", lambda self, *job: read.append(job[0]) or real(self, *job))
    unkeyed.run()
    assert len(read) == len(PATIENTS)  # every file was written anew, with the same bytes but for one
    counts = json.loads((unkeyed.data / "02_intermediate/refresh_counts.json").read_text())["total"]
    assert (counts["unchanged"], counts["new"]) == (len(PATIENTS) - 1, 1)


def test_no_raw_time_is_kept(unkeyed):
    """The day of a raw file, less the shifted exam day, is a patient's date shift."""
    times = {path.stat().st_mtime_ns for path in unkeyed.exports.rglob("*.png")}
    kept = unkeyed.everything_kept()
    assert [time for time in times if str(time)[:10] in kept] == []
