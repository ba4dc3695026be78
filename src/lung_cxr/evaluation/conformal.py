"""Split-conformal prediction sets (Vovk; Sadinle et al. 2019, LAC): all classes that a run cannot rule out.

The validation images set a threshold on the probability, such that the true class passes it for the desired share of
images. On exchangeable new images the set then contains the true class at least that often. This guarantee is marginal:
it holds over all classes together, and a rare class may be covered less. Coverage is therefore reported by class too.
Several images of one patient are not fully exchangeable, so with few patients the guarantee is approximate.
"""

import math
from typing import Any

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.intervals import ratio_intervals
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.evaluation.undefined import Numbers, all_undefined

ROUNDING = 1e-12  # of (n + 1) · coverage


def probability_threshold(truth: np.ndarray, probabilities: np.ndarray, coverage: float) -> float:
    """Return the lowest probability with which a class belongs to a prediction set.

    It is the ⌈(n + 1) · coverage⌉-th of the true classes' probabilities in falling order. With too few images it is 0:
    every class belongs to every set.

    Args:
        truth: (n,) int class indices of validation images.
        probabilities: (n, 7) float.
        coverage: Desired share of images whose set contains the true class, e.g. 0.9.
    """
    of_truth = np.sort(probabilities[np.arange(truth.size), truth])[::-1]
    place = math.ceil((truth.size + 1) * coverage - ROUNDING)
    return float(of_truth[place - 1]) if place <= truth.size else 0.0


def describe_sets(
    truth: np.ndarray, probabilities: np.ndarray, threshold: float, patients: np.ndarray, **bootstrap: Any
) -> Numbers:
    """Return coverage and size of the prediction sets.

    Args:
        truth: (n,) int class indices of test images.
        probabilities: (n, 7) float.
        threshold: Result of `probability_threshold`.
        patients: (n,) patient keys.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `coverage`, `set_size` (mean number of classes) and `empty` (share of images without any), and by true class
        `coverage_<class>` and `set_size_<class>`, each with `_low` and `_high`; NaN with the reason for a class
        without a test image.
    """
    sets = probabilities >= threshold
    held, size = sets[np.arange(truth.size), truth].astype(float), sets.sum(axis=1).astype(float)
    every = np.ones(truth.size)
    ratios = {"coverage": (held, every), "set_size": (size, every), "empty": ((size == 0).astype(float), every)}
    absent: Numbers = {}
    for index, key in enumerate(CLASS_NAMES_IN_KEYS):
        own = (truth == index).astype(float)
        of_class = {f"coverage_{key}": (held * own, own), f"set_size_{key}": (size * own, own)}
        if own.any():
            ratios |= of_class
        else:
            names = [f"{name}{end}" for name in of_class for end in ("", "_low", "_high")]
            absent |= all_undefined(names, f"no {DISEASES[index]} among the labels")
    sizes = [name for name in ratios if name.startswith("set_size")]
    return {"threshold": threshold, **ratio_intervals(patients, ratios, **bootstrap, means=sizes), **absent}
