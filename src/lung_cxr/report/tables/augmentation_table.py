"""Table 2: augmentation of the training images, ours beside the paper's."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.evaluation.published import published_augmentation
from lung_cxr.report.rows import evaluated_records, finished_runs
from lung_cxr.report.tables.table import Cell, Column, Table, name_cell, table_of, text_cell

NO_RUN = "no run has finished"
NOT_RECORDED = "not recorded"


def augmentation_frame(evaluations: Mapping[str, Any]) -> pd.DataFrame:
    """Return `technique`, `setting` (all settings of the finished runs; empty without a run) and `paper_setting`.

    Args:
        evaluations: Result of `evaluate_grid`.
    """
    records = [record for row in finished_runs(evaluations) for record in evaluated_records(row)]
    settings = [_in_words(record["parameters"]["training"].get("augmentation", {})) for record in records]
    frame = published_augmentation().rename(columns={"setting": "paper_setting"})
    ours = [" or ".join(dict.fromkeys(one[row] for one in settings)) or None for row in range(len(frame))]
    frame.insert(1, "setting", ours)
    return frame


def augmentation_table(evaluations: Mapping[str, Any]) -> Table:
    """Return Table 2 from `augmentation_frame`."""
    columns = [
        Column("Technique", lambda row: name_cell(row["technique"])),
        Column(
            "Ours", lambda row: Cell(NO_RUN, kind="reason") if pd.isna(row["setting"]) else text_cell(row["setting"])
        ),
        Column("Paper", lambda row: text_cell(row["paper_setting"])),
    ]
    caption = (
        "Augmentation of the training images, as recorded by the finished runs. Factors are uniform in [low, high]."
    )
    return table_of(augmentation_frame(evaluations), columns, caption)


def _in_words(augmentation: Mapping[str, Any]) -> list[str]:
    """Return the settings of one run in the order of the table."""
    factors = [augmentation.get(name) for name in ("brightness", "contrast")]
    return [
        f"±{augmentation['rotation']:g}°" if "rotation" in augmentation else NOT_RECORDED,
        *(NOT_RECORDED if pair is None else f"[{pair[0]:g}, {pair[1]:g}]" for pair in factors),
        _classes(augmentation),
    ]


def _classes(augmentation: Mapping[str, Any]) -> str:
    """Return the augmented classes, the copies of each image and the share of unchanged samples."""
    if "classes" not in augmentation:
        return NOT_RECORDED
    classes = augmentation["classes"]
    if classes is None:
        return "no class"
    names = "all classes but the largest" if classes == "all_but_largest" else ", ".join(classes)
    bank, unchanged = augmentation.get("bank"), augmentation.get("unchanged_share", 0)
    copies = "new parameters for every sample" if bank is None else f"{bank} copies of an image per stage"
    return f"{names}; {copies}" + (f"; {100 * unchanged:g} % of their samples unchanged" if unchanged else "")
