import datetime
import struct
import zipfile

import openpyxl
import pytest

from lung_cxr.imaging.emr.excel_tables import sheet_name
from lung_cxr.imaging.emr.export_tables import read_export_tables
from lung_cxr.imaging.emr.sheet_marks import BLOCK, read_marks
from lung_cxr.imaging.emr.tables import TableError, read_text_table

HEADER = ["patient_id", "image_path", "icd10_primary"]


def write(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title.removeprefix("hidden_"))
        sheet.sheet_state = "hidden" if title.startswith("hidden_") else "visible"
        for row in rows:
            sheet.append(row)
    book.save(path)


def patients(*numbers):
    return [HEADER, *([number, f"{number}.png", "J90"] for number in numbers)]


def read(folder, emr):
    return read_export_tables(folder, emr, 1).rows


def test_all_visible_sheets_with_the_header_are_read(tmp_path, emr):
    write(
        tmp_path / "emr.xlsx",
        Jan=patients("1", "2"),
        Notes=[["read me"]],
        Feb=[["Tháng 2"], [], *patients("3")],
        Sheet4=[],
    )
    rows = read(tmp_path, emr)
    assert rows[["table", "row", "patient_id"]].to_numpy().tolist() == [[1, 1, "1"], [1, 2, "2"], [2, 1, "3"]]
    _, notes, facts = read_export_tables(tmp_path, emr, 1)
    assert 'Export 1: sheet 2 ("Notes") of emr.xlsx does not have the expected columns and was not read' in notes[0]
    assert [(table.name, table.rows) for table in facts][1] == ('sheet 3 ("Feb") of emr.xlsx', 1)


def test_a_hidden_sheet_is_named_and_not_read(tmp_path, emr):
    write(tmp_path / "emr.xlsx", hidden_old=patients("1"), Sheet2=patients("2"))
    assert read(tmp_path, emr)["patient_id"].tolist() == ["2"]
    assert 'sheet 1 ("old") of emr.xlsx is hidden and was not read' in read_export_tables(tmp_path, emr, 1).notes[0]


