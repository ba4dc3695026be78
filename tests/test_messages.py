import pytest

from lung_cxr.messages import without_folders


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("no weights file '/home/jane doe/w/vgg16.h5': give", "no weights file 'vgg16.h5': give"),
        ("File not found: filepath=/home/jane/model.keras. Please", "File not found: filepath=model.keras. Please"),
        ("'/data/a/x.h5' or \"~/b/y.h5\"", "'x.h5' or \"y.h5\""),
        ("path:/srv/cxr/06_models/ is full", "path: is full"),
        ("file:///srv/cxr/x.h5", "x.h5"),
        (r"C:\Users\jane\x.h5 is locked", "x.h5 is locked"),
        ("~jane/w/x.h5", "x.h5"),
        ("URL fetch failure on https://host.org/a/b.h5: None", "URL fetch failure on https://host.org/a/b.h5: None"),
        ("Graph execution error at node model/dense/MatMul, 3 images/s", None),
        ("shapes (8, 7) / (8, 1)", None),
    ],
)
def test_an_absolute_path_is_cut_to_its_files_name(message, kept):
    assert without_folders(message) == (message if kept is None else kept)
