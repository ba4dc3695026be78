"""Tables of the check report."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.imaging.reasons import FAULTS
from lung_cxr.report.check.sentences import LEVELS, NEEDS_KEY, UNKNOWN, count, known_share
from lung_cxr.report.numbers import NOTHING, percent
from lung_cxr.report.tables.table import Cell, Table, name_cell, text_cell

FILES = {"new": "New", "changed": "Changed", "unchanged": "Unchanged", "absent": "Missing", "vanished": "Vanished"}


def findings_table(facts: Mapping[str, Any]) -> Table | None:
    """Return the findings with the exit code that each gives; None without a finding."""
    rows = [
        [name_cell(LEVELS[one["level"]]), text_cell(one["text"]), Cell(str(one["exit_code"]))]
        for one in facts["findings"]
    ]
    return (
        Table("Findings. The check ends with the exit code of the first.", ["", "Finding", "Exit code"], rows)
        if rows
        else None
    )


def exports_table(facts: Mapping[str, Any]) -> Table:
    """Return rows, patients and faults of each export."""
    rows = [
        [
            _name(export),
            *(_count(export[name]) for name in ("rows", "records", "out_of_scope")),
            _count(export["patients"]),
            Cell(known_share(export)),
            _count(export["similar_rows"]),
            Cell(_faults(export), percent(export["fault_fraction"]) if export["faults"] else ""),
        ]
        for export in facts["exports"]
    ]
    return Table(
        caption="Exports. Records: rows that describe an image of the seven classes. Known: share of the patients that "
        "the catalogue knows. Similar: rows of new numbers that equal others except for zeros, case or punctuation. "
        f"Faults: of tables, files and headers only. {UNKNOWN}: {NEEDS_KEY}.",
        head=["", "Rows", "Records", "Out of scope", "All", "Known", "Similar", "Faults"],
        groups=[("", 1), ("Rows", 3), ("Patients", 3), ("", 1)],
        rows=rows,
    )


def files_table(facts: Mapping[str, Any]) -> Table:
    """Return files and headers of each export."""
    rows = [
        [
            _name(export),
            *(_count(export["files"].get(state, 0)) for state in FILES),
            *(_count(export[name]) for name in ("named_twice", "two_patients")),
            *(_count(export["headers"][name]) for name in ("agree", "disagree")),
        ]
        for export in facts["exports"]
    ]
    return Table(
        caption="Files. Twice: several rows name the file; by two patients. Headers: of DICOM files, compared with the "
        f"rows. {UNKNOWN}: {NEEDS_KEY}.",
        head=["", *FILES.values(), "Twice", "By two patients", "Agree", "Disagree"],
        groups=[("", 1), ("Files", len(FILES) + 2), ("Headers", 2)],
        rows=rows,
    )


def _name(export: Mapping[str, Any]) -> Cell:
    return name_cell(f"Export {export['export']}", "" if export["status"] == "known" else export["status"])


def classes_table(facts: Mapping[str, Any]) -> Table:
    """Return accepted images of each class now, and the most that the refresh can accept."""
    rows = [[name_cell(row["class"]), _count(row["now"]), _count(row["at_most"])] for row in facts["classes"]]
    caption = "Images by class: accepted now, and the most after the refresh, before pixels are judged."
    return Table(caption, ["Class", "Now", "At most"], rows)


def export_tables(export: Mapping[str, Any]) -> tuple[list[Table], Table | None]:
    """Return the column table of each EMR table of an export, and the table of its faults."""
    faults = [
        [name_cell(code), Cell(f"{count:,}"), text_cell(FAULTS[code])] for code, count in export["faults"].items()
    ]
    return [_columns_table(table) for table in export["tables"]], (
        Table("Faults of tables, files and headers.", ["Fault", "Rows", "Meaning"], faults) if faults else None
    )


def _columns_table(table: Mapping[str, Any]) -> Table:
    rows = [
        [
            name_cell(column["column"]),
            text_cell(column["name"]),
            _count(column["filled"]),
            Cell(NOTHING if column["understood"] is None else f"{column['understood']:,}"),
            text_cell(" · ".join(column["shapes"])),
        ]
        for column in table["columns"]
    ]
    rows += [[name_cell(column), Cell("no such column", kind="status", span=4)] for column in table["missing"]]
    others = table["header"] - len(table["columns"])
    left_out = "".join(
        f", {table[name]:,} {words}"
        for name, words in (("filtered", "left out by emr.row_filter"), ("totals", "totals or repeated headers"))
        if table[name]
    )
    return Table(
        caption=f"{table['name']}: {table['rows']:,} rows{left_out}; {table['header']} columns, {others} unused. "
        "Shapes: the most frequent ones, 9 for a digit, A and a for letters.",
        head=["Column", "Name in the table", "Filled", "Understood", "Shapes of the values"],
        rows=rows,
    )


def _count(value: int | None) -> Cell:
    return Cell(NOTHING if value == 0 else count(value))


def _faults(export: Mapping[str, Any]) -> str:
    return f"{sum(export['faults'].values()):,}" if export["faults"] else NOTHING
