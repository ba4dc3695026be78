"""Tables made to break the reader, or broken on their way: a clear error or marked rows, nothing else."""

import datetime
import decimal
import io
import os
import tracemalloc
import zipfile

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lung_cxr.imaging.emr import csv_tables, excel_tables, table_limits
from lung_cxr.imaging.emr.export_tables import read_export_tables
from lung_cxr.imaging.emr.exports import Export, stays_inside
from lung_cxr.imaging.emr.tables import TableError, read_text_table

NAME = "Nguyễn Văn Bí Mật"
FORMULAS = ["=cmd|' /C calc'!A0", "@SUM(1+1)", "+1+1", "-2+3", '=HYPERLINK("http://x.test")', "=1/0", "\t=1+1"]
HEADER = "patient_id,image_path,icd10_primary"


def workbook(path, rows, **members):
    """An .xlsx of `rows`; `members` replace or add parts of the archive."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, members.pop(name, None) or source.read(name))
        for name, content in members.items():
            target.writestr(name, content)


def sheet(rows: str, declaration: str = "") -> str:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<?xml version="1.0"?>{declaration}<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_formulas_are_text_or_nothing_and_never_evaluated(tmp_path, suffix):
    path = tmp_path / f"emr.{suffix}"
    frame = pd.DataFrame({"patient_id": FORMULAS, "image_path": "a.png"})
    {"csv": frame.to_csv, "xlsx": frame.to_excel, "parquet": frame.to_parquet}[suffix](path, index=False)
    cells = read_text_table(path).fields["patient_id"].tolist()
    assert all(cell in (text, "") for cell, text in zip(cells, FORMULAS, strict=True))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1258", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_encodings_of_hospitals_give_the_same_text(tmp_path, encoding, separator):
    text = f"id{separator}place\r\n1{separator}Hà Đông\r\n"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "emr.csv").write_bytes(mark + text.encode(encoding))
    assert read_text_table(tmp_path / "emr.csv").fields.to_dict("list") == {"id": ["1"], "place": ["Hà Đông"]}


def test_lines_of_two_encodings_in_one_file_are_both_read(tmp_path):
    lines = [b"id,place", "1,Hà Đông".encode(), "2,Hà Đông".encode("cp1258")]
    (tmp_path / "emr.csv").write_bytes(b"\n".join(lines))
    assert read_text_table(tmp_path / "emr.csv").fields["place"].tolist() == ["Hà Đông"] * 2


def test_a_line_that_is_no_text_is_a_malformed_row_and_the_others_are_read(tmp_path):
    (tmp_path / "emr.csv").write_bytes(b"id,place\n1,\x8d\x8e\xff\n2,b\n")
    table = read_text_table(tmp_path / "emr.csv")
    assert table.malformed == [1]
    assert table.fields["place"].tolist() == ["", "b"]


def test_half_a_character_at_the_end_of_utf_16_is_a_malformed_row(tmp_path):
    (tmp_path / "emr.csv").write_bytes("id,place\n1,a\n2,b".encode("utf-16") + b"x")
    assert read_text_table(tmp_path / "emr.csv").malformed == [2]


def test_bytes_of_zero_and_changes_of_direction_do_not_make_another_patient(tmp_path, emr, clean_rows):
    lines = [HEADER, "7,a.png,J90", "\u202e7\u202c,b.png,J90", "7\0,c.png,J90", "\u200f７,d.png,J90"]
    (tmp_path / "emr.csv").write_text("\n".join(lines), encoding="utf-8")
    rows = read_export_tables(tmp_path, emr, 1).rows.assign(export=1)
    records = clean_rows(rows).records
    assert len(records) == 4
    assert records["patient_key"].nunique() == 1


def test_a_cell_that_never_ends_is_an_error_that_says_where(tmp_path):
    (tmp_path / "emr.csv").write_bytes(b"id,note\n1,x\n2," + b"x" * 10_500_000)
    with pytest.raises(TableError, match=r"10,000,000 characters in the row that begins in line 3"):
        read_text_table(tmp_path / "emr.csv")


def test_a_long_note_is_still_a_note(tmp_path):
    (tmp_path / "emr.csv").write_bytes(b"id,note\n1," + b"x" * 9_000_000)
    assert read_text_table(tmp_path / "emr.csv").fields["note"].str.len().tolist() == [9_000_000]


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_a_file_larger_than_any_table_is_refused_unread(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"emr.{suffix}"
    frame = pd.DataFrame({"patient_id": range(500), "image_path": "a.png" * 20})
    {"csv": frame.to_csv, "xlsx": frame.to_excel, "parquet": frame.to_parquet}[suffix](path, index=False)
    monkeypatch.setattr(table_limits, "MAX_BYTES", 1000)
    with pytest.raises(
        TableError, match=rf"emr\.{suffix} has at least [\d,]+ bytes \(uncompressed\); expected at most 1,000"
    ):
        read_text_table(path)


def test_a_million_columns_are_one_error(tmp_path):
    (tmp_path / "emr.csv").write_text(",".join("x" * 1_000_000) + "\n")
    with pytest.raises(TableError, match=r"1,000,000 columns; expected at most 16,384"):
        read_text_table(tmp_path / "emr.csv")


def test_a_row_of_a_million_cells_is_a_malformed_row(tmp_path):
    (tmp_path / "emr.csv").write_text("a,b\n1,2\n" + "x," * 1_000_000 + "\n3,4\n")
    assert read_text_table(tmp_path / "emr.csv").malformed == [2]


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unread(tmp_path, monkeypatch):
    bomb = sheet('<row r="1"><c r="A1" t="inlineStr"><is><t>' + "x" * 5_000_000 + "</t></is></c></row>")
    workbook(tmp_path / "emr.xlsx", [["a"]], **{SHEET: bomb})
    assert (tmp_path / "emr.xlsx").stat().st_size < 20_000
    monkeypatch.setattr(table_limits, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr("openpyxl.load_workbook", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(TableError, match="uncompressed"):
        read_text_table(tmp_path / "emr.xlsx")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_that_declares_entities_is_refused(tmp_path, encoding):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = sheet(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&l9;</t></is></c></row>', f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'
    )
    workbook(
        tmp_path / "emr.xlsx", [["a"]], **{SHEET: text.replace("?>", f' encoding="{encoding}"?>').encode(encoding)}
    )
    with pytest.raises(TableError, match="declares entities"):
        read_text_table(tmp_path / "emr.xlsx")


def test_rows_and_cells_that_are_only_claimed_are_one_error(tmp_path, monkeypatch):
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="999999999999"><c r="A999999999999"><v>1</v></c></row>'
    workbook(tmp_path / "emr.xlsx", [["a"]], **{SHEET: sheet(far)})
    monkeypatch.setattr(excel_tables, "EXCEL_ROWS", 10_000)
    with pytest.raises(TableError, match="more rows than Excel can hold"):
        read_text_table(tmp_path / "emr.xlsx")
    wide = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 200))
    workbook(tmp_path / "emr.xlsx", [["a"]], **{SHEET: sheet(wide)})
    monkeypatch.setattr(table_limits, "MAX_FIELDS", 1_000_000)
    with pytest.raises(TableError, match=r"fields; expected at most 1,000,000"):
        read_text_table(tmp_path / "emr.xlsx")


def test_macros_and_links_to_other_files_are_left_alone(tmp_path):
    link = '<externalLink xmlns="x"><externalBook r:id="rId1" xmlns:r="y"/></externalLink>'
    more = {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 Auto_Open", "xl/externalLinks/externalLink1.xml": link}
    workbook(tmp_path / "emr.xlsx", [["a", "b"], ["=[1]Other!A1", "x"]], **more)
    table = read_text_table(tmp_path / "emr.xlsx")
    assert (table.fields.loc[1].to_dict(), table.malformed) == ({"a": "", "b": ""}, [1])  # a formula without a value


def test_a_date_that_excel_cannot_hold_is_no_warning_that_quotes_it(tmp_path, recwarn):
    header = '<row r="1"><c r="A1" t="inlineStr"><is><t>day</t></is></c></row>'
    late = '<row r="2"><c r="A2" s="1"><v>9e9</v></c></row>'
    workbook(tmp_path / "emr.xlsx", [["day"], [pd.Timestamp("2026-03-31")]], **{SHEET: sheet(header + late)})
    read_text_table(tmp_path / "emr.xlsx")
    assert len(recwarn) == 0


def test_parquet_of_odd_types_is_text(tmp_path):
    columns = {
        "number": pa.array([decimal.Decimal("123.00")]),
        "code": pa.array(["J90"]).dictionary_encode(),
        "day": pa.array(pd.Series(pd.to_datetime(["2026-03-31"]).tz_localize("Asia/Ho_Chi_Minh"))),
        "bytes": pa.array([b"abc"]),
        "picture": pa.array([b"\xff\xd8\xff"]),
        "list": pa.array([["a", "b"]]),
        "struct": pa.array([{"a": 1}]),
        "nothing": pa.nulls(1),
        "time": pa.array([datetime.time(8, 15)]),
    }
    pq.write_table(pa.table(columns), tmp_path / "emr.parquet")
    assert read_text_table(tmp_path / "emr.parquet").fields.loc[1].to_dict() == {
        "number": "123", "code": "J90", "day": "2026-03-31", "bytes": "abc", "picture": "ffd8ff",
        "list": "a;b", "struct": "{'a': 1}", "nothing": "", "time": "08:15:00",
    }  # fmt: skip


def test_parquet_that_claims_more_values_than_a_table_has_is_refused_unread(tmp_path, monkeypatch):
    lists = pa.table({"id": pa.array([[0] * 5000])})
    pq.write_table(lists, tmp_path / "emr.parquet")
    monkeypatch.setattr("lung_cxr.imaging.emr.table_limits.MAX_FIELDS", 1000)
    with pytest.raises(TableError, match="5,000 fields"):
        read_text_table(tmp_path / "emr.parquet")


def test_columns_of_the_same_name_are_told_in_every_kind_of_table(tmp_path, emr):
    repeated = ["patient_id", "patient_id", "image_path", "diagnosis"]
    pq.write_table(pa.table([pa.array(["1"])] * 4, names=repeated), tmp_path / "emr.parquet")
    with pytest.raises(TableError, match="'patient_id' occur twice"):
        read_export_tables(tmp_path, emr, 1)


def test_a_dictionary_that_decodes_to_gigabytes_is_refused_before_it_does(tmp_path):
    note, rows = "x" * 100_000, 20_000  # 2 GB of text in a file of some kilobytes
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([note]))
    nested = pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), column)
    for name, values in {"flat": column, "nested": nested}.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"patient_id": values}), path)
        assert path.stat().st_size < 200_000
        with pytest.raises(TableError, match="uncompressed"):
            read_text_table(path)


def test_a_declaration_behind_a_long_comment_is_found(tmp_path):
    comment = f"<!--{'x' * 3_000_000}-->"
    text = sheet(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row>', f'{comment}<!DOCTYPE x [<!ENTITY a "b">]>'
    )
    workbook(tmp_path / "emr.xlsx", [["a"]], **{SHEET: text})
    with pytest.raises(TableError, match="declares entities"):
        read_text_table(tmp_path / "emr.xlsx")


def test_an_encoding_that_could_hide_a_declaration_is_refused(tmp_path):
    text = sheet('<row r="1"/>').replace("?>", ' encoding="utf-7"?>')
    workbook(tmp_path / "emr.xlsx", [["a"]], **{SHEET: text})
    with pytest.raises(TableError, match="unusual encoding"):
        read_text_table(tmp_path / "emr.xlsx")


def test_a_header_of_a_million_characters_is_refused(tmp_path):
    (tmp_path / "emr.csv").write_text(f"patient_id,{'x' * 1_000_000}\n1,2\n")
    with pytest.raises(TableError, match=r"characters in its header; expected at most 200,000"):
        read_text_table(tmp_path / "emr.csv")


def test_a_line_that_never_ends_is_refused_after_a_few_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_tables, "MAX_LINE", 3_000_000)
    monkeypatch.setattr(csv_tables, "_decoded", lambda line: pytest.fail("it was decoded"))
    (tmp_path / "emr.csv").write_bytes(b"x" * 10_000_000)
    with pytest.raises(TableError, match="has a line of more than 3,000,000 bytes"):
        read_text_table(tmp_path / "emr.csv")


def test_empty_lines_count_as_rows(tmp_path):
    (tmp_path / "emr.csv").write_bytes(b"id\n1\n" + b"\n" * 2_100_000)
    with pytest.raises(TableError, match="rows; expected at most 2,000,000"):
        read_text_table(tmp_path / "emr.csv")
    (tmp_path / "emr.csv").write_bytes(b"\n" * 2_100_000)
    with pytest.raises(TableError, match="rows; expected at most 2,000,000"):
        read_text_table(tmp_path / "emr.csv")


def test_columns_that_are_not_mapped_take_no_memory(tmp_path, emr):
    notes = "".join(f"{n},a{n}.png,J90,{'x' * 10_000}\n" for n in range(2_000))
    (tmp_path / "emr.csv").write_text(f"{HEADER},remarks\n{notes}")
    tracemalloc.start()
    rows = read_export_tables(tmp_path, emr, 1).rows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows) == 2_000
    assert peak < 10_000_000 < (tmp_path / "emr.csv").stat().st_size


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_a_table_with_a_header_only_has_no_rows(tmp_path, suffix):
    path = tmp_path / f"emr.{suffix}"
    frame = pd.DataFrame(columns=["patient_id", "image_path"])
    {"csv": frame.to_csv, "xlsx": frame.to_excel, "parquet": frame.to_parquet}[suffix](path, index=False)
    assert read_text_table(path).fields.shape == (0, 2)


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_table_behind_a_link_out_of_the_export_is_refused(tmp_path, emr, linked):
    inside = tmp_path / "e"
    inside.mkdir()
    (tmp_path / "emr.csv").write_text(f"{HEADER}\n1,a.png,J90\n")
    if linked == "file":
        (inside / "emr.csv").symlink_to(tmp_path / "emr.csv")
    else:
        (inside / "tables").symlink_to(tmp_path)
        emr = emr.model_copy(update={"tables": ["tables/emr.csv"]})
    with pytest.raises(TableError, match=r"Export 4 .*emr\.csv is a link out of the export"):
        read_export_tables(inside, emr, 4)


def test_a_folder_or_a_pipe_of_a_tables_name_is_no_table(tmp_path, emr):
    (tmp_path / "emr.csv").mkdir()
    os.mkfifo(tmp_path / "emr.xlsx")
    with pytest.raises(TableError, match="it has none of the tables"):
        read_export_tables(tmp_path, emr, 1)


@pytest.mark.parametrize(
    "path", ["%2e%2e%2fa.dcm", "..%5ca.dcm", "file:///etc/passwd", "~/a.dcm", "$HOME/a.dcm", "a.dcm:x"]
)
def test_paths_that_only_look_like_an_escape_name_a_file_that_is_not_there(tmp_path, path):
    located = Export("e", tmp_path, False).locate(path)
    assert located is None or (located.is_relative_to(tmp_path) and not located.exists())


@pytest.mark.parametrize(
    "path", ["\\\\?\\C:\\a.dcm", "//server/share/a.dcm", "\\a.dcm", "C:/a.dcm", "a/../..\\b", "\u2025/a"]
)
def test_further_paths_that_leave(tmp_path, path):
    assert not stays_inside(path) or Export("e", tmp_path, False).locate(path).is_relative_to(tmp_path)


def test_two_rows_that_name_one_file_are_two_images(tmp_path, emr, clean_rows):
    (tmp_path / "emr.csv").write_text(f"{HEADER}\n1,a.png,J90\n2,a.png,J90\n1,./a.png,J90\n")
    rows = read_export_tables(tmp_path, emr, 1).rows.assign(export=1)
    cleaned = clean_rows(rows)
    assert (len(cleaned.records), cleaned.rejected["reason_code"].tolist()) == (2, ["superseded_record"])
