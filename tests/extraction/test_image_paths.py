"""Paths of a database: Windows, UNC and POSIX, below one root; none leads out of it."""

import pytest

from lung_cxr.extraction.extraction_error import ExtractionError
from lung_cxr.extraction.image_paths import ImageRoot
from lung_cxr.parameters import ExtractionParameters


def root_of(folder, *prefixes):
    values = {"image_root": folder and str(folder), "path_prefixes": prefixes, "newer_than": None, "time_zone": None}
    return ImageRoot.of(ExtractionParameters.model_validate(values | {"path_prefixes": list(prefixes)}))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/2026/Khoa Phổi").mkdir(parents=True)
    (tmp_path / "root/2026/Khoa Phổi/a1.dcm").write_bytes(b"a1")
    (tmp_path / "secret.dcm").write_bytes(b"secret")
    (tmp_path / "root/link.dcm").symlink_to(tmp_path / "secret.dcm")
    return root_of(tmp_path / "root", r"\\pacs01\images", "D:\\images\\", "/srv/images")


@pytest.mark.parametrize(
    "text",
    [
        r"\\pacs01\images\2026\Khoa Phổi\a1.dcm",
        r"\\PACS01\Images\2026\Khoa Phổi\a1.dcm",
        "//pacs01/images/2026/Khoa Phổi/a1.dcm",
        r"D:\images\2026\Khoa Phổi\a1.dcm",
        "d:/images/2026//Khoa Phổi/./a1.dcm",
        "/srv/images/2026/Khoa Phổi/a1.dcm",
        r" 2026\Khoa Phổi\a1.dcm ",
        "2026/Khoa Phổi/a1.dcm",
    ],
)
def test_all_spellings_are_one_path_below_the_root(root, text):
    assert root.relative(text) == "2026/Khoa Phổi/a1.dcm"
    assert root.find(root.relative(text)).read_bytes() == b"a1"


def test_another_case_of_a_file_name_is_found_and_its_path_kept(root):
    assert root.relative(r"\\pacs01\images\2026\KHOA PHỔI\A1.DCM") == "2026/KHOA PHỔI/A1.DCM"
    assert root.find("2026/KHOA PHỔI/A1.DCM").read_bytes() == b"a1"


@pytest.mark.parametrize(
    "text",
    [
        r"\\pacs01\images\..\secret.dcm", "../secret.dcm", "link.dcm", r"\\pacs02\images\2026\Khoa Phổi\a1.dcm",
        r"\\pacs01\images2\a1.dcm", r"E:\images\a1.dcm", "/etc/passwd", "2026", "none.dcm", "a\0.dcm", "x" * 5000, "",
        "NULL",
    ],
)  # fmt: skip
def test_no_file_is_found_outside_the_root_or_for_another_name(root, text):
    assert root.find(root.relative(text)) is None


def test_a_path_of_another_share_stays_absolute(root):
    assert root.relative(r"\\pacs02\images\a1.dcm") == "//pacs02/images/a1.dcm"
    assert root.relative("NULL") == ""


@pytest.mark.parametrize(("name", "message"), [(None, "image_root is null"), ("none", "Mount"), ("empty", "Mount")])
def test_a_missing_or_unmounted_root_is_an_error(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExtractionError, match=message):
        root_of(name and tmp_path / name)
