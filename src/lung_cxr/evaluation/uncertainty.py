"""Uncertainty of one run: calibration, prediction sets and abstention, all fitted on validation alone."""

from typing import Any

import pandas as pd

from lung_cxr.evaluation.abstention import abstain, thinned_curve, threshold_for
from lung_cxr.evaluation.conformal import describe_sets, probability_threshold
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.temperature import describe_calibration, fit_temperature, scaled


def evaluate_certainty(
    predictions: pd.DataFrame, coverage: float, target_accuracy: float, **bootstrap: Any
) -> dict[str, Any]:
    """Fit temperature and thresholds on the validation images and evaluate them on the test images.

    Args:
        predictions: `contracts.predictions` of one training seed.
        coverage: Desired coverage of the prediction sets, e.g. 0.9.
        target_accuracy: Desired accuracy of the answered images, e.g. 0.95.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `temperature`; `before` and `after` scaling (`describe_calibration`); and of the scaled probabilities `sets`
        (`describe_sets`), `curve` (`thinned_curve`), `abstention` (`abstain` at the threshold chosen on validation)
        and `best_on_test` (`abstain` at the threshold chosen on the test set, optimistically biased). Only
        `{"reason": …}` where there are no validation or no test images.
    """
    frames = {subset: predictions[predictions["subset"] == subset] for subset in ("validation", "test")}
    for subset, frame in frames.items():
        if frame.empty:
            return {"reason": f"there are no {subset} images"}
    (fit_truth, fit_raw), (truth, raw) = (_truth_and_probabilities(frame) for frame in frames.values())
    temperature = fit_temperature(fit_truth, fit_raw)
    fit, test = scaled(fit_raw, temperature), scaled(raw, temperature)
    patients = frames["test"]["patient_key"].to_numpy(dtype=str)
    thresholds = [threshold_for(target_accuracy, *judged) for judged in ((fit_truth, fit), (truth, test))]
    return {
        "temperature": temperature,
        "before": describe_calibration(truth, raw),
        "after": describe_calibration(truth, test),
        "sets": describe_sets(truth, test, probability_threshold(fit_truth, fit, coverage), patients, **bootstrap),
        "curve": thinned_curve(truth, test),
        "abstention": abstain(thresholds[0], truth, test, patients, **bootstrap),
        "best_on_test": abstain(thresholds[1], truth, test, patients, **bootstrap),
    }


def _truth_and_probabilities(predictions: pd.DataFrame) -> tuple[Any, Any]:
    return label_indices(predictions["label"].tolist()), probabilities(predictions)
