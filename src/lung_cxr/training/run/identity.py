"""What makes two runs the same run: when all of this agrees, their numbers do."""

from pathlib import PurePath
from typing import Any

import keras

from lung_cxr.models.classifier import Classifier
from lung_cxr.parameters import BackboneParameters, StrategyParameters, TrainingParameters

TRAINING_VERSION = 1
"""Raised by every commit that changes a number a run produces; `test_golden_trajectory.py` fails otherwise."""

CHANGES_NO_NUMBER = {
    "seeds",
    "force",
    "load_time_repeats",
    "single_image_predictions",
    "steps_per_execution",
    "device_gib",
    "frozen_prefix",
    "checkpoint_minutes",
    "logistic_regression",
    "variant",
}
"""Settings of `training:` that say which runs are done, and how, not what comes out of them (but for rounding)."""

IDENTITY = (
    "backbone",
    "strategy",
    "seed",
    "parameters",
    "split_sha256",
    "pixel_sha256",
    "initial_weights",
    "initial_weights_sha256",
    "backend",
    "precision",
    "method_version",
)
"""Fields of a run record that must agree for the run to be up to date (DESIGN §5)."""

KNOWN_WHEN_BUILT = {"initial_weights", "initial_weights_sha256"}
"""Fields of the identity that are None in a plan."""

Identity = dict[str, Any]


def identity_of_plan(
    backbone_name: str,
    strategy_name: str,
    seed: int,
    backbone: BackboneParameters,
    strategy: StrategyParameters,
    training: TrainingParameters,
    data: dict[str, str],
) -> Identity:
    """Return what is known before the network is built; the initial weights are None.

    Args:
        backbone_name, strategy_name: The cell of the grid.
        seed: One of `training.seeds`.
        backbone, strategy, training: The run's settings.
        data: `split_sha256` and `pixel_sha256`.
    """
    return {
        "backbone": backbone_name,
        "strategy": strategy_name,
        "seed": seed,
        "parameters": {
            "backbone": {**backbone.model_dump(mode="json"), "weights": _place_independent(backbone.weights)},
            "strategy": strategy.model_dump(mode="json"),
            "training": training.model_dump(mode="json", exclude=CHANGES_NO_NUMBER),
        },
        **data,
        "initial_weights": None,
        "initial_weights_sha256": None,
        "backend": keras.backend.backend(),
        "precision": training.precision,
        "method_version": TRAINING_VERSION,
    }


def _place_independent(weights: str | None) -> str | None:
    """Return the name of a weights file without its folder: the file's hash says what is in it, on any machine."""
    return None if weights is None else PurePath(weights).name


def with_weights(identity: Identity, classifier: Classifier) -> Identity:
    """Return the whole identity, once the network is built."""
    weights = {"initial_weights": classifier.weights_source, "initial_weights_sha256": classifier.weights_sha256}
    return {**identity, **weights}


def same_run(record: dict[str, Any], identity: Identity) -> bool:
    """Whether a record, or the identity that an unfinished run left, is of this very run."""
    return all(record.get(name) == identity[name] for name in IDENTITY)


def same_plan(record: dict[str, Any], plan: Identity) -> bool:
    """Whether a record is of the run that was planned, as far as can be said before the network is built."""
    return all(record.get(name) == plan[name] for name in IDENTITY if name not in KNOWN_WHEN_BUILT)
