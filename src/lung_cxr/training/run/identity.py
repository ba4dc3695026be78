"""The identity of a run: two runs with equal identities have equal numbers."""

from pathlib import PurePath
from typing import Any

import keras

from lung_cxr.models.classifier import Classifier
from lung_cxr.parameters import BackboneParameters, ReferenceModelParameters, TrainingParameters
from lung_cxr.training.strategies.registry import StrategyParameters

TRAINING_VERSION = 1
"""Increased by every commit that changes a number of a run; `test_golden_trajectory.py` fails otherwise."""

CHANGES_NO_NUMBER = {
    "seeds",
    "force",
    "load_time_repeats",
    "single_image_predictions",
    "steps_per_execution",
    "device_gib",
    "frozen_prefix",
    "checkpoint_minutes",
    "decision_rule",
    "experiment",
}
"""Settings of `training:` that do not change the results of a run, except for rounding."""

IDENTITY_FIELDS = (
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
"""Fields of a run record that must agree for the run to be up to date."""

KNOWN_WHEN_BUILT = {"initial_weights", "initial_weights_sha256"}
"""Fields of the identity that are None in a plan (an identity before the network is built)."""

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
    """Return the identity as known before the network is built; the initial weights are None.

    Args:
        backbone_name, strategy_name: The grid point.
        seed: One of `training.seeds`.
        backbone, strategy, training: Settings of the run.
        data: `split_sha256` and `pixel_sha256`.
    """
    settings = {name: value for name, value in training.effective_settings().items() if name not in CHANGES_NO_NUMBER}
    names = {"backbone": backbone_name, "strategy": strategy_name, "seed": seed}
    return _identity(names, backbone, strategy.root.effective_settings(), settings, training.precision, data)


def identity_of_reference(
    seed: int,
    backbone: BackboneParameters,
    settings: ReferenceModelParameters,
    training: TrainingParameters,
    data: dict[str, str],
) -> Identity:
    """Return the identity of a reference model as known before the network is built.

    Args:
        seed: First of `training.seeds`.
        backbone, settings: Settings of the run.
        training: Settings of all strategies; only the head and, with augmented copies, the augmentation matter.
        data: `split_sha256` and `pixel_sha256`.
    """
    used = {"head", "augmentation"} if settings.augmented_copies else {"head"}
    chosen = {key: value for key, value in training.effective_settings().items() if key in used}
    names = {"backbone": backbone.architecture, "strategy": settings.kind, "seed": seed}
    return _identity(names, backbone, settings.effective_settings(), chosen, training.precision, data)


def _identity(
    names: dict[str, Any],
    backbone: BackboneParameters,
    strategy: dict[str, Any],
    training: dict[str, Any],
    precision: str,
    data: dict[str, str],
) -> Identity:
    """Return an identity in the order of a run record."""
    weights = {"weights": _place_independent(backbone.weights)}
    return {
        **names,
        "parameters": {
            "backbone": {**backbone.model_dump(mode="json"), **weights},
            "strategy": strategy,
            "training": training,
        },
        **data,
        "initial_weights": None,
        "initial_weights_sha256": None,
        "backend": keras.backend.backend(),
        "precision": precision,
        "method_version": TRAINING_VERSION,
    }


def _place_independent(weights: str | None) -> str | None:
    """Return the name of a weights file without its folder; its hash identifies its contents on any machine."""
    return None if weights is None else PurePath(weights).name


def with_weights(identity: Identity, classifier: Classifier) -> Identity:
    """Return the complete identity, after the network is built."""
    weights = {"initial_weights": classifier.weights_source, "initial_weights_sha256": classifier.weights_sha256}
    return {**identity, **weights}


def same_run(record: dict[str, Any], identity: Identity) -> bool:
    """Return whether a record, or the stored identity of an unfinished run, has this identity."""
    return all(record.get(name) == identity[name] for name in IDENTITY_FIELDS)


def same_plan(record: dict[str, Any], plan: Identity) -> bool:
    """Return whether a record agrees with a plan in all fields that are known before the network is built."""
    return all(record.get(name) == plan[name] for name in IDENTITY_FIELDS if name not in KNOWN_WHEN_BUILT)
