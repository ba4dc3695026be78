from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from lung_cxr.datasets import AppendedParquetDataset, AtomicJSONDataset, AtomicParquetDataset, AtomicTextDataset


@pytest.fixture
def dataset(tmp_path):
    return AtomicParquetDataset(filepath=str(tmp_path / "05_model_input" / "patient_subsets.parquet"))


def test_a_table_that_is_saved_is_loaded_and_nothing_else_is_left(dataset, tmp_path):
    table = pd.DataFrame({"patient_key": ["a"], "assigned_in": [1]})
    assert not dataset.exists()
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)
    assert [path.name for path in (tmp_path / "05_model_input").iterdir()] == ["patient_subsets.parquet"]


def be_killed_while_saving(dataset, table, monkeypatch):
    def killed(_, path, **__):
        path.write_bytes(b"half a tab")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_parquet", killed)
        with pytest.raises(KeyboardInterrupt):
            dataset.save(table)


def test_a_kill_while_writing_leaves_the_old_table(dataset, monkeypatch):
    dataset.save(pd.DataFrame({"subset": ["train"]}))
    be_killed_while_saving(dataset, pd.DataFrame({"subset": ["test"]}), monkeypatch)
    assert dataset.load()["subset"].tolist() == ["train"]


@pytest.mark.parametrize("kind", [AtomicTextDataset, AtomicJSONDataset])
def test_what_is_saved_is_loaded_and_a_kill_while_writing_leaves_the_old_one(tmp_path, monkeypatch, kind):
    dataset = kind(filepath=str(tmp_path / "02_intermediate/file"))
    dataset.save("a" * 32)

    def killed(path, *_, **__):
        path.write_bytes(b"")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            dataset.save("b" * 32)
    assert dataset.load() == "a" * 32
    assert [path.name for path in (tmp_path / "02_intermediate").iterdir()] == ["file"]


def test_rows_are_appended_also_by_two_processes_at_once_and_a_kill_keeps_the_earlier_ones(tmp_path, monkeypatch):
    dataset = AppendedParquetDataset(filepath=str(tmp_path / "08_reporting/monitoring.parquet"))
    with ThreadPoolExecutor(2) as pool:  # the lock does not know whether its holder is a thread or a process
        list(pool.map(lambda number: dataset.save(pd.DataFrame({"images": [number]})), range(4)))
    assert sorted(dataset.load()["images"]) == list(range(4))
    be_killed_while_saving(dataset, pd.DataFrame({"images": [99]}), monkeypatch)
    assert sorted(dataset.load()["images"]) == list(range(4))
    dataset.save(pd.DataFrame({"images": [12]}))
    assert dataset.load()["images"].tolist()[-1] == 12
