"""Tables 3 and 4 of the paper from our runs, with its numbers beside."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.published import published_results
from lung_cxr.report.comparable_seeds import judged_record
from lung_cxr.report.labels import TRADITIONAL
from lung_cxr.report.tables.reference_models import yardsticks

JUDGED = tuple(f"{metric}{end}" for metric in ("accuracy", "macro_f1") for end in ("", "_low", "_high", "_sd"))
YARDSTICK = "yardstick"  # status of a row that no run is
COSTS = ("load_time_s", "size_mb")


def tabulate_strategy(evaluations: Mapping[str, Any], strategy: str) -> pd.DataFrame:
    """Return Table 3 (`traditional`) or Table 4 (any other strategy) from our runs.

    Args:
        evaluations: What `evaluate_grid` returned.
        strategy: One of `STRATEGIES`.

    Returns:
        A row per backbone in the paper's order, then the logistic regressions on frozen features that are there
        (`<backbone> logistic regression`) and the majority class. `accuracy` and `macro_f1` with
        their interval (`_low`, `_high`) and spread over seeds (`_sd`) in percent, as in the paper; `n` (Keras layers
        unfrozen, Table 3 only); `load_time_s`, `size_mb` (10⁶ bytes); `seeds`; the paper's numbers as
        `paper_<column>`; `status` and `note`. Runs that are not finished have their status and no numbers.
    """
    rows = [_row(row) for row in evaluations["runs"] if row["strategy"] == strategy]
    rows += [
        {"backbone": " ".join([one.backbone, one.name]).strip(), **judged_in_percent(one.metrics), "status": YARDSTICK}
        for one in yardsticks(evaluations)
    ]
    n_layers = ["n"] if strategy == TRADITIONAL else []
    columns = ["backbone", *JUDGED, *n_layers, *COSTS, "seeds"]
    paper = published_results().query("strategy == @strategy")
    paper = paper[["backbone", "accuracy", "macro_f1", *n_layers, *COSTS]].set_index("backbone").add_prefix("paper_")
    table = pd.DataFrame(rows).reindex(columns=[*columns, "status", "note"])
    table = table.merge(paper, how="left", left_on="backbone", right_index=True)
    counts = {name: "Int64" for name in ("n", "seeds", "paper_n") if name in table}
    return table[[*columns, *paper.columns, "status", "note"]].fillna({"note": ""}).astype(counts)


def images_by_class(row: Mapping[str, Any]) -> dict[str, int]:
    """Return how many test images of each class a finished run was judged on."""
    return {name: sum(counts) // len(row["seeds"]) for name, counts in zip(DISEASES, row["confusion"], strict=True)}


def top_layers(record: Mapping[str, Any]) -> int:
    """Return n of a traditional run: the depth that a search chose, or that of Table 3."""
    return record.get("top_layers", record["parameters"]["backbone"]["top_layers"])


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one backbone's row, numbers only where the run is finished."""
    known = {"backbone": row["backbone"], "status": row["status"], "note": row["note"]}
    if "metrics" not in row:
        return known
    record = judged_record(row)
    return known | {
        **judged_in_percent(row["metrics"]),
        "n": top_layers(record),
        **{name: row[name] for name in COSTS},
        "seeds": len(row["seeds"]),
    }


def judged_in_percent(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Return accuracy and macro-F1 with intervals, in percent."""
    return {name: None if metrics[name] is None else round(100 * metrics[name], 2) for name in JUDGED}
