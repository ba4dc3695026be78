"""What every setting of a sensitivity analysis came to, from the run records."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.parameters import ParameterGroup
from lung_cxr.training.sweep.grid import GridPoint

WHOLE = (  # columns of whole numbers, of which some rows have none
    *("patience", "step", "max_epochs", "depth", "top_layers", "epochs", "shared_epochs", "unfreezings"),
    *("final_unfrozen_groups", "layer_groups"),
)
MEASURED = ("epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason", "best_val_loss", "seconds")
JUDGED = ("accuracy", "macro_f1")
COLUMNS = (
    *("backbone", "strategy", "patience", "step", "decay", "max_epochs", "depth", "top_layers", "seed", "epochs"),
    *("shared_epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason", "best_val_loss"),
    *(f"{subset}_{metric}" for subset in ("validation", "test") for metric in JUDGED),
    *("seconds", "status", "note"),
)


def tabulate_grid_points(
    runs: Mapping[str, Sequence[Any]], grid: Sequence[GridPoint], backbones: Sequence[str], seeds: Sequence[int]
) -> pd.DataFrame:
    """Return a row per backbone, setting and seed; one that was never trained has a row that says so.

    Args:
        runs: Name of the run → `RunResult` of its seeds.
        grid: Grid points of the analysis.
        backbones: Of which.
        seeds: Of each.

    Returns:
        `backbone, strategy`; what was tried: `patience, step, decay, max_epochs` (n, epochs), `depth` (layer groups);
        `top_layers` (n of Table 3: the Keras layers of that depth); `seed`; how it went: `epochs, shared_epochs` (of
        them, those trained together with other settings), `unfreezings, final_unfrozen_groups, layer_groups,
        stop_reason`; `best_val_loss` (nats), accuracy and macro-F1 on validation and test (fractions); `seconds` (those
        of shared epochs are in every row that shares them); `status` and `note` (why a run failed).
    """
    rows = []
    for backbone in backbones:
        for point in grid:
            records = {run.record["seed"]: run.record for run in runs.get(point.run_name(backbone), [])}
            tried = {"backbone": backbone, **_tried(point.strategy.root, point.training.max_epochs)}
            rows += [{**tried, "seed": seed, **_found(records.get(seed))} for seed in seeds]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(WHOLE, "Int64"))


def _tried(strategy: ParameterGroup, max_epochs: int) -> dict[str, Any]:
    values = strategy.model_dump()
    depths = values.get("search_depths")
    return {
        "strategy": values["kind"],
        **{name: values.get(name) for name in ("patience", "step", "decay")},
        "max_epochs": max_epochs,
        "depth": depths[0] if depths else None,
    }


def _found(record: Mapping[str, Any] | None) -> dict[str, Any]:
    if record is None:
        return {"status": "not yet trained"}
    if record["status"] != "finished":
        return {"status": record["status"], "note": record["failure"]}
    judged = {
        f"{subset}_{metric}": record["metrics"][subset][metric]
        for subset in ("validation", "test")
        for metric in JUDGED
    }
    return {
        **{name: record[name] for name in MEASURED},
        **judged,
        "top_layers": record.get("top_layers"),
        "shared_epochs": record["sensitivity"]["shared_epochs"],
        "status": "finished",
    }
