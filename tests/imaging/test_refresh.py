import functools
import io
import os
import re
import signal
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from lung_cxr.imaging import refresh
from lung_cxr.imaging.journal import Journal
from lung_cxr.imaging.observe import LEDGER_COLUMNS, Observation, Observer
from lung_cxr.imaging.refresh import carry_out, plan_refresh, read_ledger
from lung_cxr.imaging.store import ImageStore

IDS = [f"{number:02x}" * 16 for number in range(6)]


@pytest.fixture
def observer(tmp_path, secret, ingestion):
    return Observer(ImageStore(tmp_path / "images"), secret, ingestion.standardise, True, "off")


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


def run(files, observer, journal, table=None):
    ledger = read_ledger(table, journal)
    plan = plan_refresh(files, ledger, observer)
    return plan, carry_out(plan, ledger, observer, journal, workers=1)


def reading_is_an_error(monkeypatch):
    monkeypatch.setattr(Observer, "observe", lambda *_: pytest.fail("a file was opened"))


def test_everything_is_new_once_and_nothing_the_second_time(files, observer, journal, monkeypatch):
    plan, ledger = run(files, observer, journal)
    assert plan.in_words() == "6 of 6 files to read: 6 new, 0 changed"
    assert list(ledger.columns) == LEDGER_COLUMNS
    assert ledger["image_id"].tolist() == IDS
    journal.clear()
    reading_is_an_error(monkeypatch)
    plan, again = run(files, observer, journal, ledger)
    assert plan.in_words() == "Nothing new: 0 of 6 files read"
    pd.testing.assert_frame_equal(again, ledger)


def test_the_ledger_survives_parquet(files, observer, journal, tmp_path):
    _, ledger = run(files, observer, journal)
    ledger.to_parquet(tmp_path / "ledger.parquet")
    journal.clear()
    assert not plan_refresh(files, read_ledger(pd.read_parquet(tmp_path / "ledger.parquet"), journal), observer).to_read


def test_a_ledger_of_a_version_that_measured_less_is_read(files, observer, journal):
    _, ledger = run(files, observer, journal)
    journal.clear()
    assert set(read_ledger(ledger.drop(columns="burned_in"), journal)) == set(IDS)


def test_a_changed_file_and_it_alone_is_made_again(files, observer, journal, smooth):
    _, ledger = run(files, observer, journal)
    Image.fromarray((smooth(99) * 255).astype(np.uint8)).save(files[IDS[2]])
    plan, after = run(files, observer, journal, ledger)
    assert [image_id for image_id, _ in plan.to_read] == [IDS[2]]
    assert plan.counts() == {"new": 0, "changed": 1, "unchanged": 5, "absent": 0, "vanished": 0}
    differs = ledger["pixel_sha256"] != after["pixel_sha256"]
    assert ledger.loc[differs, "image_id"].tolist() == [IDS[2]]


def test_other_settings_make_all_again(files, observer, journal):
    _, ledger = run(files, observer, journal)
    other = Observer(observer.store, observer.secret, observer.standardise.model_copy(update={"side": 32}), True, "off")
    plan, _ = run(files, other, journal, ledger)
    assert plan.counts()["changed"] == 6
    assert observer.store.get(IDS[0]).shape == (32, 32)


def test_an_image_gone_from_the_store_is_made_again(files, observer, journal):
    _, ledger = run(files, observer, journal)
    observer.store.remove(IDS[4])
    plan, _ = run(files, observer, journal, ledger)
    assert [image_id for image_id, _ in plan.to_read] == [IDS[4]]
    assert observer.store.has(IDS[4])


def test_a_rejected_file_is_not_decoded_again(files, observer, journal, monkeypatch):
    files[IDS[1]].write_bytes(b"rubbish")
    _, ledger = run(files, observer, journal)
    assert ledger.set_index("image_id").loc[IDS[1], "reason"] == "unreadable"
    journal.clear()
    reading_is_an_error(monkeypatch)
    run(files, observer, journal, ledger)


def test_a_missing_file_is_a_fault_until_it_comes(files, observer, journal):
    content = files[IDS[0]].read_bytes()
    files[IDS[0]].unlink()
    plan, ledger = run(files, observer, journal)
    assert plan.absent == {IDS[0]: "missing_file"}
    assert ledger["reason"].tolist() == ["missing_file", "", "", "", "", ""]
    files[IDS[0]].write_bytes(content)
    plan, ledger = run(files, observer, journal, ledger)
    assert (plan.new, ledger["reason"][0]) == (1, "")


def test_a_vanished_file_keeps_its_image(files, observer, journal):
    _, ledger = run(files, observer, journal)
    files[IDS[0]].unlink()
    plan, after = run(files, observer, journal, ledger)
    assert "1 are gone, their images stay" in plan.in_words()
    assert plan.vanished == [IDS[0]]
    pd.testing.assert_frame_equal(after, ledger)
    assert observer.store.has(IDS[0])


def test_a_path_out_of_the_export_is_never_opened(observer, journal):
    plan, ledger = run({IDS[0]: None}, observer, journal)
    assert not plan.to_read
    assert ledger["reason"].tolist() == ["path_outside_export"]


def test_a_killed_run_goes_on_where_it_was(files, observer, journal, monkeypatch):
    monkeypatch.setattr(refresh, "BATCH", 2)
    real, opened = Observer.observe, []

    def killed_at_the_fifth(self, image_id, path, previous):
        if len(opened) == 4:
            raise KeyboardInterrupt
        opened.append(image_id)
        return real(self, image_id, path, previous)

    monkeypatch.setattr(Observer, "observe", killed_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        run(files, observer, journal)
    monkeypatch.setattr(Observer, "observe", real)
    plan, ledger = run(files, observer, journal)
    assert [image_id for image_id, _ in plan.to_read] == IDS[4:]
    assert (ledger["reason"] == "").all()


def test_the_journal_forgets_what_it_is_told_to(journal):
    journal.append([Observation(IDS[0], rows=3)])
    journal.append([Observation(IDS[1], qc_contrast=2.5)])
    first, second = journal.read()
    assert (first.rows, second.qc_contrast) == (3, 2.5)
    assert np.isnan(first.qc_contrast)
    journal.clear()
    assert journal.read() == []


@dataclass(frozen=True)
class MortalObserver(Observer):
    """Dies as a decoder does that writes where it must not."""

    def observe(self, image_id, path, previous):
        if path.read_bytes() == b"deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().observe(image_id, path, previous)


@pytest.mark.slow
def test_a_file_that_kills_its_reader_is_rejected_and_the_others_are_read(files, observer, journal, monkeypatch):
    files[IDS[3]].write_bytes(b"deadly")
    monkeypatch.setattr(refresh, "SERIAL_BELOW", 0)
    mortal = MortalObserver(observer.store, observer.secret, observer.standardise, True, "off")
    plan = plan_refresh(files, {}, mortal)
    ledger = carry_out(plan, {}, mortal, journal, workers=2).set_index("image_id")
    assert ledger["reason"].to_dict() == {image_id: "unreadable" if image_id == IDS[3] else "" for image_id in IDS}
    assert ledger.loc[IDS[3], "detail"] == "the reader died"


def test_the_progress_bar_shows_rate_and_time_left(files, observer, journal, monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=120)
    monkeypatch.setattr(refresh, "Progress", functools.partial(Progress, console=console))
    run(files, observer, journal)
    assert re.search(r"6/6 \d+\.\d images/s \d+:\d\d:\d\d", console.file.getvalue())
