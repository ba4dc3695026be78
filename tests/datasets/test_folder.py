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
    with pytest.raises(DatasetError, match="place to write to"):
        FolderDataset(filepath=str(tmp_path)).save(tmp_path)


def test_in_a_store_the_folder_is_a_copy_on_this_machine(store):
    store.put("06_models/mobilenet/model.keras", b"weights")
    dataset = FolderDataset(filepath=f"{store.url}/06_models")
    assert dataset.exists()
    assert (dataset.load() / "mobilenet/model.keras").read_bytes() == b"weights"
    assert not FolderDataset(filepath=f"{store.url}/07_model_output").exists()
    assert FolderDataset(filepath=f"{store.url}/07_model_output").load().is_dir()


def test_a_node_gets_of_a_store_what_it_needs_and_all_others_everything(store):
    for name in ("tuned/mobilenet/dynamic/seed_1", "tuned/mobilenet/full/seed_1", "tuned/vgg16/dynamic/seed_1"):
        store.put(f"06_models/{name}/model.keras", b"weights")
    needed = {"*.train": ["tuned/{cell}/seed_*"], "erase_withdrawn": ["*/identity.json"]}
    dataset = FolderDataset(filepath=f"{store.url}/06_models", needed=needed)

    def fetched(node):
        folder = dataset.fetch(node, {"cell": "mobilenet/dynamic"})
        return sorted(path.relative_to(folder).parts[1:3] for path in folder.rglob("*.keras"))

    assert fetched("erase_withdrawn") == []
    assert fetched("mobilenet.dynamic.train") == [("mobilenet", "dynamic")]
    assert len(fetched("another_node")) == 3
