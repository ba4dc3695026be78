"""Limitations of the reported numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.report.numbers import plural
from lung_cxr.report.rows import Row, finished_runs, images_by_class, label_cues

FEW_IMAGES = 30  # test images of a class: one image more or less changes its recall by more than three points


def limitations(evaluations: Mapping[str, Any], known_exports: pd.DataFrame) -> list[str]:
    """Return the limitations of this report, those of its own data first.

    Args:
        evaluations: Result of `evaluate_grid`.
        known_exports: `contracts.known_exports`.
    """
    finished = finished_runs(evaluations)
    return [
        *of_synthetic_data(known_exports),
        *label_cues(evaluations),
        *of_small_classes(finished),
        *_of_single_seeds(finished),
        *_of_one_test_set(finished),
        "Independence: McNemar's test treats images of one patient as independent. Where patients have several images, "
        "rely on the patient bootstrap.",
        "Labels: a class is the hospital's consensus or ICD-10 code, one per image; a chest with two diseases counts "
        "as one. Source, device or year may be a shortcut where they correlate with the class.",
        "Probabilities are the network's own, except under Calibration: class-balanced training overestimates rare "
        "classes. A temperature fitted here holds for this hospital's case mix only.",
        "Comparison with the paper: learning rate, optimiser, batch size and dropout are not given by the paper. Load "
        "times depend on the machine.",
        "Research use only. This is not a medical device and must not be used for diagnosis or treatment.",
    ]


def of_synthetic_data(known_exports: pd.DataFrame) -> list[str]:
    """Return that data are synthetic, where they are."""
    if not known_exports["synthetic"].any():
        return []
    return ["Synthetic data: drawn X-rays are not like real ones. No number here says anything about medicine."]


def of_small_classes(finished: Sequence[Row]) -> list[str]:
    """Return the class with the fewest test images, and the classes without any."""
    if not finished:
        return []
    images = pd.Series(images_by_class(finished[0]))
    absent, present = images.index[images == 0], images[images > 0]
    sentences = []
    if len(present) and present.min() < FEW_IMAGES:
        sentences.append(
            f"Small classes: the smallest class of the test set, {present.idxmin()}, has "
            f"{plural(int(present.min()), 'image')}. Its recall, and so macro-F1, depends on few images."
        )
    if len(absent):
        *others, last = absent
        named = f"{', '.join(others)} or {last}" if others else last
        sentences.append(
            f"Missing classes: the test set has no image of {named}, so their recall is unknown. "
            f"Macro-F1 is the mean over the other {plural(len(present), 'class', 'classes')}."
        )
    return sentences


def _of_one_test_set(finished: Sequence[Row]) -> list[str]:
    """Return the limitations of runs that share their test images."""
    backbones = len({row["backbone"] for row in finished})
    sentences = []
    if backbones == 1:
        sentences.append("One backbone on one test set: other networks and other patients may give other results.")
    if backbones > 1:
        sentences.append(
            f"One test set: {backbones} backbones on the same images are not {backbones} independent experiments. A "
            "test over backbones does not generalise to other patients; the intervals over patients do, if those "
            "patients are similar."
        )
    if len(finished) > 1:
        sentences.append(
            "Selection: the best of several runs is optimistically biased. Its interval does not account for the "
            "selection."
        )
    return sentences


def _of_single_seeds(finished: Sequence[Row]) -> list[str]:
    if not any(len(row["seeds"]) == 1 for row in finished):
        return []
    return [
        "Single seed: the interval of a run with one training seed covers other patients, but not repeated training, "
        "which alone can change a result by points."
    ]
