from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro_datasets.pandas import ParquetDataset

from lung_cxr.datasets import OptionalDataset


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "table.parquet")


@pytest.fixture
def optional(path):
    return OptionalDataset(dataset={"type": "pandas.ParquetDataset", "filepath": path})


def test_nothing_saved_yet_gives_none(optional):
    assert optional.load() is None
    assert not optional.exists()


def test_what_the_entry_on_the_same_path_saved_is_read(optional, path):
    table = pd.DataFrame({"patient_key": ["a", "b"]})
    ParquetDataset(filepath=path).save(table)
    pd.testing.assert_frame_equal(optional.load(), table)


def test_it_saves_to_the_wrapped_dataset(optional, path):
    table = pd.DataFrame({"patient_key": ["a", "b"]})
    optional.save(table)
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)


def test_a_damaged_file_is_an_error_that_names_it_and_what_to_restore(optional, path):
    Path(path).write_bytes(b"half a parq")
    with pytest.raises(DatasetError, match=rf"{path} is damaged.*backup"):
        optional.load()


def test_a_damaged_file_that_a_run_rebuilds_is_named_and_counts_as_missing(path, caplog):
    Path(path).write_bytes(b"half a parq")
    wrapped = {"type": "pandas.ParquetDataset", "filepath": path}
    assert OptionalDataset(dataset=wrapped, rebuildable=True).load() is None
    assert f"{path} is damaged" in caplog.text
