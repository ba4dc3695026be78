"""The run record: settings, hashes, versions, results and metrics of a run."""

from collections import Counter
from typing import Any

import numpy as np

from lung_cxr.atomic import FULL
from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.timing import DURATIONS
from lung_cxr.evaluation.undefined import Numbers, json_ready, undefined
from lung_cxr.messages import without_folders
from lung_cxr.parameters import Sampling, TrainingParameters
from lung_cxr.training.data.class_weights import (
    class_counts,
    constant_prediction_loss,
    effective_weights,
    loss_weights,
    sampling_shares,
)
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.run.environment import describe_environment
from lung_cxr.training.run.history import Row
from lung_cxr.training.run.identity import Identity
from lung_cxr.training.strategies.schedule import Schedule

PAPER_SETTINGS = ("patience", "step", "decay", "stop_patience", "at_full_depth")
LONGEST_FAILURE = 500  # characters; a backend's message can fill pages
FULL_DISK_ADVICE = "Free some space and run the same command again; training resumes from its last checkpoint"
RunRecord = dict[str, Any]


def settings_of(identity: Identity) -> RunRecord:
    """Return the identity, the environment, and the most important settings at the top level."""
    strategy, training = identity["parameters"]["strategy"], identity["parameters"]["training"]
    named: Numbers = {}
    for name in PAPER_SETTINGS:
        absent = undefined(name, f"{strategy['kind'].replace('_', ' ')} fine-tuning has no such setting")
        named |= {name: strategy[name]} if name in strategy else absent
    named |= {name: training[name] for name in ("max_epochs", "learning_rate") if name in training}
    return {**identity, **named, **describe_environment()}


def outcome_of(schedule: Schedule, history: list[Row], layer_groups: int) -> RunRecord:
    """Return the outcome of the training: status, epochs, unfreezings, losses, duration."""
    events = Counter(row["event"] for row in history)
    candidates = [row for row in history if row["stage"] >= schedule.selecting_stage]
    best = min(candidates, key=lambda row: row["val_loss"] if np.isfinite(row["val_loss"]) else np.inf)
    never = not np.isfinite(best["val_loss"])
    return {
        "status": "finished",
        "stop_reason": schedule.stop_reason,
        "layer_groups": layer_groups,
        "epochs": len(history),
        "unfreezings": events["unfreeze"],
        "final_unfrozen_groups": history[-1]["unfrozen_groups"],
        "seconds": sum(row["seconds"] for row in history),
        "final_train_loss": history[-1]["train_loss"],
        **(undefined("best_epoch", "the validation loss was never finite") if never else {"best_epoch": best["epoch"]}),
        "best_val_loss": best["val_loss"],
    }


def data_of(images: SplitImages, synthetic: bool | None) -> RunRecord:
    """Return the number of validation and test images by class name, and whether any image is synthetic."""
    held_out = ("validation", "test")
    counts = {f"{subset}_images": by_class(class_counts(images.labels_of(subset))) for subset in held_out}
    reason = "the split does not record whether images are synthetic"
    return counts | (undefined("synthetic", reason) if synthetic is None else {"synthetic": synthetic})


def weighting_of(labels: np.ndarray, training: TrainingParameters, sampling: Sampling) -> RunRecord:
    """Return the weight of each class in the training loss (sampling × loss weights), by class name.

    Args:
        labels: (N,) class indices of the training images.
        training: Settings of loss and loss weights.
        sampling: Sampling of the last stage.
    """
    counts = class_counts(labels)
    shares = sampling_shares(counts, sampling)
    weights = loss_weights(counts, training.loss_weights, training.loss_settings.effective_number_beta)
    return {
        "training_images": by_class(counts),
        "last_sampling": sampling,
        "sampling_shares": by_class(shares),
        "loss_weights": by_class(weights),
        "effective_class_weights": by_class(effective_weights(shares, weights)),
        **_constant_prediction(shares, weights, training.loss),
    }


def _constant_prediction(shares: np.ndarray, weights: np.ndarray, loss: str) -> Numbers:
    name = "constant_prediction_train_loss"
    if loss != "cross_entropy":
        return undefined(name, f"it is known for cross-entropy only; the training loss is {loss}")
    return {name: constant_prediction_loss(shares, weights)}


def finished_record(*parts: RunRecord) -> RunRecord:
    """Combine the parts of a record for JSON: NaN becomes null with a reason beside it."""
    record = {name: value for part in parts for name, value in part.items()}
    return json_ready(_with_reasons(record))


def with_load_time(record: RunRecord, costs: Numbers) -> RunRecord:
    """Return a finished record with a new measurement of the load time.

    Args:
        record: The stored record.
        costs: Result of `load_time_of` in `training/runs.py`.
    """
    others = {name: value for name, value in record.items() if name.removesuffix("_reason") not in DURATIONS}
    return finished_record(others, costs)


def failed_record(identity: Identity, failure: str) -> RunRecord:
    """Return the record of a failed run."""
    return json_ready(_with_reasons({**settings_of(identity), "status": "failed", "failure": failure}))


def failure_of(error: Exception) -> str:
    """Return type and message of an error, without its folder names: they are in the log only."""
    message = without_folders(f"{type(error).__name__}: {error}")[:LONGEST_FAILURE]
    is_full = isinstance(error, OSError) and error.errno in FULL
    return f"{message}. {FULL_DISK_ADVICE}" if is_full else message


def by_class(values: np.ndarray) -> Numbers:
    """Return (7,) values by class name."""
    return dict(zip(DISEASES, values.tolist(), strict=True))


def _with_reasons(numbers: Numbers) -> Numbers:
    """Add a general reason to every NaN without one."""
    complete: Numbers = {}
    for name, value in numbers.items():
        complete[name] = _with_reasons(value) if isinstance(value, dict) else value
        if isinstance(value, float) and not np.isfinite(value):
            complete.setdefault(f"{name}_reason", numbers.get(f"{name}_reason", "the value was not finite"))
    return complete
