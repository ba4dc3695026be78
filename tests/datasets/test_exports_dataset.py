import pytest
from kedro.io import DatasetError

from lung_cxr.datasets import ExportsDataset


def test_each_folder_is_an_export_in_order_of_name(tmp_path):
    for name in ("2026-02", "2026-01", ".snapshot"):
        (tmp_path / name).mkdir()
    (tmp_path / "2026-02/SYNTHETIC").touch()
    (tmp_path / "readme.txt").touch()
    exports = ExportsDataset(filepath=str(tmp_path)).load()
    assert list(exports) == ["2026-01", "2026-02"]
    assert [export.synthetic for export in exports.values()] == [False, True]
    assert exports["2026-01"].folder == tmp_path / "2026-01"


def test_the_folder_itself_can_be_the_one_export_under_a_name_that_stays(tmp_path):
    (tmp_path / "images").mkdir()
    exports = ExportsDataset(filepath=str(tmp_path), glob=".").load()
    assert list(exports) == ["."]
    assert exports["."].folder == tmp_path


@pytest.mark.parametrize("filepath", ["", "nowhere/exports"])
def test_no_folder_is_an_error_that_says_what_to_do(filepath):
    with pytest.raises(DatasetError, match=r"is missing; expected.*globals\.yml.*LUNG_CXR_PUBLIC_ROOT"):
        ExportsDataset(filepath=filepath).load()


def test_no_export_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(DatasetError, match=r"no folder that matches '\*'.*one folder per export"):
        ExportsDataset(filepath=str(tmp_path)).load()


def test_saving_confirms_a_delivery_and_writes_nothing(tmp_path):
    (tmp_path / "2026-01").mkdir()
    dataset = ExportsDataset(filepath=str(tmp_path))
    dataset.save(["2026-01"])
    with pytest.raises(DatasetError, match="lacks 1 of the 2 exports"):
        dataset.save(["2026-01", "2026-02"])
    assert [path.name for path in tmp_path.iterdir()] == ["2026-01"]
