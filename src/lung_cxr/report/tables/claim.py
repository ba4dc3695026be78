"""CLAIM 2024: the checklist's items, the report's answer to each, and the section that answers it.

Tejani et al. 2024, "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update", Radiology:
Artificial Intelligence 6(4): e240300. Its 44 items are paraphrased.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from lung_cxr.report.numbers import plural
from lung_cxr.report.rows import finished_runs
from lung_cxr.report.tables.ensembles_table import ensembles_in_words
from lung_cxr.report.tables.table import Cell, Table, name_cell, text_cell

ENSEMBLES = 27  # number of the item
ANSWERS = {"report": "answered", "partly": "partly", "hospital": "by the hospital", "no": "not answered"}
SECTIONS = {  # anchor → heading of the page
    "comparison": "Comparison",
    "data": "Data",
    "patients": "Patients and images",
    "ingestion": "From exports to catalogue",
    "results": "Results",
    "statistics": "Hypothesis tests",
    "errors": "Error analysis",
    "classes": "Metrics by class",
    "subgroups": "Subgroups",
    "grad-cam": "Grad-CAM",
    "external": "External validation",
    "training": "Training",
    "lineage": "Lineage",
    "settings": "Settings",
    "records": "Run records",
    "limitations": "Limitations",
}


@dataclass(frozen=True)
class Item:
    """One item and the report's answer.

    Attributes:
        number: Number in the checklist.
        topic: Paraphrase of the item.
        answer: One of `ANSWERS`.
        anchor: Section with the answer, one of `SECTIONS`; "" where the page does not answer.
        words: The answer, or the missing item.
    """

    number: int
    topic: str
    answer: str
    anchor: str
    words: str


def claim_items(evaluations: Mapping[str, Any]) -> list[Item]:
    """Return the 44 items; items that need a run or an external test set are not answered without one.

    Args:
        evaluations: Result of `evaluate_grid`.
    """
    lacking, words = {}, {ENSEMBLES: ensembles_in_words(evaluations)}
    if not finished_runs(evaluations):
        lacking["run"] = "No run has finished."
    if evaluations["external"] is None:
        lacking["external"] = "No external test set was given."
    with files("lung_cxr.report.tables").joinpath("claim_2024.csv").open(encoding="utf-8") as table:
        rows = pd.read_csv(table, keep_default_na=False).to_dict(orient="records")
    return [
        Item(row["item"], row["topic"], "no", "", lacking[row["needs"]])
        if row["needs"] in lacking
        else Item(row["item"], row["topic"], row["answer"], row["anchor"], words.get(row["item"], row["words"]))
        for row in rows
    ]


def claim_table(evaluations: Mapping[str, Any]) -> Table:
    """Return all items, each with a link to the section that answers it."""
    rows = [
        [
            name_cell(f"{one.number}. {one.topic}", one.words),
            text_cell(ANSWERS[one.answer]),
            Cell(SECTIONS[one.anchor], kind="", anchor=one.anchor) if one.anchor else text_cell(""),
        ]
        for one in claim_items(evaluations)
    ]
    return Table(caption="", head=["Item", "Answer", "Section"], rows=rows)


def claim_sentence(evaluations: Mapping[str, Any]) -> str:
    """Return the number of items that are answered, partly answered, left to the hospital, or not answered."""
    items = claim_items(evaluations)
    counts = Counter(one.answer for one in items)
    return (
        f"Of {plural(len(items), 'item')}, this page answers {counts['report']}, and {counts['partly']} partly. "
        f"{counts['hospital']} are for the hospital's manuscript; {counts['no']} are not answered."
    )
