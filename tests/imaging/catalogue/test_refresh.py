import hashlib
import io
import os
import platform
import signal
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.imaging.catalogue import reader_processes, refresh
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import LEDGER_COLUMNS, ProcessedImage
from lung_cxr.imaging.catalogue.refresh import carry_out, read_ledger
from lung_cxr.imaging.catalogue.refresh_plan import plan_refresh
from lung_cxr.imaging.deidentify import burned_in_text
from lung_cxr.imaging.deidentify.text_boxes import TextBox

IDS = [f"{number:02x}" * 16 for number in range(6)]


@pytest.fixture
def processor(tmp_path, secret, ingestion):
    return ImageProcessor(
        ImageStore(tmp_path / "images"), secret, ingestion.standardise, True, "off", ingestion.max_megapixels
    )


@pytest.fixture
def journal(tmp_path):
    (tmp_path / "journal").mkdir()
    return Journal(tmp_path / "journal")


@pytest.fixture
def files(tmp_path, smooth):
    paths = {image_id: tmp_path / f"{number}.png" for number, image_id in enumerate(IDS)}
    for number, path in enumerate(paths.values()):
        Image.fromarray((smooth(number) * 255).astype(np.uint8)).save(path)
    return paths


def run(files, processor, journal, table=None, trust_timestamps=True):
    ledger = read_ledger(table, journal, processor.hashes)
    plan = plan_refresh(files, ledger, processor, trust_timestamps)
    return plan, carry_out(plan, ledger, processor, journal, workers=1)


def reading_is_an_error(monkeypatch):
    monkeypatch.setattr(ImageProcessor, "process", lambda *_: pytest.fail("a file was opened"))


def test_everything_is_new_once_and_nothing_the_second_time(files, processor, journal, monkeypatch):
    plan, ledger = run(files, processor, journal)
    assert plan.in_words() == "6 of 6 files to read: 6 new, 0 changed"
    assert list(ledger.columns) == LEDGER_COLUMNS
    assert ledger["image_id"].tolist() == IDS
    journal.clear()
    reading_is_an_error(monkeypatch)
    plan, again = run(files, processor, journal, ledger)
    assert plan.in_words() == "Nothing new: 0 of 6 files to read"
    pd.testing.assert_frame_equal(again, ledger)


def test_the_ledger_survives_parquet(files, processor, journal, tmp_path):
    _, ledger = run(files, processor, journal)
    ledger.to_parquet(tmp_path / "ledger.parquet")
    journal.clear()
    ledger = read_ledger(pd.read_parquet(tmp_path / "ledger.parquet"), journal, processor.hashes)
    assert not plan_refresh(files, ledger, processor, trust_timestamps=True).to_read


def test_a_ledger_of_a_version_that_measured_less_is_read(files, processor, journal):
    _, ledger = run(files, processor, journal)
    journal.clear()
    assert set(read_ledger(ledger.drop(columns="burned_in"), journal, processor.hashes)) == set(IDS)


def test_a_changed_file_and_it_alone_is_made_again(files, processor, journal, smooth):
    _, ledger = run(files, processor, journal)
    Image.fromarray((smooth(99) * 255).astype(np.uint8)).save(files[IDS[2]])
    plan, after = run(files, processor, journal, ledger)
    assert [image_id for image_id, _ in plan.to_read] == [IDS[2]]
    assert [plan.states[image_id] for image_id in IDS] == ["unchanged"] * 2 + ["changed"] + ["unchanged"] * 3
    differs = ledger["pixel_sha256"] != after["pixel_sha256"]
    assert ledger.loc[differs, "image_id"].tolist() == [IDS[2]]


def test_other_settings_make_all_again(files, processor, journal):
    _, ledger = run(files, processor, journal)
    other = replace(processor, standardise=processor.standardise.model_copy(update={"side": 32}))
    plan, _ = run(files, other, journal, ledger)
    assert plan.in_words() == "6 of 6 files to read: 0 new, 0 changed, 6 to make again"
    assert processor.store.get(IDS[0]).shape == (32, 32)


def test_an_image_gone_from_the_store_is_made_again(files, processor, journal):
    _, ledger = run(files, processor, journal)
    processor.store.remove(IDS[4])
    plan, _ = run(files, processor, journal, ledger)
    assert [image_id for image_id, _ in plan.to_read] == [IDS[4]]
    assert processor.store.has(IDS[4])


def test_a_rejected_file_is_not_decoded_again(files, processor, journal, monkeypatch):
    files[IDS[1]].write_bytes(b"rubbish")
    _, ledger = run(files, processor, journal)
    assert ledger.set_index("image_id").loc[IDS[1], "reason"] == "unreadable"
    journal.clear()
    reading_is_an_error(monkeypatch)
    run(files, processor, journal, ledger)


