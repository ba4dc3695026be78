"""Numbers of every class as rows of a CSV: metrics, and the operating points of the decision rule, with intervals."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS, PER_CLASS_METRICS
from lung_cxr.evaluation.operating_points import ENDS, POINTS, RATIOS
from lung_cxr.report.rows import finished_runs, images_by_class

METRIC_COLUMNS = [f"{metric}{end}" for metric in PER_CLASS_METRICS for end in ENDS]
POINT_COLUMNS = [
    f"{point}_{name}" for point in POINTS for name in ("threshold", *(f"{one}{end}" for one in RATIOS for end in ENDS))
]


def class_numbers(evaluations: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per finished run and class.

    Args:
        evaluations: Result of `evaluate_grid`.

    Returns:
        `backbone, strategy, class, images`, `METRIC_COLUMNS` and `POINT_COLUMNS` as fractions; empty where a number is
        undefined.
    """
    rows = [
        {
            "backbone": row["backbone"],
            "strategy": row["strategy"],
            "class": name,
            "images": images,
            **metrics_of_class(row["metrics"], key),
            **_points(row["certainty"].get("operating_points"), name),
        }
        for row in finished_runs(evaluations)
        for (name, images), key in zip(images_by_class(row).items(), CLASS_NAMES_IN_KEYS, strict=True)
    ]
    columns = ["backbone", "strategy", "class", "images", *METRIC_COLUMNS, *POINT_COLUMNS]
    return pd.DataFrame(rows).reindex(columns=columns)


def metrics_of_class(metrics: Mapping[str, Any], key: str) -> dict[str, float | None]:
    """Return `METRIC_COLUMNS` of one class, named in `metrics` by its key."""
    return {f"{metric}{end}": metrics.get(f"{metric}_{key}{end}") for metric in PER_CLASS_METRICS for end in ENDS}


def _points(points: Mapping[str, Any] | None, name: str) -> dict[str, float | None]:
    if points is None:
        return {}
    return {f"{point}_{column}": points[name][point].get(column) for point in POINTS for column in points[name][point]}