def save(path, rows, change=lambda sheet: None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    change(book.active)
    book.save(path)


def test_every_row_of_a_merged_cell_has_its_value(tmp_path, emr):
    """The second image of a merged COVID-19 was a pneumonia by its code."""
    rows = [
        [*HEADER, "diagnosis"],
        ["1", "a.png", "J18.9", "COVID-19"],
        [None, "b.png", "J18.9", None],
        ["2", "c", "J90"],
    ]

    def merge(sheet):
        for cells in ("A2:A3", "D2:D3"):
            sheet.merge_cells(cells)

    save(tmp_path / "emr.xlsx", rows, merge)
    found = read(tmp_path, emr)[["patient_id", "image_path", "diagnosis"]].to_numpy().tolist()
    assert found == [["1", "a.png", "COVID-19"], ["1", "b.png", "COVID-19"], ["2", "c", ""]]


def test_hidden_rows_are_read_and_counted(tmp_path, emr):
    save(tmp_path / "emr.xlsx", patients("1", "2"), lambda sheet: setattr(sheet.row_dimensions[3], "hidden", True))
    assert read(tmp_path, emr)["patient_id"].tolist() == ["1", "2"]
    assert "of emr.xlsx hides 1 rows; they were read" in read_export_tables(tmp_path, emr, 1).notes[0]


def test_a_formula_without_a_value_makes_its_row_malformed(tmp_path, emr):
    rows = [[*HEADER, "diagnosis"], ["1", "a.png", "J18.9", '=IF(TRUE,"COVID-19","")'], ["2", "b.png", "J90", ""]]
    save(tmp_path / "emr.xlsx", rows)
    assert read(tmp_path, emr)["malformed"].tolist() == [True, False]


def test_marks_are_found_across_blocks(tmp_path):
    cells = b'<row r="%d" hidden="1"><c r="D%d"><f>A1</f><v></v></c><c r="E9" t="str"><f>A1</f><v></v></c></row>'
    body = b"".join(cells % (number, number) for number in range(1, 20_001))
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w") as archive:
        archive.writestr("sheet.xml", body + b'<mergeCells count="1"><mergeCell ref="AB2:AC7"/></mergeCells>')
        marks = read_marks(archive, "sheet.xml")
    assert len(body) > 1.5 * BLOCK
    assert (marks.hidden_rows, marks.merged) == (20_000, {2: [(7, 27)]})
    assert marks.without_value == {number: [3] for number in range(1, 20_001)}


def test_a_title_that_may_be_a_persons_name_is_not_quoted():
    assert sheet_name(2, "Nguyễn Thị Mai") == "sheet 2"
    assert sheet_name(2, "Tháng 3_2026") == 'sheet 2 ("Tháng 3_2026")'
    assert sheet_name(1, "Sheet1") == 'sheet 1 ("Sheet1")'


def test_without_any_header_the_error_is_about_the_first_sheet_with_a_value(tmp_path, emr):
    write(tmp_path / "emr.xlsx", Sheet1=[], Sheet2=[["patient_id", "x"]], Sheet3=[["y"]])
    with pytest.raises(TableError, match=r"no column 'image_path'.*found 2 columns, of which expected: 'patient_id'"):
        read(tmp_path, emr)


def test_one_table_has_the_number_0(tmp_path, emr):
    write(tmp_path / "emr.xlsx", Sheet1=patients("1"), Notes=[["x"]])
    assert read(tmp_path, emr)["table"].tolist() == [0]


def test_a_list_of_patients_must_have_one_sheet(tmp_path):
    write(tmp_path / "withdrawn.xlsx", a=[["patient_id"], ["1"]], b=[["patient_id"], ["2"]])
    with pytest.raises(TableError, match="several sheets"):
        read_text_table(tmp_path / "withdrawn.xlsx")


def test_a_list_of_patients_has_no_hidden_sheet(tmp_path):
    write(tmp_path / "withdrawn.xlsx", One=[["patient_id"], ["1"]], hidden_old=[["patient_id"], ["2"]])
    with pytest.raises(TableError, match="several sheets"):
        read_text_table(tmp_path / "withdrawn.xlsx")


def test_rows_of_a_sheet_are_as_wide_as_its_header(tmp_path, emr):
    write(tmp_path / "emr.xlsx", Sheet1=[HEADER, ["1", "a.png", "J90", None, "remark"], ["2", "b.png"]])
    rows = read(tmp_path, emr)
    assert rows[["patient_id", "icd10_primary", "malformed"]].to_numpy().tolist() == [
        ["1", "J90", False],
        ["2", "", False],
    ]


def old_workbook(merged=(), **sheets) -> bytes:
    """A BIFF8 stream, as Excel 97 writes it into an .xls file: texts, numbers and, as days since 1900, dates.

    `merged`: first and last row, first and last column (0 is the first) of merged cells in every sheet.
    """

    def record(kind, *parts):
        content = b"".join(parts)
        return struct.pack("<HH", kind, len(content)) + content

    def cell(row, column, value):
        if isinstance(value, str):
            text = value.encode("utf-16-le")
            return record(0x204, struct.pack("<HHHHB", row, column, 0, len(value), 1), text)
        is_day = isinstance(value, datetime.date)
        number = (value - datetime.date(1899, 12, 30)).days if is_day else value
        return record(0x203, struct.pack("<HHHd", row, column, int(is_day), number))

    begin = [record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 0)) for kind in (0x5, 0x10)]
    formats = [record(0xE0, struct.pack("<HHHBBBBIiH", 0, key, 0, 0, 0, 0, 0, 0, 0, 0)) for key in (0, 14)]
    bodies = []
    for rows in sheets.values():
        cells = [cell(n, m, value) for n, row in enumerate(rows) for m, value in enumerate(row)]
        ranges = [record(0xE5, struct.pack("<HHHHH", 1, *cells)) for cells in merged]
        bodies.append(b"".join([begin[1], *cells, *ranges, record(0xA)]))
    names = [title.removeprefix("hidden_").encode("utf-16-le") for title in sheets]
    before = len(begin[0]) + sum(map(len, formats)) + sum(12 + len(name) for name in names) + 4
    starts = [before + sum(map(len, bodies[:n])) for n in range(len(bodies))]
    bounds = [
        record(0x85, struct.pack("<IBBBB", start, title.startswith("hidden_"), 0, len(name) // 2, 1), name)
        for start, title, name in zip(starts, sheets, names, strict=True)
    ]
    return b"".join([begin[0], *formats, *bounds, record(0xA), *bodies])


def test_an_old_workbook_is_read_as_a_new_one(tmp_path, emr):
    sheet = [
        ["Tháng 2"], [], [*HEADER, "exam_date"],
        [123, "a.png", "J90", datetime.date(2026, 3, 31)], ["00123", "b.png", "J18.9"],
    ]  # fmt: skip
    (tmp_path / "emr.xls").write_bytes(old_workbook(hidden_old=patients("1"), Sheet2=sheet))
    rows = read(tmp_path, emr)
    assert rows[["row", "patient_id", "exam_date"]].to_numpy().tolist() == [[1, "123", "2026-03-31"], [2, "00123", ""]]
    assert 'sheet 1 ("old") of emr.xls is hidden' in read_export_tables(tmp_path, emr, 1).notes[0]


def test_every_row_of_a_merged_cell_of_an_old_workbook_has_its_value(tmp_path, emr):
    sheet = [HEADER, ["1", "a.png", "J90"], ["", "b.png", "J90"], ["2", "c.png", "J90"]]
    (tmp_path / "emr.xls").write_bytes(old_workbook([(1, 2, 0, 0)], Sheet1=sheet))
    assert read(tmp_path, emr)["patient_id"].tolist() == ["1", "1", "2"]


def test_an_old_workbook_that_is_none_is_one_error(tmp_path, capsys):
    (tmp_path / "emr.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 3000)
    with pytest.raises(TableError, match=r"emr\.xls cannot be read"):
        read_text_table(tmp_path / "emr.xls")
    assert capsys.readouterr().out == ""
