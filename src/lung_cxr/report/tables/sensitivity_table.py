"""Table of a sensitivity analysis: results of every grid point, from the run records."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.evaluation.intervals import patient_intervals, ratio_intervals
from lung_cxr.evaluation.metrics import label_indices, log_losses
from lung_cxr.evaluation.predictions import frame_counts, probabilities
from lung_cxr.evaluation.undefined import Numbers
from lung_cxr.parameters import ParameterGroup
from lung_cxr.training.sweep.grid import GridPoint

INTEGERS = (  # integer columns with missing values
    *("patience", "step", "max_epochs", "depth", "top_layers", "epochs", "shared_epochs", "unfreezings"),
    *("final_unfrozen_groups", "layer_groups", "validation_images"),
)
MEASURED = ("epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason", "best_val_loss", "seconds")
EVALUATED = ("accuracy", "macro_f1")
COLUMNS = (
    *("backbone", "strategy", "patience", "step", "decay", "max_epochs", "depth", "top_layers", "own_settings"),
    *("seed", "epochs", "shared_epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason"),
    *("best_val_loss", "loss_difference", "loss_difference_low", "loss_difference_high", "validation_images"),
    *(f"validation_{name}" for name in (*EVALUATED, "macro_f1_low", "macro_f1_high")),
    *(f"test_{metric}" for metric in EVALUATED),
    *("seconds", "status", "note"),
)


def tabulate_grid_points(
    runs: Mapping[str, Sequence[Any]],
    grid: Sequence[GridPoint],
    own: str,
    backbones: Sequence[str],
    seeds: Sequence[int],
    bootstrap: Mapping[str, Any],
) -> pd.DataFrame:
    """Return a row per backbone, grid point and seed, including those that were not trained.

    Args:
        runs: Name of the run → `RunResult` of its seeds.
        grid: Grid points of the analysis.
        own: Name of the grid point with the p, k, decay and n of the environment; empty if the grid lacks it.
        backbones: Backbones of the analysis.
        seeds: Training seeds of each grid point.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `backbone, strategy`; settings `patience, step, decay, max_epochs` (n, epochs), `depth` (layer groups),
        `top_layers` (n of Table 3: Keras layers of that depth), `own_settings` (whether it is the grid point `own`),
        `seed`; course `epochs, shared_epochs` (epochs shared with other grid points), `unfreezings,
        final_unfrozen_groups, layer_groups, stop_reason`; `best_val_loss` (nats); `loss_difference`: validation loss
        minus that of `own` with the same seed (nats), with the interval over patients at Bonferroni's level for all
        other grid points; `validation_images`; accuracy and macro-F1 on validation and test
        (fractions), the validation macro-F1 with its interval over patients; `seconds` (with the shared epochs);
        `status` and `note` (why a run failed).
    """
    level = 1 - (1 - bootstrap["confidence"]) / max(len(grid) - 1, 1)
    rows = []
    for backbone in backbones:
        by_seed = {
            point.name: {run.record["seed"]: run for run in runs.get(point.run_name(backbone), [])} for point in grid
        }
        for point in grid:
            settings = {"backbone": backbone, **_settings(point.strategy.root, point.training.max_epochs)}
            settings["own_settings"] = point.name == own
            for seed in seeds:
                run, unvaried = (by_seed.get(name, {}).get(seed) for name in (point.name, own))
                results = _results(run, bootstrap) | _difference(run, unvaried, {**bootstrap, "confidence": level})
                rows.append({**settings, "seed": seed, **results})
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


def _results(run: Any | None, bootstrap: Mapping[str, Any]) -> dict[str, Any]:
    if run is None:
        return {"status": "not yet trained"}
    record = run.record
    if record["status"] != "finished":
        return {"status": record["status"], "note": record["failure"]}
    evaluated = {
        f"{subset}_{metric}": record["metrics"][subset][metric]
        for subset in ("validation", "test")
        for metric in EVALUATED
    }
    frame = _validation(run)
    intervals = patient_intervals([frame_counts(frame)], **bootstrap)
    return {
        **{name: record[name] for name in MEASURED},
        **evaluated,
        **{f"validation_macro_f1_{end}": intervals[f"macro_f1_{end}"] for end in ("low", "high")},
        "validation_images": len(frame),
        "top_layers": record.get("top_layers"),
        "shared_epochs": record["sensitivity"]["shared_epochs"],
        "status": "finished",
    }


def _difference(run: Any | None, own: Any | None, bootstrap: Mapping[str, Any]) -> Numbers:
    """Return the difference of the validation losses of two finished runs on the same images; else no numbers."""
    if any(one is None or one.record["status"] != "finished" for one in (run, own)):
        return {}
    frame, of_own = _validation(run), _validation(own)
    if not frame.index.equals(of_own.index):
        return {}  # another split
    truth = label_indices(frame["label"])
    losses, of_own_losses = (log_losses(truth, probabilities(one)) for one in (frame, of_own))
    ratio = {"loss_difference": (losses - of_own_losses, np.ones(len(frame)))}
    return ratio_intervals(frame["patient_key"].to_numpy(), ratio, **bootstrap, means=ratio)


def _validation(run: Any) -> pd.DataFrame:
    frame = run.predictions
    return frame[frame["subset"] == "validation"].set_index("image_id").sort_index()
