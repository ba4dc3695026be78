import pandas as pd
import pytest

from lung_cxr.imaging.emr.decision_lists import read_decisions
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.tables import TableError

KNOWN = pd.DataFrame({"export": [1, 2], "export_id": ["2026-01", "2026-02"], "synthetic": True})
KEY = "ab" * 16
HEADER = "image,export,path,decision,value,who,when,why\n"


@pytest.fixture
def read(tmp_path, secret):
    exports = [Export(name, tmp_path / "raw/exports" / name, synthetic=True) for name in KNOWN["export_id"]]
    for export in exports:
        export.folder.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    return lambda: read_decisions(exports, tmp_path / "elsewhere", KNOWN, secret)


def test_images_are_named_by_key_or_by_export_and_path(read, tmp_path, secret):
    (tmp_path / "raw/decisions.csv").write_text(
        f"{HEADER}{KEY.upper()},,,Accept,,Ann,2026-11-28,sharp enough\n"
        ",2026-02,./x\\1.png,label,pleural effusion,,,\n"
        ",2,x/1.png,keep pixels,,,,\n",
        encoding="utf-8-sig",
    )
    listed = read()
    assert listed["image_id"].tolist() == [KEY, "", ""]
    assert listed["export"].tolist() == [0, 2, 2]
    assert listed["file_key"].tolist() == ["", *[secret.key("file", "x/1.png")] * 2]
    assert listed["decision"].tolist() == ["accept", "label", "keep_pixels"]
    assert listed["value"].tolist() == ["", "Pleural Effusion", ""]
    assert listed["list_row"].tolist() == [1, 2, 3]
    assert set(listed["list"]) == {"decisions.csv above the exports"}
    assert "Ann" not in listed.to_csv()


def test_lists_are_read_in_the_order_of_their_numbers(read, tmp_path):
    for name in ("decisions_10.csv", "decisions.csv", "decisions (2).csv"):
        (tmp_path / "raw/exports" / name).write_text(f"image;decision\n{KEY};reject\n")
    assert [place.split(" beside")[0] for place in read()["list"]] == [
        "decisions.csv",
        "decisions (2).csv",
        "decisions_10.csv",
    ]


def test_a_list_in_01_raw_is_read_though_the_exports_lie_elsewhere(read, tmp_path):
    (tmp_path / "elsewhere/decisions.csv").write_text(f"image,decision\n{KEY},reject\n")
    assert read()["list"].tolist() == ["decisions.csv in 01_raw"]


def test_without_a_list_the_table_is_empty(read):
    assert read().empty


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (f"{KEY},,,delete,,,,", r"unknown decision; expected accept, reject, label, keep_pixels \(row 2\)"),
        (f"{KEY},,,label,Fracture,,,", r"unknown class; .* \(row 2\)"),
        (f"{KEY},,,label,,,,", r"unknown class; .* \(row 2\)"),
        (f"{KEY},,,reject,Pneumonia,,,", r"a value that is not used; .* \(row 2\)"),
        ("SECRET,,,reject,,,,", r"no image key; expected 32 hex digits in image \(row 2\)"),
        (",2026-02,,reject,,,,", r"name no image; .* \(row 2\)"),
        (",SECRET,x.png,reject,,,,", r"unknown export; expected its folder or its number \(row 2\)"),
        (f"{KEY},,,reject,,,,,,", r"too many or too few fields.* \(row 2\)"),
    ],
)
def test_a_faulty_row_is_named_by_its_number_only(read, tmp_path, row, fault):
    (tmp_path / "raw/decisions.csv").write_text(f"{HEADER}{KEY},,,reject,,,,\n{row}\n")
    with pytest.raises(TableError, match=fault) as error:
        read()
    assert "SECRET" not in str(error.value)
    assert KEY not in str(error.value)
    assert "1 rows" in str(error.value)


@pytest.mark.parametrize("text", ["decision,value\nreject,\n", f"image,verdict\n{KEY},reject\n"])
def test_a_list_without_its_columns_is_refused(read, tmp_path, text):
    (tmp_path / "raw/decisions.csv").write_text(text)
    with pytest.raises(TableError, match="expected a header with image"):
        read()


def test_a_list_in_another_format_is_refused(read, tmp_path):
    (tmp_path / "raw/decisions.xlsx").write_text("x")
    with pytest.raises(TableError, match="named like the list decisions"):
        read()
