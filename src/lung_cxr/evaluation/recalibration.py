"""Recalibration at another hospital: the same probabilities as deployed, adjusted without labels, and fitted again."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.intervals import ratio_intervals
from lung_cxr.evaluation.label_shift import adjust, estimate_shares
from lung_cxr.evaluation.metrics import expected_calibration_error, log_losses
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.evaluation.temperature import fit_temperature
from lung_cxr.evaluation.undefined import Numbers, all_undefined

FOLDS = 5
NUMBERS = ("accuracy", "log_loss", "ece")


def evaluate_recalibration(
    truth: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, rule: Mapping[str, Any], **bootstrap: Any
) -> dict[str, Numbers]:
    """Return accuracy, log loss and calibration error of one run before and after recalibration.

    Args:
        truth: (n,) int class indices of the other hospital's images.
        probabilities: (n, 7) float, of the network.
        patients: (n,) patient keys.
        rule: Decision rule of the run, fitted at the training site.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `network`: the network's own probabilities; `rule`: scaled by the decision rule, as deployed; `shares`: these,
        adjusted to the class shares that are estimated from the images without their labels; `fitted`: scaled by a
        temperature fitted to this hospital's labels, cross-fitted by patient. Each with `NUMBERS`, and `_low` and
        `_high` of accuracy and log loss; NaN with the reason where it cannot be computed.
    """
    ends = [f"{name}{end}" for name in NUMBERS for end in ("", "_low", "_high")]
    unknown = {name: all_undefined(ends, rule["reason"]) for name in ("rule", "shares") if "reason" in rule}
    versions = {"network": probabilities}
    if not unknown:
        versions["rule"] = scaled(probabilities, rule["temperature"])
        if rule.get("assumed_shares") is None:
            unknown["shares"] = all_undefined(ends, "the record lacks the class weights of training")
        else:
            assumed = np.array([rule["assumed_shares"][name] for name in DISEASES])
            versions["shares"] = adjust(versions["rule"], assumed, estimate_shares(versions["rule"], assumed))
    if np.unique(patients).size < FOLDS:
        unknown["fitted"] = all_undefined(ends, f"needs {FOLDS} patients or more")
    else:
        versions["fitted"] = cross_fitted(truth, probabilities, patients)
    numbers = {name: _numbers(truth, values, patients, **bootstrap) for name, values in versions.items()}
    return {name: (numbers | unknown)[name] for name in ("network", "rule", "shares", "fitted")}


def cross_fitted(truth: np.ndarray, probabilities: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Return (n, 7) probabilities, each scaled by the temperature fitted to the images of other patients."""
    calibrated = np.empty(probabilities.shape)
    for fitted, held_out in GroupKFold(FOLDS).split(probabilities, groups=patients):
        calibrated[held_out] = scaled(probabilities[held_out], fit_temperature(truth[fitted], probabilities[fitted]))
    return calibrated


def _numbers(truth: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, **bootstrap: Any) -> Numbers:
    hits, every = (probabilities.argmax(axis=1) == truth).astype(float), np.ones(truth.size)
    ratios = {"accuracy": (hits, every), "log_loss": (log_losses(truth, probabilities), every)}
    return {
        **ratio_intervals(patients, ratios, **bootstrap, means=["log_loss"]),
        "ece": expected_calibration_error(truth, probabilities),
    }
