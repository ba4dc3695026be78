"""Table of a sensitivity analysis: results of every grid point, from the run records."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.parameters import ParameterGroup
from lung_cxr.training.sweep.grid import GridPoint

INTEGERS = (  # integer columns with missing values
    *("patience", "step", "max_epochs", "depth", "top_layers", "epochs", "shared_epochs", "unfreezings"),
    *("final_unfrozen_groups", "layer_groups"),
)
MEASURED = ("epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason", "best_val_loss", "seconds")
EVALUATED = ("accuracy", "macro_f1")
COLUMNS = (
    *("backbone", "strategy", "patience", "step", "decay", "max_epochs", "depth", "top_layers", "seed", "epochs"),
    *("shared_epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason", "best_val_loss"),
    *(f"{subset}_{metric}" for subset in ("validation", "test") for metric in EVALUATED),
    *("seconds", "status", "note"),
)


def tabulate_grid_points(
    runs: Mapping[str, Sequence[Any]], grid: Sequence[GridPoint], backbones: Sequence[str], seeds: Sequence[int]
) -> pd.DataFrame:
    """Return a row per backbone, grid point and seed, including those that were not trained.

    Args:
        runs: Name of the run → `RunResult` of its seeds.
        grid: Grid points of the analysis.
        backbones: Backbones of the analysis.
        seeds: Training seeds of each grid point.

    Returns:
        `backbone, strategy`; settings `patience, step, decay, max_epochs` (n, epochs), `depth` (layer groups),
        `top_layers` (n of Table 3: Keras layers of that depth), `seed`; course `epochs, shared_epochs` (epochs shared
        with other grid points), `unfreezings, final_unfrozen_groups, layer_groups, stop_reason`; `best_val_loss`
        (nats), accuracy and macro-F1 on validation and test (fractions); `seconds` (with the shared epochs); `status`
        and `note` (why a run failed).
    """
    rows = []
    for backbone in backbones:
        for point in grid:
            records = {run.record["seed"]: run.record for run in runs.get(point.run_name(backbone), [])}
            settings = {"backbone": backbone, **_settings(point.strategy.root, point.training.max_epochs)}
            rows += [{**settings, "seed": seed, **_results(records.get(seed))} for seed in seeds]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(INTEGERS, "Int64"))


def _settings(strategy: ParameterGroup, max_epochs: int) -> dict[str, Any]:
    values = strategy.model_dump()
    depths = values.get("search_depths")
    return {
        "strategy": values["kind"],
        **{name: values.get(name) for name in ("patience", "step", "decay")},
        "max_epochs": max_epochs,
        "depth": depths[0] if depths else None,
    }


def _results(record: Mapping[str, Any] | None) -> dict[str, Any]:
    if record is None:
        return {"status": "not yet trained"}
    if record["status"] != "finished":
        return {"status": record["status"], "note": record["failure"]}
    evaluated = {
        f"{subset}_{metric}": record["metrics"][subset][metric]
        for subset in ("validation", "test")
        for metric in EVALUATED
    }
    return {
        **{name: record[name] for name in MEASURED},
        **evaluated,
        "top_layers": record.get("top_layers"),
        "shared_epochs": record["sensitivity"]["shared_epochs"],
        "status": "finished",
    }
