import unicodedata

import pytest

from lung_cxr.imaging.emr.column_names import ColumnNames
from lung_cxr.imaging.emr.export_tables import read_export_tables
from lung_cxr.imaging.emr.tables import TableError

VIETNAMESE = {
    "patient_id": "Mã bệnh nhân",
    "image_path": "Đường dẫn ảnh",
    "diagnosis": "Chẩn đoán",
    "icd10_primary": None,
}
ROW = "1;a.png;Pneumonia\n"


@pytest.fixture
def vietnamese(emr):
    return emr.model_copy(update={"columns": {**dict.fromkeys(emr.columns), **VIETNAMESE}})


def read(folder, emr, content):
    (folder / "emr.csv").write_bytes(content)
    rows = read_export_tables(folder, emr, 1).rows
    return rows[["patient_id", "image_path", "diagnosis", "row"]].to_numpy().tolist()


@pytest.mark.parametrize(
    "header",
    [
        "Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán", "MÃ BỆNH NHÂN; đường  dẫn ảnh ;CHẨN ĐOÁN",
        unicodedata.normalize("NFD", "Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán"),
        "\u200bMã\u00a0bệnh nhân;Đường dẫn ảnh;Chẩn đoán",
    ],
)  # fmt: skip
def test_names_match_whatever_their_case_blanks_and_accents(tmp_path, vietnamese, header):
    assert read(tmp_path, vietnamese, f"{header}\n{ROW}".encode()) == [["1", "a.png", "Pneumonia", 1]]


def test_names_of_a_vietnamese_windows_match(tmp_path, vietnamese):
    tones = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}  # Windows-1258 keeps these five apart from their letter
    header = ""
    for letter in "Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán":
        parts = unicodedata.normalize("NFD", letter)
        tone = "".join(part for part in parts if part in tones)
        header += unicodedata.normalize("NFC", "".join(part for part in parts if part not in tones)) + tone
    content = f"{header}\n{ROW}".encode("cp1258")
    assert read(tmp_path, vietnamese, content) == [["1", "a.png", "Pneumonia", 1]]


def test_a_column_may_have_alternative_names(tmp_path, vietnamese):
    columns = {**vietnamese.columns, "patient_id": ["MaBN", "Mã bệnh nhân"]}
    emr = vietnamese.model_copy(update={"columns": columns})
    for name in ("MABN", "mã bệnh nhân"):
        content = f"{name};Đường dẫn ảnh;Chẩn đoán\n{ROW}".encode()
        assert read(tmp_path, emr, content) == [["1", "a.png", "Pneumonia", 1]]
    with pytest.raises(TableError, match="'MaBN', 'Mã bệnh nhân' occur twice or mean the same"):
        read(tmp_path, emr, "MaBN;Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán\n1;2;a;b\n".encode())
    with pytest.raises(TableError, match="no column 'MaBN' or 'Mã bệnh nhân'"):
        read(tmp_path, emr, "x;Đường dẫn ảnh;Chẩn đoán\n1;a;b\n".encode())


@pytest.mark.parametrize("hint", ["sep=;\r\n", "\ufeffsep=;\n", '"sep=;"\n', "SEP=;\n"])
def test_a_hint_for_excel_is_not_the_header(tmp_path, vietnamese, hint):
    content = f"{hint}Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán\n{ROW}".encode()
    assert read(tmp_path, vietnamese, content) == [["1", "a.png", "Pneumonia", 1]]


def test_a_hint_with_a_separator_that_is_not_read_is_an_error(tmp_path, vietnamese):
    with pytest.raises(TableError, match="sep="):
        read(tmp_path, vietnamese, b"sep=#\na#b\n")


TITLE = "BỆNH VIỆN A, KHOA CĐHA\n\nDanh sách tháng 3, 2026;;\n"


@pytest.mark.parametrize("header_row", ["auto", 4])
def test_titles_above_the_header_are_no_rows(tmp_path, vietnamese, header_row):
    emr = vietnamese.model_copy(update={"header_row": header_row})
    content = f"{TITLE}Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán\n{ROW}".encode()
    assert read(tmp_path, emr, content) == [["1", "a.png", "Pneumonia", 1]]


def test_another_header_row_than_the_stated_one_is_not_searched(tmp_path, vietnamese):
    emr = vietnamese.model_copy(update={"header_row": 2})
    with pytest.raises(TableError, match="no column 'Mã bệnh nhân'"):
        read(tmp_path, emr, f"Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán\n{ROW}".encode())


def test_totals_at_the_end_and_repeated_headers_are_no_rows(tmp_path, vietnamese):
    header = "Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán\n"
    content = f"{header}{ROW}{header}2;b.png;Atelectasis\nTổng cộng: 2;;\n\nTotal 2\n".encode()
    assert read(tmp_path, vietnamese, content) == [["1", "a.png", "Pneumonia", 1], ["2", "b.png", "Atelectasis", 3]]
    assert [table.totals for table in read_export_tables(tmp_path, vietnamese, 1).facts] == [3]


def test_a_total_before_other_rows_and_a_patient_of_that_name_are_rows(tmp_path, vietnamese):
    content = f"Mã bệnh nhân;Đường dẫn ảnh;Chẩn đoán\nTổng 1;;\n{ROW}Total;b.png;Atelectasis\n".encode()
    assert [row[0] for row in read(tmp_path, vietnamese, content)] == ["Tổng 1", "1", "Total"]


def test_only_the_needed_columns_are_read(emr):
    layout = ColumnNames(emr).layout
    assert [layout.is_needed(name) for name in ("Image_Path", "patient_id", "remarks")] == [True, True, False]
    assert layout.is_header(["patient_id", "IMAGE_PATH", "diagnosis"])
