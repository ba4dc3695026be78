"""Uncertainty of one run on the test images: calibration, prediction sets, abstention and operating points."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.evaluation.abstention import abstain, thinned_curve, threshold_for
from lung_cxr.evaluation.class_curves import class_curves
from lung_cxr.evaluation.conformal import describe_sets
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.operating_points import describe_operating_points
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.evaluation.temperature import describe_calibration


def evaluate_certainty(predictions: pd.DataFrame, rule: Mapping[str, Any], **bootstrap: Any) -> dict[str, Any]:
    """Apply the decision rule of a run to its test images.

    Args:
        predictions: `contracts.predictions` of one training seed.
        rule: Its decision rule.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `temperature`; `before` and `after` scaling (`describe_calibration`); and of the scaled probabilities `sets`
        (`describe_sets`), `curve` (`thinned_curve`), `abstention` (`abstain` at the threshold chosen on validation),
        `best_on_test` (`abstain` at the threshold chosen on the test set, optimistically biased), `operating_points`
        (`describe_operating_points`) and `class_curves`. Only `{"reason": …}` where there are no validation or no test
        images.
    """
    frame = predictions[predictions["subset"] == "test"]
    if "reason" in rule or frame.empty:
        return {"reason": rule.get("reason", "there are no test images")}
    truth, raw = label_indices(frame["label"].tolist()), probabilities(frame)
    test, patients = scaled(raw, rule["temperature"]), frame["patient_key"].to_numpy(dtype=str)
    best = threshold_for(rule["settings"]["target_accuracy"], truth, test)
    return {
        "temperature": rule["temperature"],
        "before": describe_calibration(truth, raw),
        "after": describe_calibration(truth, test),
        "sets": describe_sets(truth, test, rule["set_threshold"], patients, **bootstrap),
        "curve": thinned_curve(truth, test),
        "abstention": abstain(rule["abstention_threshold"], truth, test, patients, **bootstrap),
        "best_on_test": abstain(best, truth, test, patients, **bootstrap),
        "operating_points": describe_operating_points(truth, test, rule["operating_points"], patients, **bootstrap),
        "class_curves": class_curves(truth, test),
    }
