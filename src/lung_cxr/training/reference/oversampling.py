"""Oversampling of rare classes on frozen features: SMOTE (Chawla et al. 2002) and ADASYN (He et al. 2008).

Both need the optional package imbalanced-learn: `pip install lung_cxr[oversampling]`.
"""

import logging
from typing import Literal

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.training.reference.linear_classifier import Labelled

NEIGHBOURS = 5  # as in both papers; a class has to have more images

log = logging.getLogger(__name__)


def oversampled(train: Labelled, method: Literal["none", "smote", "adasyn"], seed: int) -> Labelled:
    """Return the training rows with interpolated rows of the rare classes, until each class is as large as the largest.

    Classes with too few images for `NEIGHBOURS` neighbours use fewer; a class with one image stays as it is.

    Args:
        train: Features and classes, without weights.
        method: `none` returns the rows unchanged.
        seed: Seed of the interpolation.

    Raises:
        ModuleNotFoundError: imbalanced-learn is not installed.
    """
    if method == "none":
        return train
    try:
        from imblearn.over_sampling import ADASYN, SMOTE
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"oversampling is {method}, which needs imbalanced-learn; found no such package. Run "
            "`pip install lung_cxr[oversampling]`, or set oversampling: none"
        ) from error
    counts = np.bincount(train.truth, minlength=len(DISEASES))
    rare = {index: int(counts.max()) for index in np.flatnonzero((counts > 1) & (counts < counts.max()))}
    if alone := [DISEASES[index] for index in np.flatnonzero(counts == 1)]:
        log.warning("Not oversampled, as there is one training image: %s", ", ".join(alone))
    if not rare:
        return train
    neighbours = min(NEIGHBOURS, min(int(counts[index]) for index in rare) - 1)
    if method == "smote":
        sampler = SMOTE(sampling_strategy=rare, k_neighbors=neighbours, random_state=seed)
    else:
        sampler = ADASYN(sampling_strategy=rare, n_neighbors=neighbours, random_state=seed)
    features, truth = sampler.fit_resample(train.features, train.truth)
    return Labelled(features.astype(train.features.dtype), truth)
