import pytest
from kedro.io import DatasetError

from lung_cxr.datasets import NewImagesDataset
from lung_cxr.prediction.new_images import find_new_images


def test_the_files_are_listed(tmp_path):
    (tmp_path / "a.png").touch()
    assert list(NewImagesDataset(filepath=str(tmp_path)).load().files) == ["a.png"]


@pytest.mark.parametrize(("make", "state"), [(False, "is missing"), (True, "holds no file")])
def test_without_a_file_the_error_says_what_to_put_where(tmp_path, make, state):
    folder = tmp_path / "new_images"
    if make:
        (folder / "only/folders").mkdir(parents=True)
        (folder / "file_keys.csv").touch()  # of the last time
    with pytest.raises(DatasetError, match=rf"new_images' {state}; expected DICOM, PNG or JPEG.*Put them there"):
        NewImagesDataset(filepath=str(folder)).load()


def test_it_is_only_read(tmp_path):
    with pytest.raises(DatasetError, match="read-only"):
        NewImagesDataset(filepath=str(tmp_path)).save(find_new_images(tmp_path))
