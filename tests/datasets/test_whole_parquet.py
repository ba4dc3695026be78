import pandas as pd
import pytest
from kedro.io import DatasetError

from lung_cxr.datasets import WholeParquetDataset


@pytest.fixture
def dataset(tmp_path):
    return WholeParquetDataset(filepath=str(tmp_path / "05_model_input" / "patient_subsets.parquet"))


def test_what_is_saved_is_loaded_and_nothing_else_is_left(dataset, tmp_path):
    table = pd.DataFrame({"patient_key": ["a"], "assigned_in": [1]})
    assert not dataset.exists()
    dataset.save(table)
    pd.testing.assert_frame_equal(dataset.load(), table)
    assert [path.name for path in (tmp_path / "05_model_input").iterdir()] == ["patient_subsets.parquet"]


def test_a_kill_while_writing_leaves_the_old_table(dataset, monkeypatch):
    dataset.save(pd.DataFrame({"subset": ["train"]}))

    def killed(_, path, **__):
        path.write_bytes(b"half a tab")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_parquet", killed)
        with pytest.raises(KeyboardInterrupt):
            dataset.save(pd.DataFrame({"subset": ["test"]}))
    assert dataset.load()["subset"].tolist() == ["train"]


def test_a_bucket_is_refused_with_the_reason():
    dataset = WholeParquetDataset(filepath="memory://bucket/known_exports.parquet")
    with pytest.raises(DatasetError, match="mounted file system, found memory"):
        dataset.save(pd.DataFrame({"export": [1]}))
