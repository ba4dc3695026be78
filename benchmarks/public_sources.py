"""Results of the runs of `--env public_cxr` within each source of the public collection.

    LUNG_CXR_PUBLIC_ROOT=… python benchmarks/public_sources.py out.json [--root data/public_cxr]

In that collection the class is confounded with the source (all tuberculosis comes from two sources without any other
class), so a model may recognise the source instead of the disease. The manifest does not contain the source; this
script recovers it from the collection's own table with the key of the catalogue. It evaluates the first finished seed
of each strategy and reference model, and the majority class of the training set.
"""

import argparse
import json
import os
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from lung_cxr.datasets import RunsDataset, SecretKeyDataset
from lung_cxr.evaluation.majority_class import majority_predictions
from lung_cxr.evaluation.predictions import evaluate_predictions
from lung_cxr.evaluation.undefined import json_ready
from lung_cxr.experiments import BASELINES, REFERENCE_MODELS, STRATEGIES

TABLES = ("metadata.csv", "metadata_extra.csv")
N_RESAMPLES, CONFIDENCE, SEED = 10_000, 0.95, 2024
BACKBONE = "mobilenet"


def sources(collection: Path) -> pd.Series:
    """Return image_id → source prefix (nih, c19, …) of every row of the collection's tables."""
    secret = SecretKeyDataset().load()
    rows = pd.concat([pd.read_csv(collection / name, dtype=str) for name in TABLES])
    ids = [secret.key("image", patient, path) for patient, path in zip(rows["patient_id"], rows["image"], strict=True)]
    return pd.Series(rows["patient_id"].str.split("-").str[0].to_numpy(), index=ids)


def main() -> None:
    """Evaluate every model on all test images and on each source's; print a table and write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--root", type=Path, default=Path("data/public_cxr"))
    given = arguments.parse_args()

    split = pd.read_parquet(given.root / "05_model_input/split.parquet")
    of_image = sources(Path(os.environ["LUNG_CXR_PUBLIC_ROOT"]))
    models = {}
    folder = given.root / "07_model_output" / BACKBONE
    for strategy in (*STRATEGIES, *BASELINES, *REFERENCE_MODELS):
        finished = [run for run in RunsDataset(filepath=str(folder / strategy)).load() if run.finished]
        if finished:
            models[strategy] = finished[0].predictions.query("subset == 'test'")
    models["majority class"] = majority_predictions(split).query("subset == 'test'")

    results = {}
    table = Table("source", "model", "images", "patients", "accuracy", "macro-F1", title="Test images")
    for source in ("all", *sorted(of_image.unique())):
        for name, predictions in models.items():
            chosen = predictions if source == "all" else predictions[predictions["image_id"].map(of_image) == source]
            if chosen.empty:
                continue
            numbers = evaluate_predictions(chosen, N_RESAMPLES, CONFIDENCE, SEED)
            results[f"{source}/{name}"] = numbers | {"classes": chosen["label"].value_counts().to_dict()}
            intervals = [
                f"{100 * numbers[m]:.1f} [{100 * numbers[m + '_low']:.1f}, {100 * numbers[m + '_high']:.1f}]"
                for m in ("accuracy", "macro_f1")
            ]
            table.add_row(source, name, str(len(chosen)), str(chosen["patient_key"].nunique()), *intervals)
    Console(width=120).print(table)
    given.out.write_text(json.dumps(json_ready(results), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
