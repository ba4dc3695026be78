import unicodedata

import pytest

from lung_cxr.imaging.emr.find_files import find_file

NFD = unicodedata.normalize("NFD", "ảnh")


@pytest.fixture
def folder(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("names", "written", "found"),
    [
        (["x²1.png", "x21.png"], "x²1.png", "x²1.png"),
        (["x²1.png", "x21.png"], "x21.png", "x21.png"),
        (["x21.png"], "x²1.png", None),
        (["a 1.png"], "a\u00a01.png", None),  # a no-break space is another name
        (["A.PNG"], "a.png", "A.PNG"),
        (["A.png", "a.png"], "a.png", "a.png"),
        (["A.png", "a.PNG"], "a.png", None),  # two files fit
        (["Folder/B.DCM"], "folder/b.dcm", "Folder/B.DCM"),
        ([f"{NFD}.png"], "ảnh.png", f"{NFD}.png"),
        ([f"{NFD}.png", "ảnh.png"], f"{NFD}.png", f"{NFD}.png"),
        (["a.png"], "\ufeffa.png\u200b", "a.png"),
        (["a.png"], "b.png", None),
        (["a.png"], "a.png/b.png", None),
    ],
)
def test_the_exact_name_wins_and_another_spelling_counts_only_if_it_is_the_only_one(folder, names, written, found):
    root = folder(*names)
    path = find_file(root, written)
    assert (path.read_text() if path.is_file() else None) == found


def test_a_folder_that_changes_is_listed_again(folder):
    root = folder("a.png")
    assert not find_file(root, "B.png").exists()
    folder("b.png")
    import os

    os.utime(root, ns=(1, 1))
    assert find_file(root, "B.png").name == "b.png"
