"""Whatever bytes stand in a table's file: an error of ours, or rows that are all accounted for."""

import io
import os
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lung_cxr.imaging.emr.exports import LOGICAL_COLUMNS, Export, locate_images, number_exports, read_image_paths
from lung_cxr.imaging.emr.keys import key_paths
from lung_cxr.imaging.emr.records import clean_records
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


@st.composite
def damaged(draw, suffix: str) -> bytes:
    """A sound table of odd cells, with some bytes changed, cut out, doubled or put in."""
    content = bytearray(table_bytes(suffix, draw(ROWS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(0, 30))
        put = draw(st.binary(max_size=8) | st.just(bytes(content[at : at + length])))
        content[at : at + draw(st.sampled_from([0, 1, length, len(content)]))] = put
    return bytes(content)


def check(suffix: str, content: bytes, emr, icd10, secret, nobody_merged) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"emr{suffix}").write_bytes(content)
        export = Export("e", Path(folder), False)
        known = number_exports([export], None)
        try:
            rows = export.read_rows(emr, 1).assign(export=1)
        except TableError:
            return
        cleaned = clean_records(rows, secret, nobody_merged, emr, icd10.classes)
        assert len(cleaned.records) + len(cleaned.rejected) == len(rows)
        paths = key_paths(read_image_paths({"e": export}, known, emr), secret)
        for found in locate_images(cleaned.records, {"e": export}, known, paths).values():
            assert found is None or found.is_relative_to(folder)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_damaged_tables(suffix, emr, icd10, secret, nobody_merged):
    FUZZ(given(damaged(suffix))(lambda content: check(suffix, content, emr, icd10, secret, nobody_merged)))()


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_any_bytes(suffix, emr, icd10, secret, nobody_merged):
    FUZZ(given(st.binary(max_size=300))(lambda content: check(suffix, content, emr, icd10, secret, nobody_merged)))()
