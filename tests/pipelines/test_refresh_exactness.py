"""What one change to an export costs and changes: the ingestion pipeline, refreshed after each."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from test_ingestion import Workplace

from lung_cxr.imaging.catalogue import process_image, refresh, verify
from lung_cxr.imaging.catalogue.image_store import ImageStore, StoreFullError
from made_up_hospital import with_raw_rows


class Catalogue(Workplace):
    """Four images of export 1, and what a refresh costs."""

    def __init__(self, project, folder, monkeypatch):
        super().__init__(project, folder)
        self.rows = pd.read_csv(self.exports / "a/emr.csv", dtype="str")
        self.store = ImageStore(folder / "data/test/03_primary/images")
        self.read: list[Path] = []
        self.decoded = 0
        monkeypatch.setattr(process_image, "read_bytes", self._counting(process_image.read_bytes))
        monkeypatch.setattr(process_image, "decode_image", self._counting_decode(process_image.decode_image))

    def _counting(self, real):
        def read_bytes(path, *others):
            self.read.append(path)
            return real(path, *others)

        return read_bytes

    def _counting_decode(self, real):
        def decode_image(data, *others):
            self.decoded += 1
            return real(data, *others)

        return decode_image

    def write(self):
        self.rows.to_csv(self.exports / "a/emr.csv", index=False)

    def refresh(self, **ingestion) -> tuple[int, int]:
        """Files read and images decoded by one more run."""
        self.read.clear()
        self.decoded = 0
        self.run(**ingestion)
        return len(self.read), self.decoded

    @property
    def counts(self) -> dict[str, int]:
        counted = json.loads((self.folder / "data/test/02_intermediate/refresh_counts.json").read_text())
        return {state: number for state, number in counted["total"].items() if number}

    def by_file(self, column: str) -> list:
        """A column of the manifest in the order of the table's rows."""
        records = with_raw_rows(self.table("02_intermediate/records.parquet"), "source_export").sort_values("row")
        return self.manifest.set_index("image_id").loc[records["image_id"], column].tolist()

    def stored_files(self) -> dict[str, bytes]:
        files = [path for path in self.store.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.store.folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def first_refresh(project, tmp_path_factory):
    """A project folder after its first refresh."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        workplace = Workplace(project, folder)
        workplace.sound_rows("a", ["1", "2", "3", "4"]).to_csv(workplace.exports / "a/emr.csv", index=False)
        workplace.run()
    return folder


@pytest.fixture
def catalogue(first_refresh, project, tmp_path, monkeypatch):
    shutil.copytree(first_refresh, tmp_path, dirs_exist_ok=True)  # with the times of files
    monkeypatch.chdir(tmp_path)
    return Catalogue(project, tmp_path, monkeypatch)


def test_a_run_with_nothing_new_opens_no_file_and_changes_no_row(catalogue):
    before, stored = catalogue.manifest, catalogue.stored_files()
    assert catalogue.refresh() == (0, 0)
    assert catalogue.counts == {"unchanged": 4}
    pd.testing.assert_frame_equal(catalogue.manifest, before)
    assert catalogue.stored_files() == stored


def test_one_new_file_costs_one_file(catalogue):
    more = catalogue.sound_rows("b", ["5"])
    more.to_csv(catalogue.exports / "b/emr.csv", index=False)
    assert catalogue.refresh() == (1, 1)
    assert catalogue.counts == {"new": 1, "unchanged": 4}


def test_a_changed_file_replaces_its_image_and_says_so(catalogue, caplog):
    before = catalogue.by_file("pixel_sha256")
    catalogue.picture("a/a-2.png", seed=99)
    with caplog.at_level("INFO"):
        assert catalogue.refresh() == (1, 1)
    assert "Against the catalogue so far: 1 changed" in caplog.text
    after = catalogue.by_file("pixel_sha256")
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True, True]
    assert len(catalogue.stored_files()) == 4


def test_a_file_that_was_only_touched_is_not_decoded(catalogue):
    os.utime(catalogue.exports / "a/a-1.png")
    assert catalogue.refresh() == (1, 0)
    assert catalogue.counts == {"unchanged": 4}
    assert catalogue.refresh() == (0, 0)


def test_a_vanished_file_is_reported_and_its_image_stays(catalogue, caplog):
    before, stored = catalogue.manifest, catalogue.stored_files()
    (catalogue.exports / "a/a-3.png").unlink()
    with caplog.at_level("INFO"):
        assert catalogue.refresh() == (0, 0)
    assert "1 files vanished" in caplog.text
    assert catalogue.counts == {"unchanged": 3, "vanished": 1}
    pd.testing.assert_frame_equal(catalogue.manifest, before)
    assert catalogue.stored_files() == stored


def test_a_corrected_label_reads_nothing(catalogue):
    catalogue.rows.loc[1, "icd10_primary"] = "A15.0"
    catalogue.write()
    assert catalogue.refresh() == (0, 0)
    assert catalogue.counts == {"unchanged": 4, "relabelled": 1}
    assert catalogue.by_file("label") == ["Pneumonia", "Tuberculosis", "Pneumonia", "Pneumonia"]


def test_a_threshold_reads_nothing_and_what_alters_pixels_makes_all_again(catalogue):
    quality = catalogue.parameters["ingestion"]["quality"]
    assert catalogue.refresh(quality=dict(quality, min_side=500), max_fault_fraction=1.0) == (0, 0)
    assert catalogue.manifest["qc_status"].tolist() == ["rejected"] * 4
    standardise = dict(catalogue.parameters["ingestion"]["standardise"], percentiles=[2.0, 98.0])
    before = catalogue.by_file("pixel_sha256")
    assert catalogue.refresh(standardise=standardise) == (4, 4)
    assert catalogue.counts == {"remade": 4}
    assert not set(before) & set(catalogue.by_file("pixel_sha256"))


def test_an_image_under_earlier_settings_whose_file_is_gone_is_flagged(catalogue):
    (catalogue.exports / "a/a-1.png").unlink()
    standardise = dict(catalogue.parameters["ingestion"]["standardise"], percentiles=[2.0, 98.0])
    assert catalogue.refresh(standardise=standardise) == (3, 3)
    flags = [reasons.split(";") for reasons in catalogue.by_file("qc_reasons")]
    assert ["outdated" in found for found in flags] == [True, False, False, False]
    assert catalogue.by_file("qc_status") == ["accepted"] * 4


def test_an_export_whose_folder_is_renamed_is_read_not_again(catalogue):
    before = catalogue.manifest
    (catalogue.exports / "a").rename(catalogue.exports / "a-delivered-in-march")
    assert catalogue.refresh() == (0, 0)
    pd.testing.assert_frame_equal(catalogue.manifest, before)
    known = catalogue.table("02_intermediate/known_exports.parquet")
    assert known["export_id"].tolist() == ["a", "a-delivered-in-march"]


def test_what_no_row_needs_leaves_the_store(catalogue):
    """An image of a killed run whose row was taken out before the next; what a killed writer left; not other files."""
    stored = catalogue.stored_files()
    orphan = "0123456789abcdef" * 2
    catalogue.store.put(orphan, np.zeros((8, 8), np.uint8))
    (catalogue.store.folder / "01" / f".{orphan}.4711.tmp").write_bytes(b"half")
    catalogue.refresh()
    assert catalogue.stored_files() == stored


def test_a_store_whose_manifest_was_moved_away_is_not_swept(catalogue):
    shutil.rmtree(catalogue.exports / "a")
    catalogue.sound_rows("b", ["5"]).to_csv(catalogue.exports / "b/emr.csv", index=False)
    (catalogue.folder / "data/test/03_primary/image_manifest.parquet").unlink()
    catalogue.refresh()
    assert len(catalogue.stored_files()) == 5


def test_a_damaged_image_is_found_taken_away_and_made_again(catalogue, capsys):
    stored = catalogue.stored_files()
    name, content = next(iter(stored.items()))
    turned = bytearray(content)
    turned[-40] ^= 255
    (catalogue.store.folder / name).write_bytes(bytes(turned))
    assert catalogue.refresh() == (0, 0)
    assert verify.main(["data/test", "--remove"]) == 1
    assert "0 missing, 1 damaged" in capsys.readouterr().out
    assert catalogue.refresh() == (1, 1)
    assert catalogue.counts == {"remade": 1, "unchanged": 3}
    assert catalogue.stored_files() == stored
    assert verify.main(["data/test"]) == 0


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_among_the_images_stops_the_run_and_the_next_one_finishes(catalogue, monkeypatch):
    undisturbed, expected = catalogue.stored_files(), catalogue.manifest
    shutil.rmtree(catalogue.folder / "data/test/02_intermediate")
    shutil.rmtree(catalogue.folder / "data/test/03_primary")
    real, written = Path.write_bytes, []

    def until_full(path, data):
        if path.suffix == ".tmp" and len(written) == 2:
            real(path, data[: len(data) // 2])
            raise FULL
        written.append(path)
        return real(path, data)

    monkeypatch.setattr(refresh, "JOURNAL_SECONDS", 0)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", until_full)
        with pytest.raises(StoreFullError):
            catalogue.run()
    assert catalogue.stored_files().items() < undisturbed.items()
    assert len(catalogue.stored_files()) == 2
    assert catalogue.refresh() == (2, 2)
    assert catalogue.stored_files() == undisturbed
    pd.testing.assert_frame_equal(catalogue.manifest, expected)


@pytest.mark.parametrize("name", ["source_files", "image_manifest"])
def test_a_disk_that_fills_up_at_a_table_stops_the_run_and_the_next_one_finishes(catalogue, monkeypatch, name):
    catalogue.sound_rows("b", ["5", "6"]).to_csv(catalogue.exports / "b/emr.csv", index=False)
    real = pd.DataFrame.to_parquet

    def full(table, path=None, **others):
        if Path(str(getattr(path, "name", path))).name.endswith(f"{name}.parquet"):
            raise FULL
        return real(table, path, **others)

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_parquet", full)
        with pytest.raises(DatasetError, match="Errno 28"):
            catalogue.run()
    catalogue.run()
    assert catalogue.manifest["qc_status"].tolist() == ["accepted"] * 6
    assert catalogue.manifest["image_id"].is_unique
    assert len(catalogue.stored_files()) == 6
    assert not [path for path in (catalogue.folder / "data/test").rglob(".*") if path.is_file()]
