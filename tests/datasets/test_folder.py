import pytest
from kedro.io import DatasetError

from lung_cxr.datasets import FolderDataset


def test_loading_makes_the_folder_and_gives_its_path(tmp_path):
    dataset = FolderDataset(filepath=str(tmp_path / "03_primary" / "images"))
    assert not dataset.exists()
    assert dataset.load() == tmp_path / "03_primary" / "images"
    assert dataset.exists()


def test_what_is_in_the_folder_stays(tmp_path):
    (tmp_path / "a.png").write_bytes(b"pixels")
    assert (FolderDataset(filepath=str(tmp_path)).load() / "a.png").read_bytes() == b"pixels"


def test_a_folder_cannot_be_an_output(tmp_path):
    with pytest.raises(DatasetError, match="folder to write into"):
        FolderDataset(filepath=str(tmp_path)).save(tmp_path)


def test_an_object_store_is_refused_with_what_to_do_instead():
    with pytest.raises(DatasetError, match="Mount the share or bucket"):
        FolderDataset(filepath="s3://bucket/data/03_primary/images")
