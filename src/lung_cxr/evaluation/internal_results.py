"""Results of a run on its internal test set: computed from its predictions, or stored in its bundle.

They hold numbers of the whole test set only, so that they can leave the hospital.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.evaluation.metrics import METRICS, accuracy, macro_f1
from lung_cxr.evaluation.predictions import evaluate_seeds, frame_matrix
from lung_cxr.evaluation.undefined import Numbers, all_undefined

ON_VALIDATION = ("accuracy", "macro_f1")


def internal_results(test: Sequence[pd.DataFrame], validation: Sequence[pd.DataFrame], **bootstrap: Any) -> Numbers:
    """Return the results of one run on its internal test set.

    Args:
        test: One frame of test predictions per training seed, all of the same images.
        validation: One frame of validation predictions per training seed.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `metrics` (`evaluate_seeds`), `validation` (`on_validation`) and `confusion`, (7, 7) counts over all seeds.
    """
    return {
        "metrics": evaluate_seeds(test, **bootstrap),
        "validation": on_validation(validation),
        "confusion": np.sum([frame_matrix(frame) for frame in test], axis=0),
    }


def unknown_results(reason: str) -> Numbers:
    """Return internal results that are not known: undefined metrics, and None as `confusion`."""
    names = [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    validation = all_undefined(ON_VALIDATION, reason)
    return {"metrics": all_undefined(names, reason), "validation": validation, "confusion": None}


def on_validation(frames: Sequence[pd.DataFrame]) -> Numbers:
    """Return accuracy and macro-F1 on the validation images of each seed, means over the seeds; they select a run."""
    matrices = [frame_matrix(frame) for frame in frames]
    if not all(matrix.any() for matrix in matrices):
        return all_undefined(ON_VALIDATION, "no validation image")
    return {
        "accuracy": float(np.mean([accuracy(matrix) for matrix in matrices])),
        "macro_f1": float(np.mean([macro_f1(matrix) for matrix in matrices])),
    }
