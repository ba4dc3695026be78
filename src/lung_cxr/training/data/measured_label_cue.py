"""Measure the label cue: can augmented images be recognised, and does "was augmented" tell the class?

The first question has a lower bound as an answer: a logistic regression on a few image statistics, cross-validated by
patient. The second one follows from the settings and the class counts.
"""

import keras
import numpy as np
from scipy.stats import entropy
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lung_cxr.evaluation.undefined import Numbers, undefined
from lung_cxr.parameters import Sampling, TrainingParameters
from lung_cxr.training.data.augmentation import WHITE, Augmentation
from lung_cxr.training.data.augmentation_parameters import AugmentationSampler
from lung_cxr.training.data.class_weights import class_counts, sampling_shares
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.data.label_cue import augments_by_class, label_cue, log_label_cue

MOST_IMAGES = 200  # a standard error of the AUROC of about 0.02, in seconds
FEWEST_PATIENTS = 10
FOLDS = 5


def measured_cue_of_run(images: SplitImages, training: TrainingParameters, sampling: Sampling, seed: int) -> Numbers:
    """Return `measure_label_cue` as the field `label_cue` of a run's record; nothing if training treats classes alike.

    Args:
        images: Pixels and split.
        training: Settings of augmentation, sampling and loss.
        sampling: Sampling of the first stage.
        seed: Seed of the run.
    """
    settings = training.model_dump()
    if label_cue(settings) is None:
        return {}
    augmentation = AugmentationSampler(training.augmentation, images.labels_of("train"), seed)
    cue = measure_label_cue(images, augmentation, sampling)
    if augments_by_class(settings["augmentation"]):
        log_label_cue(cue)
    return {"label_cue": cue}


def measure_label_cue(images: SplitImages, augmentation: AugmentationSampler, sampling: Sampling) -> Numbers:
    """Return how well augmented images can be recognised, and what this tells about the class.

    Args:
        images: Pixels and split.
        augmentation: Augmentation of the run.
        sampling: Sampling of the first stage.

    Returns:
        `augmentation_auroc` and the number of images behind it, and the numbers of `class_cue`.
    """
    shares = sampling_shares(class_counts(augmentation.labels), sampling)
    augmented = augmentation.augmented * (1 - augmentation.parameters.unchanged_share)
    return {**_recognition(images, augmentation), **class_cue(shares, augmented)}


def class_cue(shares: np.ndarray, augmented: np.ndarray) -> Numbers:
    """Return the information of "was augmented" about the class.

    Args:
        shares: (7,) share of each class among the training samples.
        augmented: (7,) share of the samples of each class that are augmented.

    Returns:
        `guesses_by_prior`: share of correct guesses of the largest class. `guesses_by_augmentation`: the same with the
        largest class among augmented samples and that among unchanged ones. `class_information`: mutual information
        of class and augmentation as a share of the entropy of the class, 0 to 1.
    """
    joint = np.stack([shares * augmented, shares * (1 - augmented)])
    of_class, of_both = entropy(shares), entropy(joint.ravel())
    information = of_class + entropy(joint.sum(axis=1)) - of_both
    return {
        "guesses_by_prior": float(shares.max()),
        "guesses_by_augmentation": float(joint.max(axis=1).sum()),
        "class_information": float(max(information, 0) / of_class) if of_class else 0.0,
    }


def _recognition(images: SplitImages, augmentation: AugmentationSampler) -> Numbers:
    """Return the AUROC of augmented against unchanged versions of the same training images."""
    candidates = np.flatnonzero(augmentation.augmented[augmentation.labels])
    chosen = np.random.default_rng(augmentation.seed).permutation(candidates)[:MOST_IMAGES]
    rows = images.rows("train")[chosen]
    patients = images.split["patient_key"].to_numpy()[rows]
    measured = {"measured_images": len(rows)}
    if len(set(patients)) < FEWEST_PATIENTS:
        reason = f"training images of fewer than {FEWEST_PATIENTS} patients are augmented"
        return measured | undefined("augmentation_auroc", reason)
    all_changed = augmentation.parameters.model_copy(update={"unchanged_share": 0.0})
    draws = AugmentationSampler(all_changed, augmentation.labels, augmentation.seed).of_epoch(chosen, epoch=1, stage=0)
    unchanged = images.batch(rows)
    changed = keras.ops.convert_to_numpy(Augmentation(name="augmentation")(unchanged, draws))
    statistics = np.concatenate([image_statistics(unchanged), image_statistics(changed)])
    truth = np.repeat([0, 1], len(rows))
    with threadpool_limits(1):
        scores = cross_val_predict(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            statistics,
            truth,
            groups=np.tile(patients, 2),
            cv=GroupKFold(FOLDS),
            method="decision_function",
        )
    return measured | {"augmentation_auroc": float(roc_auc_score(truth, scores))}


def image_statistics(images: np.ndarray) -> np.ndarray:
    """Return (n, 10) float64 of (n, H, W, 1) uint8 images: traces of rotation, brightness and contrast.

    They are mean and SD; shares of black and of white pixels; share of black pixels in each corner, ascending; mean
    absolute Laplacian (interpolation blurs); share of the grey levels within the range that occur.
    """
    return np.array([_statistics_of(image[..., 0].astype(np.float64)) for image in images])


def _statistics_of(image: np.ndarray) -> list[float]:
    side = max(2, len(image) // 12)
    ends = (slice(None, side), slice(-side, None))
    corners = sorted((image[rows, columns] == 0).mean() for rows in ends for columns in ends)
    neighbours = image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:]
    levels = len(np.unique(image)) / (np.ptp(image) + 1)
    return [
        *(image.mean(), image.std(), (image == 0).mean(), (image == WHITE).mean()),
        *corners,
        np.abs(4 * image[1:-1, 1:-1] - neighbours).mean(),
        levels,
    ]
