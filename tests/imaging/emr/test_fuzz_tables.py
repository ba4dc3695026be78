"""Whatever bytes stand in a table's file: an error of ours, or rows that are all accounted for."""

import io
import os
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lung_cxr.imaging.emr.column_names import LOGICAL_COLUMNS
from lung_cxr.imaging.emr.export_tables import read_export_tables
from lung_cxr.imaging.emr.exports import Export, locate_images, number_exports, read_image_paths
from lung_cxr.imaging.emr.keys import key_paths
from lung_cxr.imaging.emr.tables import TableError

# more by hand: LUNG_CXR_FUZZ_EXAMPLES=2000 pytest tests/imaging/emr/test_fuzz_tables.py
EXAMPLES = int(os.environ.get("LUNG_CXR_FUZZ_EXAMPLES", "25"))
FUZZ = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
ODD = [
    "",
    " ",
    "\0",
    "\u202e1",
    "../x",
    "C:\\x",
    "0001-01-01",
    "31/02/2026",
    "J18.9",
    "=1+1",
    "1e400",
    "nan",
    "\ud7ff",
    "٣",
]
CELL = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8"), max_size=12)
ROWS = st.lists(st.lists(CELL, min_size=len(LOGICAL_COLUMNS), max_size=len(LOGICAL_COLUMNS)), max_size=6)


def table_bytes(suffix: str, rows: list[list[str]]) -> bytes:
    frame, file = pd.DataFrame(rows, columns=list(LOGICAL_COLUMNS), dtype="str"), io.BytesIO()
    if suffix == ".csv":
        frame.to_csv(file, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(file)
    else:
        frame.map(lambda cell: "".join(letter for letter in cell if letter.isprintable())).to_excel(file, index=False)
    return file.getvalue()


# Where, as a share of the file (of an XLSX the length varies: it holds the time); bytes cut out; put in, None: doubled.
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([0, 1, 8, 30, 10**6]), st.none() | st.binary(max_size=8)), max_size=4
)


def damaged(suffix: str, rows: list[list[str]], changes: list[tuple[float, int, bytes | None]]) -> bytes:
    """A sound table of odd cells, with some bytes changed, cut out, doubled or put in."""
    content = bytearray(table_bytes(suffix, rows))
    for where, cut, put in changes:
        at = int(where * len(content))
        content[at : at + cut] = 2 * content[at : at + cut] if put is None else put
    return bytes(content)


def check(suffix: str, content: bytes, emr, clean_rows, secret) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"emr{suffix}").write_bytes(content)
        export = Export("e", Path(folder), False)
        known = number_exports([export], None)
        try:
            rows = read_export_tables(export.folder, emr, 1).rows.assign(export=1)
        except TableError:
            return
        cleaned = clean_rows(rows)
        assert len(cleaned.records) + len(cleaned.rejected) == len(rows)
        paths = key_paths(read_image_paths({"e": export}, known, emr), secret)
        for found in locate_images(cleaned.records, {"e": export}, known, paths).values():
            assert found is None or found.is_relative_to(folder)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_damaged_tables(suffix, emr, clean_rows, secret):
    FUZZ(
        given(ROWS, CHANGES)(
            lambda rows, changes: check(suffix, damaged(suffix, rows, changes), emr, clean_rows, secret)
        )
    )()


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_any_bytes(suffix, emr, clean_rows, secret):
    FUZZ(given(st.binary(max_size=300))(lambda content: check(suffix, content, emr, clean_rows, secret)))()