def test_a_missing_file_is_a_fault_until_it_comes(files, processor, journal):
    content = files[IDS[0]].read_bytes()
    files[IDS[0]].unlink()
    plan, ledger = run(files, processor, journal)
    assert plan.absent == {IDS[0]: "missing_file"}
    assert ledger["reason"].tolist() == ["missing_file", "", "", "", "", ""]
    files[IDS[0]].write_bytes(content)
    plan, ledger = run(files, processor, journal, ledger)
    assert (plan.states[IDS[0]], ledger["reason"][0]) == ("new", "")


def test_a_vanished_file_keeps_its_image(files, processor, journal):
    _, ledger = run(files, processor, journal)
    files[IDS[0]].unlink()
    plan, after = run(files, processor, journal, ledger)
    assert plan.number("vanished") == 1
    pd.testing.assert_frame_equal(after, ledger)
    assert processor.store.has(IDS[0])


def test_a_path_out_of_the_export_is_never_opened(processor, journal):
    plan, ledger = run({IDS[0]: None}, processor, journal)
    assert not plan.to_read
    assert ledger["reason"].tolist() == ["path_outside_export"]


def test_a_killed_run_goes_on_where_it_was(files, processor, journal, monkeypatch):
    monkeypatch.setattr(refresh, "JOURNAL_SECONDS", 0)
    real, opened = ImageProcessor.process, []

    def killed_at_the_fifth(self, image_id, path, previous):
        if len(opened) == 4:
            raise KeyboardInterrupt
        opened.append(image_id)
        return real(self, image_id, path, previous)

    monkeypatch.setattr(ImageProcessor, "process", killed_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        run(files, processor, journal)
    monkeypatch.setattr(ImageProcessor, "process", real)
    plan, ledger = run(files, processor, journal)
    assert [image_id for image_id, _ in plan.to_read] == IDS[4:]
    assert (ledger["reason"] == "").all()


def test_the_journal_forgets_what_it_is_told_to(journal):
    journal.append([ProcessedImage(IDS[0], rows=3)._asdict()])
    journal.append([ProcessedImage(IDS[1], qc_contrast=2.5)._asdict()])
    first, second = journal.read()
    assert (first["rows"], second["qc_contrast"]) == (3, 2.5)
    assert np.isnan(first["qc_contrast"])
    journal.clear()
    assert journal.read() == []


@dataclass(frozen=True)
class MortalProcessor(ImageProcessor):
    """Dies as a decoder does that writes where it must not, or goes on for ever."""

    def process(self, image_id, path, previous):
        content = path.read_bytes()
        if content == b"deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        while content == b"endless":
            pass
        return super().process(image_id, path, previous)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "reason", "detail"),
    [("deadly", "unreadable", "the reader died"), ("endless", "too_slow", "more than 1 s")],
)
def test_a_file_that_crashes_or_blocks_its_reader_is_rejected_and_the_others_are_read(
    files, processor, journal, monkeypatch, harm, reason, detail
):
    files[IDS[3]].write_bytes(harm.encode())
    monkeypatch.setattr(reader_processes, "CPU_SECONDS", 1)
    mortal = MortalProcessor(**vars(processor))
    plan = plan_refresh(files, {}, mortal, trust_timestamps=True)
    ledger = carry_out(plan, {}, mortal, journal, workers=2).set_index("image_id")
    assert ledger["reason"].to_dict() == {image_id: reason if image_id == IDS[3] else "" for image_id in IDS}
    assert ledger.loc[IDS[3], "detail"] == detail
    rows = {
        row["image_id"]: ProcessedImage.from_row(row, mortal.hashes) for row in ledger.reset_index().to_dict("records")
    }
    again = [image_id for image_id, _ in plan_refresh(files, rows, mortal, trust_timestamps=True).to_read]
    assert again == ([IDS[3]] if reason == "unreadable" else [])


def test_a_single_file_that_kills_its_reader_does_not_take_the_run_down(files, processor, journal):
    files[IDS[0]].write_bytes(b"deadly")
    mortal = MortalProcessor(**vars(processor))
    plan = plan_refresh({IDS[0]: files[IDS[0]]}, {}, mortal, trust_timestamps=True)
    ledger = carry_out(plan, {}, mortal, journal, workers=2)
    assert ledger[["image_id", "reason", "detail"]].to_numpy().tolist() == [[IDS[0], "unreadable", "the reader died"]]


