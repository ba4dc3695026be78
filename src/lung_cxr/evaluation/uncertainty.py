"""What a run's confidence is worth: calibration, prediction sets, abstention; all fitted on validation alone."""

from typing import Any

import pandas as pd

from lung_cxr.evaluation.abstention import abstain, thinned_curve, threshold_for
from lung_cxr.evaluation.conformal import describe_sets, probability_threshold
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.temperature import describe_calibration, fit_temperature, scaled


def evaluate_certainty(
    predictions: pd.DataFrame, coverage: float, target_accuracy: float, **draws: Any
) -> dict[str, Any]:
    """Fit on the validation images, judge on the test images.

    Args:
        predictions: `contracts.predictions` of one training seed.
        coverage: Wanted of the prediction sets, e.g. 0.9.
        target_accuracy: Wanted of the answered images, e.g. 0.95.
        draws: `draws`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `temperature`; `before` and `after` scaling, see `describe_calibration`; of the scaled probabilities `sets`, see
        `describe_sets`, `curve`, see `thinned_curve`, and `abstention`, see `abstain`, with the threshold of
        validation; under `best_on_test` with the one that this test set would choose, which flatters. Only
        `{"reason": …}` where there are no validation or no test images.
    """
    parts = {subset: predictions[predictions["subset"] == subset] for subset in ("validation", "test")}
    for subset, part in parts.items():
        if part.empty:
            return {"reason": f"there are no {subset} images"}
    (fit_truth, fit_raw), (truth, raw) = (_truth_and_probabilities(part) for part in parts.values())
    temperature = fit_temperature(fit_truth, fit_raw)
    fit, test = scaled(fit_raw, temperature), scaled(raw, temperature)
    patients = parts["test"]["patient_key"].to_numpy(dtype=str)
    thresholds = [threshold_for(target_accuracy, *judged) for judged in ((fit_truth, fit), (truth, test))]
    return {
        "temperature": temperature,
        "before": describe_calibration(truth, raw),
        "after": describe_calibration(truth, test),
        "sets": describe_sets(truth, test, probability_threshold(fit_truth, fit, coverage), patients, **draws),
        "curve": thinned_curve(truth, test),
        "abstention": abstain(thresholds[0], truth, test, patients, **draws),
        "best_on_test": abstain(thresholds[1], truth, test, patients, **draws),
    }


def _truth_and_probabilities(predictions: pd.DataFrame) -> tuple[Any, Any]:
    return label_indices(predictions["label"].tolist()), probabilities(predictions)
