"""The public collection, source by source: what the runs of `--env public_cxr` are worth within one source.

    LUNG_CXR_PUBLIC_ROOT=… LUNG_CXR_WEIGHTS=… python benchmarks/public_sources.py out.json [--root data/public_cxr]

In that collection the class is confounded with the source (all tuberculosis comes from two sources that give nothing
else), so a model may score by recognising the source. The manifest rightly does not know sources; they are found again
from the collection's own table, with the key of the catalogue. Beside the runs: the majority class of the training set,
and a logistic regression on the frozen ImageNet features of the same network at the same size.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from lung_cxr.datasets import RunsDataset, SecretKeyDataset
from lung_cxr.evaluation.baselines import majority_predictions
from lung_cxr.evaluation.frozen_features import frozen_feature_predictions
from lung_cxr.evaluation.predictions import evaluate_predictions
from lung_cxr.evaluation.undefined import json_ready
from lung_cxr.parameters import BackboneParameters
from lung_cxr.splitting.pixels import open_pixels

TABLES = ("metadata.csv", "metadata_extra.csv")
DRAWS, CONFIDENCE, SEED = 10_000, 0.95, 2024
RUNS = ("dynamic", "traditional")
BACKBONE, SIZE = "mobilenet", 128
INVERSE_PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def sources(collection: Path) -> pd.Series:
    """Return image_id → source prefix (nih, c19, …) of every row of the collection's tables."""
    secret = SecretKeyDataset().load()
    rows = pd.concat([pd.read_csv(collection / name, dtype=str) for name in TABLES])
    ids = [secret.key("image", patient, path) for patient, path in zip(rows["patient_id"], rows["image"], strict=True)]
    return pd.Series(rows["patient_id"].str.split("-").str[0].to_numpy(), index=ids)


def frozen_features(root: Path, weights: Path) -> np.ndarray:
    """Return (N, 1024) pooled ImageNet features of all images, in split order."""
    import keras

    from lung_cxr.models.classifier import build_classifier

    parameters = BackboneParameters(
        architecture=BACKBONE,
        size=SIZE,
        weights=str(weights / "mobilenet_imagenet_notop.weights.h5"),
        top_layers=0,
        options={},
    )
    model = build_classifier(parameters, dropout=0.0, head="gap", seed=SEED).model
    features = keras.Model(model.input, model.get_layer("head_pooling").output)
    return features.predict(np.asarray(open_pixels(root / "05_model_input", SIZE))[..., None], verbose=0)


def main() -> None:
    """Evaluate every model on all test images and on each source's; print a table and write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--root", type=Path, default=Path("data/public_cxr"))
    given = arguments.parse_args()

    split = pd.read_parquet(given.root / "05_model_input/split.parquet")
    of_image = sources(Path(os.environ["LUNG_CXR_PUBLIC_ROOT"]))
    models = {}
    for strategy in RUNS:
        (run,) = RunsDataset(filepath=str(given.root / "07_model_output" / BACKBONE / strategy)).load()
        models[strategy] = run.predictions[run.predictions["subset"] == "test"]
    features = frozen_features(given.root, Path(os.environ["LUNG_CXR_WEIGHTS"]))
    regression = frozen_feature_predictions(features, split, INVERSE_PENALTIES)
    models["logistic regression"] = regression[regression["subset"] == "test"]
    models["majority class"] = majority_predictions(split).query("subset == 'test'")

    results = {}
    table = Table("source", "model", "images", "patients", "accuracy", "macro-F1", title="Test images")
    for source in ("all", *sorted(of_image.unique())):
        for name, predictions in models.items():
            chosen = predictions if source == "all" else predictions[predictions["image_id"].map(of_image) == source]
            if chosen.empty:
                continue
            numbers = evaluate_predictions(chosen, DRAWS, CONFIDENCE, SEED)
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
