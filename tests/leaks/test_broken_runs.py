"""Runs that fail on purpose, each on something that holds a patient: what they print and log names nobody."""

import pandas as pd
import pytest

from leaks.checks import leaks_of
from leaks.containers import Opener
from leaks.planted import OWNER, Project
from leaks.search import Search

TOO_MANY = "Too many faults"


def _rows(place: Project) -> pd.DataFrame:
    return pd.read_parquet(place.odd / "emr.parquet")


def _as_csv(place: Project, text: str) -> None:
    (place.odd / "emr.parquet").unlink()
    (place.odd / "emr.csv").write_text(text, encoding="utf-8")


def no_header(place):
    _as_csv(place, _rows(place).to_csv(index=False, header=False))


def stray_quote(place):
    _as_csv(place, _rows(place).to_csv(index=False) + f'"{OWNER.name}, {OWNER.phone}\n')


def no_table(place):
    (place.odd / "emr.parquet").rename(place.odd / f"{OWNER.name}.parquet")


def no_workbook(place):
    (place.odd / "emr.xlsx").write_bytes(f"PK\3\4{OWNER.name}; {OWNER.patient_id}".encode() * 40)


def every_row_faulty(place):
    _rows(place).assign(icd10_primary=OWNER.name, image_path=f"../{OWNER.name}").to_parquet(place.odd / "emr.parquet")


def columns_that_changed_places(place):
    rows = _rows(place)
    swapped = rows.assign(image_path=rows["patient_name"], patient_name=rows["image_path"], icd10_primary="J18.9")
    swapped.assign(diagnosis="").to_parquet(place.odd / "emr.parquet")


def withdrawals_without_header(place):
    (place.exports / "withdrawn.csv").write_text(f"{OWNER.patient_id}\n{OWNER.name}\n", encoding="utf-8")


def merges_in_a_circle(place):
    numbers = f"{OWNER.patient_id},{OWNER.national_id}\n{OWNER.national_id},{OWNER.patient_id}\n"
    (place.exports / "patient_aliases.csv").write_text(f"patient_id,merged_into\n{numbers}", encoding="utf-8")


def a_store_that_cannot_be_written(place):
    """A file where the folder of the images should be."""
    store = place.folder / "data/test/03_primary"
    store.mkdir(parents=True)
    (store / "images").write_text("")


BROKEN = {
    stray_quote: "stray quote in the row that begins in line",
    no_header: "is there a header row",
    no_table: "none of the tables",
    no_workbook: "cannot be read",
    every_row_faulty: TOO_MANY,
    columns_that_changed_places: TOO_MANY,
    withdrawals_without_header: "no column",
    merges_in_a_circle: "patient_aliases",
    a_store_that_cannot_be_written: "Error",
}


@pytest.mark.parametrize(
    "spoil", [pytest.param(spoil, marks=[pytest.mark.slow] if number else []) for number, spoil in enumerate(BROKEN)]
)
def test_a_run_that_fails_names_nobody(project, tmp_path, spoil):
    place = Project(project, tmp_path, None)
    spoil(place)
    settings = "ingestion.max_fault_fraction=0.0"
    printed = place.kedro("run", "--env", "test", "--pipelines", "ingestion", "--params", settings, succeeds=False)
    assert BROKEN[spoil] in " ".join(printed.split())
    assert leaks_of(place, Search(place.needles(), Opener(None))) == []
