"""Compare banks of augmented copies with new augmentation for every sample, on the images of a catalogue.

    PYTHONPATH=src python benchmarks/augmentation_bank.py out.jsonl <05_model_input> --weights <file> [--size 96]
        [--strategy traditional] [--experiment tuned] [--banks 0 4 8] [--seeds 1 2 3] [--folds 1]
        [--stop-patience 5] [--head-start]

Trains MobileNet with `augmentation.bank` K, 0 meaning null, on an outer fold of a cross-validation. Each run starts
with an empty cache and appends one line: lowest validation loss, log loss of its weights on the test fold, epochs, and
the processor time of the whole run. Banks take turns within a seed.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.keras_settings import fresh_keras
from lung_cxr.parameters import BackboneParameters, SplittingParameters, TrainingParameters
from lung_cxr.splitting.folds import fold_splits
from lung_cxr.splitting.pixels import open_pixels
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.head_start import start_head
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.strategies.registry import StrategyParameters, strategy_of
from lung_cxr.training.validation import predict_logits, validate

CONFIGURATION = Path(__file__).parents[1] / "conf"
OUTER_FOLDS = 5
BATCH_SIZE = 16  # as in conf/public_cxr
Numbers = dict[str, Any]


def parameters(path: str) -> Numbers:
    """Return a parameter file of the project."""
    return yaml.safe_load((CONFIGURATION / path).read_text(encoding="utf-8"))


def settings_of(arguments: argparse.Namespace, bank: int) -> tuple[BackboneParameters, Any, TrainingParameters]:
    """Return backbone, strategy and training settings of a run."""
    training = parameters("base/parameters_training.yml")
    settings, changes = training["training"], {}
    if arguments.experiment:
        changes = parameters(f"experiments/{arguments.experiment}.yml")["training"]
    augmentation = {**settings["augmentation"], **changes.pop("augmentation", {}), "bank": bank or None}
    settings |= {**changes, "augmentation": augmentation, "batch_size": BATCH_SIZE}
    strategy = training["strategies"][arguments.strategy]
    if arguments.stop_patience:
        strategy["stop_patience"] = arguments.stop_patience
    if arguments.head_start:
        strategy["head_start"] = "logistic_regression"
    backbone = parameters("base/parameters_backbones.yml")["backbones"]["mobilenet"]
    backbone |= {"size": arguments.size, "weights": str(arguments.weights)}
    return BackboneParameters(**backbone), StrategyParameters(strategy), TrainingParameters(**settings)


def images_of_fold(folder: Path, size: int, fold: int) -> SplitImages:
    """Return pixels and split of an outer fold."""
    split = pd.read_parquet(folder / "split.parquet")
    folds = pd.read_parquet(folder / "patient_folds.parquet")
    splitting = parameters("base/parameters_splitting.yml")["splitting"] | {"folds": None, "outer_folds": OUTER_FOLDS}
    splits = dict(fold_splits(split, folds, SplittingParameters(**splitting)))
    return SplitImages(open_pixels(folder, size), splits[fold])


def train(arguments: argparse.Namespace, bank: int, seed: int, fold: int) -> Numbers:
    """Train one run; return its numbers."""
    images = images_of_fold(arguments.model_input, arguments.size, fold)
    backbone, strategy_parameters, training = settings_of(arguments, bank)
    with fresh_keras(training.precision, seed), tempfile.TemporaryDirectory() as name:
        started = time.process_time()
        classifier = build_classifier(backbone, dropout=training.dropout, head=training.head, seed=seed)
        strategy = strategy_of(strategy_parameters.root, backbone)
        features = FeatureFolder(Path(name, "features"), "0" * 64, training.frozen_prefix)
        if strategy.fits_head_first:
            start_head(classifier, images, training, features)
        checkpoints = CheckpointFolder(Path(name, "checkpoints"))
        tuning = FineTuning(classifier, strategy, images, training, seed, checkpoints, len, features)
        history = tuning.run()
        seconds, rows = time.process_time() - started, images.rows("test")
        tested = validate(predict_logits(classifier.model, images, rows, BATCH_SIZE), images.labels[rows])
    depths = [row["unfrozen_groups"] for row in history]
    return {
        **{name: getattr(arguments, name) for name in ("strategy", "experiment", "head_start", "size")},
        **{"bank": bank, "seed": seed, "fold": fold, "seconds": seconds},
        "epochs": {str(depth): depths.count(depth) for depth in sorted(set(depths))},
        "validation_loss": min(row["val_loss"] for row in history),
        "stage_losses": {
            str(depth): min(row["val_loss"] for row in history if row["unfrozen_groups"] == depth)
            for depth in sorted(set(depths))
        },
        **{"test_loss": tested.loss, "test_accuracy": tested.accuracy, "test_macro_f1": tested.macro_f1},
    }


def main() -> None:
    """Train all runs; append a line after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="file to append to, one JSON object a line")
    parser.add_argument("model_input", type=Path, help="folder 05_model_input of a catalogue")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--strategy", default="traditional")
    parser.add_argument("--experiment", default="")
    parser.add_argument("--stop-patience", type=int, help="epochs; default: conf/base")
    parser.add_argument("--head-start", action="store_true", help="dynamic: fit the head first")
    parser.add_argument("--banks", type=int, nargs="+", default=[0, 4, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--folds", type=int, nargs="+", default=[1])
    arguments = parser.parse_args()
    for fold in arguments.folds:
        for seed in arguments.seeds:
            for bank in arguments.banks:
                result = train(arguments, bank, seed, fold)
                with arguments.output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
