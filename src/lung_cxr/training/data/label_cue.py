"""Label cue: warning about training settings that treat classes differently.

Augmentation of some classes only tells the class in training: an image that was rotated or re-lit cannot belong to the
other classes. Validation and test images are never augmented, so all of them look like the unaugmented classes.
"""

import logging
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from lung_cxr.diseases import DISEASES

LOSSES_BY_CLASS = {"logit_adjusted": "logit-adjusted loss", "ldam_drw": "class margins"}

log = logging.getLogger(__name__)


def label_cue(training: Mapping[str, Any], measured: Mapping[str, Any] | None = None) -> str | None:
    """Return a warning where sampling, loss, loss weights or augmentation differ by class, or None.

    Args:
        training: Training parameters of a run, as in its record.
        measured: Fields of its record, with `label_cue` and `effective_class_weights` where they were measured.
    """
    measured = measured or {}
    by_class = augments_by_class(training.get("augmentation", {}))
    shifts = [
        *(["balanced sampling"] if training.get("sampling") == "balanced" else []),
        *(["loss weights"] if training.get("loss_weights", "none") != "none" else []),
        *([LOSSES_BY_CLASS[training["loss"]]] if training.get("loss") in LOSSES_BY_CLASS else []),
    ]
    if not by_class and not shifts:
        return None
    causes = ", ".join([*shifts, *(["augmentation of some classes only"] if by_class else [])])
    sentences = [f"{'Label cue' if by_class else 'Class weighting'}: training treats classes differently ({causes})."]
    if by_class:
        sentences += ["Augmented images reveal their class in training, but test images are not augmented."]
        sentences += _strength_of_cue(measured.get("label_cue") or {})
    if shifts:
        sentences += ["Predictions shift towards rare classes.", *_range_of_weights(measured)]
    return " ".join(sentences)


def augments_by_class(augmentation: Mapping[str, Any]) -> bool:
    """Return whether some classes are augmented and others not."""
    classes = augmentation.get("classes")
    some = classes is not None and (classes == "all_but_largest" or 0 < len(set(classes)) < len(DISEASES))
    return some and augmentation.get("unchanged_share", 0) < 1


@cache
def warn_of_label_cue(warning: str) -> None:
    """Log a warning once per process."""
    log.warning("%s To compare, train with --params experiment=tuned", warning)


def log_label_cue(cue: Mapping[str, Any]) -> None:
    """Log the result of `measure_label_cue` in one line of fewer than 80 columns."""
    auroc = cue["augmentation_auroc"]
    log.info(
        "Label cue: AUROC %s, class guessed %.0f %% (prior %.0f %%), information %.0f %%",
        "unknown" if math.isnan(auroc) else f"{auroc:.2f}",
        100 * cue["guesses_by_augmentation"],
        100 * cue["guesses_by_prior"],
        100 * cue["class_information"],
    )


def _strength_of_cue(cue: Mapping[str, Any]) -> list[str]:
    """Return the measured strength of the cue as a sentence; nothing if it was not measured."""
    if not cue:
        return []
    auroc = cue.get("augmentation_auroc")
    recognised = "" if auroc is None else f"image statistics recognise augmented images with an AUROC of {auroc:.2f}; "
    names = ("guesses_by_prior", "guesses_by_augmentation", "class_information")
    prior, knowing, information = (_percent(cue[name]) for name in names)
    return [
        f"Measured: {recognised}knowing them raises correct guesses of the class from {prior} to {knowing} and gives "
        f"{information} of the information about it."
    ]


def _range_of_weights(measured: Mapping[str, Any]) -> list[str]:
    """Return the smallest and the largest effective weight of a class as a sentence; nothing without a record."""
    weights = {name: weight for name, weight in measured.get("effective_class_weights", {}).items() if weight}
    if not weights:
        return []
    least, most = min(weights, key=weights.__getitem__), max(weights, key=weights.__getitem__)
    low, high = _percent(weights[least], 1), _percent(weights[most], 1)
    if low == high:
        return [f"The effective weight of every class is {low}."]
    return [f"Effective class weights: from {low} ({least}) to {high} ({most})."]


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"