def swap_bytes_behind_the_timestamp(path, smooth):
    """Another image of the same size and time."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    other = io.BytesIO()
    Image.fromarray((smooth(77) * 255).astype(np.uint8)).save(other, format="png", compress_level=0)
    path.write_bytes(other.getvalue() + b"\0" * (len(data) - len(other.getvalue())))
    assert path.stat().st_size == len(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_other_bytes_of_the_same_size_and_time_are_found_where_timestamps_are_not_trusted(
    files, processor, journal, smooth
):
    files[IDS[1]].write_bytes(files[IDS[1]].read_bytes() + b"\0" * 9000)  # room for an uncompressed image
    _, ledger = run(files, processor, journal)
    swap_bytes_behind_the_timestamp(files[IDS[1]], smooth)
    plan, _ = run(files, processor, journal, ledger)
    assert not plan.to_read
    plan, after = run(files, processor, journal, ledger, trust_timestamps=False)
    assert plan.in_words() == "6 of 6 files to read: 0 new, 0 changed, 6 to compare"
    differs = ledger["pixel_sha256"] != after["pixel_sha256"]
    assert ledger.loc[differs, "image_id"].tolist() == [IDS[1]]


def test_comparing_bytes_decodes_nothing_that_is_the_same(files, processor, journal, monkeypatch):
    _, ledger = run(files, processor, journal)
    monkeypatch.setattr(
        "lung_cxr.imaging.catalogue.process_image.decode_image", lambda _: pytest.fail("an image was decoded")
    )
    _, after = run(files, processor, journal, ledger, trust_timestamps=False)
    pd.testing.assert_frame_equal(after, ledger)


def test_a_truncated_stored_image_is_made_again(files, processor, journal):
    _, ledger = run(files, processor, journal)
    whole = processor.store.get(IDS[2])
    stored = processor.store.folder / processor.store.path(IDS[2])
    stored.write_bytes(stored.read_bytes()[:-9])
    plan, after = run(files, processor, journal, ledger)
    assert plan.to_read == [(IDS[2], files[IDS[2]])]
    np.testing.assert_array_equal(processor.store.get(IDS[2]), whole)
    pd.testing.assert_frame_equal(after, ledger)


def test_a_vanished_file_whose_image_is_gone_too_is_missing_until_the_store_comes_back(files, processor, journal):
    _, ledger = run(files, processor, journal)
    files[IDS[0]].unlink()
    stored = processor.store.folder / processor.store.path(IDS[0])
    away = stored.rename(stored.with_suffix(".away"))
    _, without = run(files, processor, journal, ledger)
    assert (without["reason"][0], without["detail"][0]) == ("missing_file", "file and stored image")
    away.rename(stored)
    _, after = run(files, processor, journal, without)
    assert (after["reason"][0], after["pixel_sha256"][0]) == ("", ledger["pixel_sha256"][0])


def test_an_image_whose_file_moved_behind_a_link_out_of_the_export_stays(files, processor, journal):
    _, ledger = run(files, processor, journal)
    plan, after = run(files | {IDS[0]: None}, processor, journal, ledger)
    assert plan.states[IDS[0]] == "vanished"
    pd.testing.assert_frame_equal(after, ledger)


def test_a_vanished_file_under_other_settings_keeps_its_image_which_says_so(files, processor, journal):
    _, ledger = run(files, processor, journal)
    files[IDS[0]].unlink()
    narrower = processor.standardise.model_copy(update={"percentiles": (2.0, 98.0)})
    other = replace(processor, standardise=narrower)
    _, after = run(files, other, journal, ledger)
    assert after["outdated"].tolist() == [True, False, False, False, False, False]
    assert after["pixel_sha256"][0] == ledger["pixel_sha256"][0]
    _, back = run(files, processor, journal, after)
    assert not back["outdated"].any()


def test_what_may_not_be_stored_any_more_leaves_the_store_only_where_it_can_be_made_again(files, processor, journal):
    _, ledger = run(files, processor, journal)
    files[IDS[0]].unlink()
    strict = replace(processor, accept_unchecked_pixels=False)
    _, after = run(files, strict, journal, ledger)
    assert after["reason"].tolist() == [""] + ["unchecked_pixels"] * 5
    assert [image_id for image_id in IDS if processor.store.has(image_id)] == [IDS[0]]


def text_at_the_first_look(monkeypatch, looks=1):
    corners = np.array([[15, 15], [40, 15], [40, 25], [15, 25]], np.float32)
    found = iter([[TextBox(corners, "NGUYEN VAN MAT", 0.9)]] * looks)
    monkeypatch.setattr(burned_in_text, "find_text", lambda *_: next(found, []))


@pytest.mark.parametrize("policy", ["redact", "flag"])
@pytest.mark.parametrize("is_archived", [True, False])
def test_text_in_an_image_whose_file_is_gone_is_blacked_out_in_the_store_once(
    files, processor, journal, monkeypatch, policy, is_archived
):
    files = {IDS[0]: files[IDS[0]]}
    _, ledger = run(files, processor, journal)
    files[IDS[0]].unlink()
    text_at_the_first_look(monkeypatch)
    looking = replace(processor, burned_in_text=policy)
    plan, after = run({} if is_archived else files, looking, journal, ledger)
    assert "1 stored images without a file to search for text" in plan.in_words()
    stored = processor.store.get(IDS[0])
    assert not stored[15:26, 15:41].any()
    assert after["pixel_sha256"].tolist() == [looking.hashes.pixels(hashlib.sha256(stored.tobytes()).hexdigest())]
    assert (after["reason"][0], after["text_boxes"][0], after["outdated"][0]) == ("", 1, True)
    plan, again = run(files, looking, journal, after)
    assert not plan.to_search
    pd.testing.assert_frame_equal(again, after)


def test_a_search_killed_before_it_was_written_down_is_done_again(files, processor, journal, monkeypatch):
    files = {IDS[0]: files[IDS[0]]}
    _, ledger = run(files, processor, journal)
    files[IDS[0]].unlink()
    journal.clear()
    text_at_the_first_look(monkeypatch)
    looking = replace(processor, burned_in_text="redact")
    run(files, looking, journal, ledger)
    journal.clear()  # the image has other bytes than the ledger says
    _, after = run(files, looking, journal, ledger)
    assert (after["reason"][0], after["text_boxes"][0]) == ("", 0)
    assert processor.store.has(IDS[0])


@pytest.mark.parametrize(("spoil", "looks", "reason"), [(True, 0, "unreadable"), (False, 9, "text_remains")])
def test_a_stored_image_that_cannot_be_cleared_is_rejected(
    files, processor, journal, monkeypatch, spoil, looks, reason
):
    files = {IDS[0]: files[IDS[0]]}
    _, ledger = run(files, processor, journal)
    files[IDS[0]].unlink()
    if spoil:
        (processor.store.folder / processor.store.path(IDS[0])).write_bytes(b"no image")
    text_at_the_first_look(monkeypatch, looks)
    _, after = run(files, replace(processor, burned_in_text="redact"), journal, ledger)
    assert after["reason"].tolist() == [reason]
    assert processor.store.has(IDS[0]) == spoil  # what only may hold text is never deleted


def test_a_file_that_could_not_be_judged_and_then_vanished_keeps_its_image(files, processor, journal, monkeypatch):
    _, ledger = run(files, processor, journal)
    os.utime(files[IDS[0]], ns=(1, 1))
    with monkeypatch.context() as patch:
        patch.setattr("lung_cxr.imaging.catalogue.process_image.read_bytes", lambda *_: (_ for _ in ()).throw(OSError))
        _, failed = run(files, processor, journal, ledger)
    assert failed["reason"][0] == "unreadable"
    files[IDS[0]].unlink()
    _, after = run(files, processor, journal, failed)
    assert after["reason"][0] == ""
    assert processor.store.has(IDS[0])


def test_a_file_that_changes_while_it_is_read_is_read_again_next_time(files, processor, journal, smooth, monkeypatch):
    def replaced_while_read(path, _):
        data = path.read_bytes()
        Image.fromarray((smooth(50) * 255).astype(np.uint8)).save(path)
        return data

    with monkeypatch.context() as patch:
        patch.setattr("lung_cxr.imaging.catalogue.process_image.read_bytes", replaced_while_read)
        _, ledger = run({IDS[0]: files[IDS[0]]}, processor, journal)
    assert ledger["detail"].tolist() == ["changed while it was read"]
    plan, after = run({IDS[0]: files[IDS[0]]}, processor, journal, ledger)
    assert len(plan.to_read) == 1
    assert after["reason"].tolist() == [""]


def test_a_spoilt_part_of_the_journal_costs_its_files_only(files, processor, journal, monkeypatch, caplog):
    monkeypatch.setattr(refresh, "JOURNAL_SECONDS", 0)
    run(files, processor, journal)
    parts = sorted(journal.folder.glob("*.json"))
    parts[1].write_text(parts[1].read_text()[:20])
    parts[2].write_text("")
    plan, ledger = run(files, processor, Journal(journal.folder))
    assert len(plan.to_read) == 2
    assert "2 files of the refresh journal" in caplog.text
    assert (ledger["reason"] == "").all()


def test_a_reader_process_starts_without_pandas():
    modules = "lung_cxr.imaging.catalogue.reader_processes, lung_cxr.imaging.reading.dicom"
    code = f"import sys, {modules}; sys.exit(not {{'pandas', 'pandera', 'kedro'}}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the options of malloc are those of glibc")
def test_a_reader_process_uses_the_memory_of_one_image_for_the_next():
    code = (
        "import resource, sys, numpy as np\n"
        "from lung_cxr.imaging.catalogue.reader_processes import keep_freed_memory\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    file, pixels, mask = bytearray(10 << 20), np.ones(5 << 20, np.uint16), np.ones(5 << 20, bool)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "keep_freed_memory(); faults(); sys.exit(faults() > 100)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
