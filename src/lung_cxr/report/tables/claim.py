"""Which items of CLAIM 2024 a report answers, and where.

Tejani et al. 2024, "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update", Radiology:
Artificial Intelligence 6(4): e240300. Its 44 items are in our words.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from lung_cxr.report.numbers import plural
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.table import Cell, Table, name_cell, text_cell

ANSWERS = {"report": "answered", "partly": "in part", "hospital": "by the hospital", "no": "not answered"}
SECTIONS = {  # anchor of the page → what its heading says
    "comparison": "Comparison",
    "data": "Data",
    "people": "Patients and images",
    "intake": "From exports to catalogue",
    "results": "Results",
    "statistics": "Statistics",
    "failures": "Where it fails",
    "classes": "By class",
    "parts": "By part of the test set",
    "looked": "Where it looked",
    "external": "External test set",
    "runs": "Training",
    "lineage": "Lineage",
    "settings": "Settings of the runs",
    "records": "Run records",
    "limits": "Limits",
}


@dataclass(frozen=True)
class Item:
    """One item as this report answers it.

    Attributes:
        number: In the checklist.
        topic: In our words.
        answer: One of `ANSWERS`.
        anchor: Where on the page, one of `SECTIONS`; "" where the page does not answer.
        words: What the answer is, or what is missing.
    """

    number: int
    topic: str
    answer: str
    anchor: str
    words: str


def claim_items(evaluations: Mapping[str, Any]) -> list[Item]:
    """Return the 44 items; what a report would answer with a run or an external test set is not answered without.

    Args:
        evaluations: What `evaluate_grid` returned.
    """
    lacking = {}
    if not finished_runs(evaluations):
        lacking["run"] = "No run has finished."
    if evaluations["external"] is None:
        lacking["external"] = "No external test set was given."
    with files("lung_cxr.report.tables").joinpath("claim_2024.csv").open(encoding="utf-8") as table:
        rows = pd.read_csv(table, keep_default_na=False).to_dict(orient="records")
    return [
        Item(row["item"], row["topic"], "no", "", lacking[row["needs"]])
        if row["needs"] in lacking
        else Item(row["item"], row["topic"], row["answer"], row["anchor"], row["words"])
        for row in rows
    ]


def claim_table(evaluations: Mapping[str, Any]) -> Table:
    """Return all items, each with a link to where it is answered."""
    rows = [
        [
            name_cell(f"{one.number}. {one.topic}", one.words),
            text_cell(ANSWERS[one.answer]),
            Cell(SECTIONS[one.anchor], kind="", anchor=one.anchor) if one.anchor else text_cell(""),
        ]
        for one in claim_items(evaluations)
    ]
    return Table(caption="", head=["Item", "Answer", "Where"], rows=rows)


def claim_sentence(evaluations: Mapping[str, Any]) -> str:
    """Return how many items are answered here, in part, by the hospital, or not."""
    items = claim_items(evaluations)
    counts = Counter(one.answer for one in items)
    return (
        f"Of {plural(len(items), 'item')}, this page answers {counts['report']}, and {counts['partly']} in part; "
        f"{counts['hospital']} only the hospital can answer, in its manuscript; {counts['no']} it does not answer."
    )
