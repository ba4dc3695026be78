import datetime

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lung_cxr.imaging.emr.identifiers import is_malformed
from lung_cxr.imaging.emr.tables import TableError, read_text_table
from lung_cxr.imaging.emr.text_tables import field_text

NAME = "Nguyễn Văn Bí Mật"


def write_excel(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_is_text_whatever_the_separator(tmp_path, separator, encoding):
    path = tmp_path / "emr.csv"
    lines = [["patient_id", "sex", "note"], ["00123", "Nữ", "ho, sốt"], ["1e5", "NA", ""]]
    path.write_text("\r\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines), encoding=encoding)
    cells, malformed, *_ = read_text_table(path)
    assert cells.to_dict("list") == {"patient_id": ["00123", "1e5"], "sex": ["Nữ", "NA"], "note": ["ho, sốt", ""]}
    assert list(cells.index) == [1, 2]
    assert malformed == []


def test_csv_of_a_vietnamese_windows_is_read(tmp_path):
    path = tmp_path / "emr.csv"
    path.write_bytes("id,place\n1,Hà Đông\n".encode("cp1258"))
    assert read_text_table(path).fields["place"][1] == "Hà Đông"


def test_rows_of_another_length_are_named_and_blank_rows_only_counted(tmp_path):
    path = tmp_path / "emr.csv"
    path.write_text("a,b\n1,2\n\n , \n3\n4,5,6\n7,8\n")
    cells, malformed, *_ = read_text_table(path)
    assert list(cells.index) == [1, 4, 5, 6]
    assert malformed == [4, 5]
    assert cells.loc[[4, 5]].eq("").all(axis=None)


@pytest.mark.parametrize("stray", ['"ho khan', '"ho" khan'])
def test_a_quote_that_is_not_closed_is_an_error_that_says_where(tmp_path, stray):
    path = tmp_path / "emr.csv"
    rows = [f"{number},J18.9,{stray if number == 60 else 'ho'}" for number in range(1, 101)]
    path.write_text("\n".join(["id,code,note", *rows, ""]))
    with pytest.raises(TableError, match=r"stray quote in the row that begins in line 61;") as error:
        read_text_table(path)
    assert "khan" not in str(error.value)


def test_rows_between_two_stray_quotes_are_malformed_not_one_note(tmp_path):
    path = tmp_path / "emr.csv"
    notes = {20: '"ho', 40: 'khan"'}
    path.write_text("id,code,note\n" + "".join(f"{n},J18.9,{notes.get(n, 'ho')}\n" for n in range(1, 61)))
    cells, malformed, *_ = read_text_table(path)
    assert malformed == [20]
    assert cells["id"].tolist()[18:21] == ["19", "", "41"]


def test_a_note_of_several_lines_is_one_cell(tmp_path):
    path = tmp_path / "emr.csv"
    path.write_text('id,code,note\n1,J18.9,"ho, sốt,\nđau ngực, mệt"\n2,J90,""\n', encoding="utf-8")
    cells, malformed, *_ = read_text_table(path)
    assert (malformed, cells["note"].tolist()) == ([], ["ho, sốt,\nđau ngực, mệt", ""])


def test_blank_lines_above_the_header_do_not_matter(tmp_path):
    (tmp_path / "emr.csv").write_text("\n ; \na;b\n1;2\n")
    write_excel(tmp_path / "emr.xlsx", [[None, None], ["a", "b"], ["1", "2"]])
    for name in ("emr.csv", "emr.xlsx"):
        assert read_text_table(tmp_path / name).fields.to_dict() == {"a": {1: "1"}, "b": {1: "2"}}


def test_excel_numbers_have_no_point_and_dates_are_iso(tmp_path):
    path = tmp_path / "emr.xlsx"
    rows = [
        ["id", "age", "day", "weight"],
        [123, 45.0, datetime.datetime(2026, 3, 31), 61.5],
        [None] * 4,
        ["00123", None, None, None],
    ]
    write_excel(path, rows)
    cells, *_ = read_text_table(path)
    assert cells.loc[1].to_dict() == {"id": "123", "age": "45", "day": "2026-03-31", "weight": "61.5"}
    assert cells.loc[3].to_dict() == {"id": "00123", "age": "", "day": "", "weight": ""}
    assert list(cells.index) == [1, 3]


def test_parquet_of_every_type_is_text(tmp_path):
    path = tmp_path / "emr.parquet"
    day = datetime.datetime(2026, 3, 31)
    columns = {
        "id": pa.array([123, None]),
        "age": pa.array([45.0, 61.5]),
        "day": pa.array([day, None]),
        "code": pa.array(["J18.9", None]),
    }
    pq.write_table(pa.table(columns), path)
    cells, *_ = read_text_table(path)
    assert cells.to_dict("list") == {
        "id": ["123", ""],
        "age": ["45", "61.5"],
        "day": ["2026-03-31", ""],
        "code": ["J18.9", ""],
    }


def test_numbers_too_long_for_excel_are_rounded_numbers_not_identifiers(tmp_path):
    write_excel(tmp_path / "emr.xlsx", [["id"], [123456789012345], [1234567890123450], [79012345678901234]])
    cells = read_text_table(tmp_path / "emr.xlsx").fields
    assert cells["id"].tolist() == ["123456789012345", "1.23456789012345E+15", "7.90123456789012E+16"]
    assert [is_malformed(number) for number in cells["id"]] == [False, True, True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (7.0, "7"),
        (7, "7"),
        (10**17, str(10**17)),
        (2.0**53 - 1, "9007199254740991"),
        (79012345678901234.0, "7.901234567890123E+16"),
        ("007", "007"),
        (0.5, "0.5"),
    ],
)
def test_cells_read_as_the_hospital_sees_them(value, text):
    assert field_text(value) == text


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet", ".csv"])
def test_an_unreadable_table_is_one_error_without_its_content(tmp_path, suffix):
    path = tmp_path / f"emr{suffix}"
    path.write_bytes(NAME.encode("utf-16") * 20 if suffix != ".csv" else b"")
    with pytest.raises(TableError, match=f"emr{suffix}") as error:
        read_text_table(path)
    assert NAME not in str(error.value)
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_an_unknown_kind_of_table_is_refused(tmp_path):
    with pytest.raises(TableError, match="unknown format"):
        read_text_table(tmp_path / "emr.sas7bdat")
