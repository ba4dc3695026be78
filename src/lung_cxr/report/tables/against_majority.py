"""Whether runs are better than always naming the largest class: without that, a gain between them is no success."""

from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.experiments import Run
from lung_cxr.report.labels import run_title, strategy_title
from lung_cxr.report.numbers import percent

BOTH = 2


def against_majority(rows: Sequence[Mapping[str, Any]], evaluations: Mapping[str, Any]) -> str:
    """Return which of the runs are clearly better than the majority class, or nothing where all of them are.

    Clearly: accuracy is higher, and its interval over patients does not reach down to the majority class.

    Args:
        rows: Finished rows of `evaluate_grid`; two are taken as the two strategies of one backbone.
        evaluations: What `evaluate_grid` returned.
    """
    better = [row for row in rows if _is_clearly_better(row["metrics"], evaluations["majority"]["accuracy"])]
    if len(better) == len(rows):
        return ""
    one_backbone = len({row["backbone"] for row in rows}) == 1
    baseline = f"always saying {evaluations['majority_class']} ({percent(evaluations['majority']['accuracy'])})"
    if len(rows) == 1:
        who = f"{run_title(Run(rows[0]['backbone'], rows[0]['strategy']))}, is not"
    elif len(rows) == BOTH and one_backbone:
        who = f"Only {strategy_title(better[0]['strategy'])} is" if better else "Neither strategy is"
    else:
        who = f"{len(better) or 'None'} of {len(rows)} runs {'is' if len(better) < BOTH else 'are'}"
    return f"{who} clearly better than {baseline}."


def _is_clearly_better(metrics: Mapping[str, Any], baseline: float | None) -> bool:
    accuracy, low = metrics["accuracy"], metrics["accuracy_low"]
    return baseline is None or accuracy is None or (accuracy > baseline and (low is None or low > baseline))
