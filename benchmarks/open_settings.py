"""Compare settings that the paper leaves open, one at a time, on validation images of the public collection.

    LUNG_CXR_PUBLIC_ROOT=… LUNG_CXR_WEIGHTS=… python benchmarks/open_settings.py out.json [--strategy dynamic]

Needs the split and pixel arrays of `kedro run --env public_cxr --pipelines ingestion,splitting`. Every run predicts the
test images, but this script does not use them. Runs that are up to date are not repeated.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.config import OmegaConfigLoader
from rich.console import Console
from rich.table import Table

from lung_cxr.datasets import RunsDataset
from lung_cxr.evaluation.undefined import json_ready
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.pipelines.training.nodes import experiment_on
from lung_cxr.settings import CONFIG_LOADER_ARGS
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.runs import train_seeds
from lung_cxr.training.strategies.registry import StrategyParameters

VARIANTS: dict[str, dict[str, Any]] = {
    "as configured": {},
    "no loss weights": {"loss_weights": "none"},
    "natural sampling": {"sampling": "natural"},
    "natural sampling, no loss weights": {"sampling": "natural", "loss_weights": "none"},
    "learning rate 3e-4": {"learning_rate": 3e-4},
    "learning rate 3e-5": {"learning_rate": 3e-5},
    "batches of 32": {"batch_size": 32},
    "no dropout": {"dropout": 0.0},
    "dropout 0.5": {"dropout": 0.5},
    "SGD at 1e-2": {"optimizer": "sgd", "learning_rate": 1e-2},
    "SGD at 1e-3": {"optimizer": "sgd", "learning_rate": 1e-3},
}


def main() -> None:
    """Train every variant that is not up to date; print a table and write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--env", default="public_cxr")
    arguments.add_argument("--root", type=Path, default=Path("data/public_cxr"))
    arguments.add_argument("--backbone", default="mobilenet")
    arguments.add_argument("--strategy", default="dynamic")
    arguments.add_argument("--seed", type=int, default=2024)
    arguments.add_argument("--only", nargs="*", default=list(VARIANTS), help=f"of: {', '.join(VARIANTS)}")
    given = arguments.parse_args()

    loader = OmegaConfigLoader("conf", env=given.env, **CONFIG_LOADER_ARGS)
    settings = loader["parameters"]
    backbone = BackboneParameters.model_validate(settings["backbones"][given.backbone])
    strategy = StrategyParameters.model_validate(settings["strategies"][given.strategy])
    split = pd.read_parquet(given.root / "05_model_input/split.parquet")
    arrays = json.loads((given.root / "05_model_input/pixel_arrays.json").read_text())

    models, outputs = given.root / "06_models", given.root / "07_model_output"
    rows = []
    for name in given.only:
        place = Path("open_settings", given.backbone, given.strategy, name.replace(" ", "_").replace(",", ""))
        values = {**settings["training"], **VARIANTS[name], "seeds": [given.seed], "load_time_repeats": 0}
        training = TrainingParameters.model_validate(values)
        experiment = experiment_on(split, arrays, given.root / "05_model_input", models, backbone, strategy, training)
        runs = RunsDataset(filepath=str(outputs / place))
        for record in train_seeds(experiment, partial(RunFolders, models / place, outputs / place)):
            runs.save(record)
        rows.append({"variant": name, "changed": VARIANTS[name]} | validation_of(runs.load()[0]))
        given.out.write_text(json.dumps(json_ready({"rows": rows}), indent=1), encoding="utf-8")
    show(rows)


def validation_of(run: Any) -> dict[str, Any]:
    """Return the validation results of a finished run."""
    record, metrics = run.record, run.record["metrics"]["validation"]
    names = ("epochs", "best_epoch", "unfreezings", "final_unfrozen_groups", "stop_reason", "seconds", "best_val_loss")
    return {name: record[name] for name in names} | {name: metrics[name] for name in ("accuracy", "macro_f1")}


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table("variant", "validation loss", "accuracy", "macro-F1", "epochs (best)", "m", "stopped by", "seconds")
    for row in rows:
        table.add_row(
            row["variant"],
            f"{row['best_val_loss']:.3f}",
            f"{100 * row['accuracy']:.1f}",
            f"{100 * row['macro_f1']:.1f}",
            f"{row['epochs']} ({row['best_epoch']})",
            str(row["final_unfrozen_groups"]),
            row["stop_reason"],
            f"{row['seconds']:.0f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
