"""Label cue: warning about training settings that treat classes differently.

Augmentation of some classes only tells the class in training: an image that was rotated or re-lit cannot belong to the
other classes. Validation and test images are never augmented, so all of them look like the unaugmented classes.
"""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from lung_cxr.diseases import DISEASES

log = logging.getLogger(__name__)


def label_cue(training: Mapping[str, Any]) -> str | None:
    """Return a warning where sampling, loss weights or augmentation differ by class, or None.

    Args:
        training: Training parameters of a run, as in its record.
    """
    classes = training.get("augmentation", {}).get("classes")
    by_class = classes is not None and (classes == "all_but_largest" or 0 < len(set(classes)) < len(DISEASES))
    shifts = [
        *(["balanced sampling"] if training.get("sampling") == "balanced" else []),
        *(["loss weights"] if training.get("loss_weights", "none") != "none" else []),
    ]
    if not by_class and not shifts:
        return None
    causes = ", ".join([*shifts, *(["augmentation of some classes only"] if by_class else [])])
    cue = " Augmented images reveal their class in training, but test images are not augmented." if by_class else ""
    shift = " Predictions shift towards rare classes." if shifts else ""
    name = "Label cue" if by_class else "Class weighting"
    return f"{name}: training treats classes differently ({causes}).{cue}{shift}"


@cache
def warn_of_label_cue(warning: str) -> None:
    """Log a warning once per process."""
    log.warning("%s To compare, train with sampling: natural, loss_weights: none and all classes augmented", warning)
