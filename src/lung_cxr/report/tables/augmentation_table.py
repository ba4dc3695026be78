"""Table 2: how training images were augmented, ours beside the paper's."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.evaluation.published import published_augmentation
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.strategies_table import judged_records
from lung_cxr.report.tables.table import Cell, Table, name_cell, text_cell

NO_RUN = "no run has finished"
NOT_RECORDED = "not recorded"


def tabulate_augmentation(evaluations: Mapping[str, Any]) -> pd.DataFrame:
    """Return `technique`, `setting` of the finished runs and `paper_setting`; a setting is empty without a run.

    Args:
        evaluations: What `evaluate_grid` returned. Where runs differ, every setting is named.
    """
    records = [record for row in finished_runs(evaluations) for record in judged_records(row)]
    settings = [_in_words(record["parameters"]["training"].get("augmentation", {})) for record in records]
    paper = published_augmentation().rename(columns={"setting": "paper_setting"})
    ours = [" or ".join(dict.fromkeys(one[row] for one in settings)) or None for row in range(len(paper))]
    paper.insert(1, "setting", ours)
    return paper


def augmentation_table(evaluations: Mapping[str, Any]) -> Table:
    """Return Table 2 as the page shows it."""
    rows = [
        [
            name_cell(row["technique"]),
            Cell(NO_RUN, kind="reason") if pd.isna(row["setting"]) else text_cell(row["setting"]),
            text_cell(row["paper_setting"]),
        ]
        for row in tabulate_augmentation(evaluations).to_dict(orient="records")
    ]
    return Table(
        caption="How training images are augmented, as the finished runs recorded it. Factors in brackets are drawn "
        "uniformly.",
        head=["Technique", "Ours", "The paper's"],
        rows=rows,
    )


def _in_words(augmentation: Mapping[str, Any]) -> list[str]:
    """Return one run's settings in the order of the table."""
    factors = [augmentation.get(name) for name in ("brightness", "contrast")]
    return [
        f"±{augmentation['rotation']:g}°" if "rotation" in augmentation else NOT_RECORDED,
        *(NOT_RECORDED if pair is None else f"[{pair[0]:g}, {pair[1]:g}]" for pair in factors),
        _classes(augmentation),
    ]


def _classes(augmentation: Mapping[str, Any]) -> str:
    """Return which classes are augmented, and how many copies there are of each image."""
    if "classes" not in augmentation:
        return NOT_RECORDED
    classes = augmentation["classes"]
    if classes is None:
        return "no class"
    which = "all classes but the largest" if classes == "all_but_largest" else ", ".join(classes)
    bank = augmentation.get("bank")
    return f"{which}; {'drawn afresh each time' if bank is None else f'{bank} copies of an image per stage'}"
