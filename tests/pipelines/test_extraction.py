"""The pipeline `extraction` on SQLite: snapshots that ingestion reads, new rows only, complete or not at all."""

import datetime as dt
import shutil
import sqlite3

import pandas as pd
import pytest
from kedro.io import DatasetError

from lung_cxr.exit_codes import ExitCode
from lung_cxr.extraction import snapshot
from lung_cxr.extraction.extraction_error import ExtractionError
from lung_cxr.imaging.emr.exports import MARKER
from lung_cxr.pipelines import extraction, ingestion

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed (pip install lung_cxr[database])")
COLUMNS = "patient_id, image_path, icd10_primary, view, exam_date, birth_date, sex, updated_at"


class Database:
    """A hospital with one table in SQLite and images on a share."""

    def __init__(self, hospital, folder):
        self.hospital, self.share, self.file = hospital, folder / "share", folder / "hospital.db"
        with sqlite3.connect(self.file) as connection:
            connection.execute(f"CREATE TABLE exams ({COLUMNS.replace(',', ' TEXT,')} TEXT)")
        query = {
            "type": "pandas.SQLQueryDataset",
            "sql": f"SELECT {COLUMNS} FROM exams",
            "credentials": {"con": f"sqlite:///{self.file}"},
        }
        hospital.datasets["emr_queries"] = {"type": "lung_cxr.datasets.QueriesDataset", "queries": {"exams": query}}
        hospital.parameters["ingestion"]["workers"] = 1
        hospital.parameters["extraction"] |= {
            "image_root": str(self.share),
            "path_prefixes": [r"\\pacs01\images"],
            "newer_than": "updated_at",
        }

    def add(self, day, patients):
        """Add rows and files of one day; images are those of an export."""
        self.hospital.receive(day, patients)
        drawn = self.hospital.exports / day
        rows = pd.read_csv(drawn / "emr.csv", dtype="str")
        (self.share / day).mkdir(parents=True, exist_ok=True)
        for name in rows["image_path"]:
            shutil.move(drawn / name, self.share / day / name)
        shutil.rmtree(drawn)
        rows["image_path"] = rf"\\PACS01\images\{day}" + "\\" + rows["image_path"]
        with sqlite3.connect(self.file) as connection:
            rows.assign(updated_at=day)[COLUMNS.split(", ")].to_sql(
                "exams", connection, if_exists="append", index=False
            )

    def extract(self):
        """Run the pipeline; return the rows of the new snapshot, None without one."""
        before = set(self.hospital.exports.glob("*"))
        self.hospital.run(extraction)
        new = set(self.hospital.exports.glob("*")) - before
        if not new:
            return None
        (folder,) = new
        (folder / MARKER).touch()
        return pd.read_parquet(folder / "emr.parquet")


class Clock(dt.datetime):
    hours = 0

    @classmethod
    def now(cls, tz=None):
        cls.hours += 1
        return dt.datetime(2026, 4, 1, tzinfo=tz) + dt.timedelta(hours=cls.hours)


@pytest.fixture
def database(hospital, tmp_path, monkeypatch):
    monkeypatch.setattr("lung_cxr.pipelines.extraction.nodes.datetime", Clock)
    made = Database(hospital, tmp_path)
    made.add("2026-03-01", ["0090041", "0090042"])
    return made


def test_a_refresh_reads_a_snapshot_and_a_second_one_brings_only_new_rows(database):
    first = database.extract()
    assert list(first["image_path"]) == ["2026-03-01/2026-03-01-0090041.png", "2026-03-01/2026-03-01-0090042.png"]
    assert list(first["patient_id"]) == ["0090041", "0090042"]
    assert database.extract() is None
    database.add("2026-03-01", ["0090043"])  # after the extraction of the same day
    database.add("2026-03-02", ["0090044"])
    assert list(database.extract()["patient_id"]) == ["0090043", "0090044"]
    database.hospital.run(ingestion)
    manifest = database.hospital.table("03_primary/image_manifest.parquet")
    assert list(manifest["qc_status"]) == ["accepted"] * 4
    assert sorted(manifest["export"]) == [1, 1, 2, 2]
    assert database.extract() is None


def test_in_one_command_a_refresh_comes_after_the_snapshot():
    assert (ingestion.create_pipeline() + extraction.create_pipeline()).nodes[0].name == "extract"


def test_without_a_column_of_time_each_snapshot_is_complete(database):
    database.hospital.parameters["extraction"]["newer_than"] = None
    assert len(database.extract()) == 2
    assert database.extract() is None
    database.add("2026-03-02", ["0090044"])
    assert len(database.extract()) == 3


def test_a_killed_extraction_leaves_no_export(database, monkeypatch):
    copied = []

    def killed(path, ns):
        copied.append(path)
        if len(copied) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(snapshot.os, "utime", killed)
        with pytest.raises(KeyboardInterrupt):
            database.hospital.run(extraction)
    assert [path.name for path in copied] == ["2026-03-01-0090041.png", "2026-03-01-0090042.png"]
    assert list(database.hospital.exports.iterdir()) == []
    left = database.hospital.exports / ".unfinished-2026-01-01T000000Z"  # of a process that had no time to clean up
    left.mkdir()
    assert len(database.extract()) == 2
    assert not left.exists()


def test_more_missing_files_than_a_refresh_accepts_are_refused(database):
    (database.share / "2026-03-01/2026-03-01-0090041.png").unlink()
    database.hospital.parameters["ingestion"]["max_fault_fraction"] = 0.4
    with pytest.raises(ExtractionError, match="1 of 2 new rows have no file") as found:
        database.hospital.run(extraction)
    assert found.value.exit_code == ExitCode.FAULTS
    assert list(database.hospital.exports.iterdir()) == []
    database.hospital.parameters["ingestion"]["max_fault_fraction"] = 0.5
    assert len(database.extract()) == 2


def test_a_failing_query_shows_neither_values_nor_the_connection(database, caplog):
    query = database.hospital.datasets["emr_queries"]["queries"]["exams"]
    for change in ({"sql": "SELECT 'Nguyễn' FROM none"}, {"credentials": {"con": "nodb://me:Secret@host/x"}}):
        database.hospital.datasets["emr_queries"]["queries"] = {"exams": query | change}
        with caplog.at_level("DEBUG"), pytest.raises(DatasetError, match="query exams failed") as found:
            database.hospital.run(extraction)
        cause = found.value.__cause__
        assert (cause.__cause__, cause.__context__) == (None, None)
        assert "Nguyễn" not in str(found.value) + str(cause)
        assert "Secret" not in str(found.value) + str(cause) + caplog.text
    database.hospital.datasets["emr_queries"]["queries"] = {}
    with pytest.raises(DatasetError, match=r"catalog_extraction\.yml"):
        database.hospital.run(extraction)
