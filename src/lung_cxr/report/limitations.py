"""What the numbers of a report do not say."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.report.numbers import plural
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.paper_results import images_by_class

FEW_IMAGES = 30  # test images of a class: one image more or less moves its recall by over three points


def limits(evaluations: Mapping[str, Any], known_exports: pd.DataFrame) -> list[str]:
    """Return the limits that hold for this report, those of its own data first.

    Args:
        evaluations: What `evaluate_grid` returned.
        known_exports: `contracts.known_exports`.
    """
    finished = finished_runs(evaluations)
    return [
        *_of_synthetic_data(known_exports),
        *_of_small_classes(finished),
        *_of_single_seeds(finished),
        *_of_one_test_set(finished),
        "McNemar's test takes images of one patient as independent; where patients have several, believe the "
        "bootstrap.",
        "A class is what the hospital's consensus or ICD-10 code says, one per image; a chest with two diseases counts "
        "as one. Sources, devices and years may betray the class where they go together with it.",
        "Probabilities are as the network gives them, except under Calibration: class-balanced training makes rare "
        "classes too likely. A temperature fitted here is for this hospital's mix of patients, and no other.",
        "Learning rate, optimiser, batch size and dropout are not given by the paper; ours stand with the settings. "
        "Load times are of this machine, the paper's of its own.",
        "For research. No medical device: nobody may be diagnosed or treated by it.",
    ]


def _of_synthetic_data(known_exports: pd.DataFrame) -> list[str]:
    if not known_exports["synthetic"].any():
        return []
    return ["Drawn X-rays are not like real ones: no number here says anything about medicine."]


def _of_small_classes(finished: list[dict[str, Any]]) -> list[str]:
    """Return of which class there are few test images, and of which there are none."""
    if not finished:
        return []
    images = pd.Series(images_by_class(finished[0]))
    absent, present = images.index[images == 0], images[images > 0]
    said = []
    if present.min() < FEW_IMAGES:
        said.append(
            f"The smallest class of the test set, {present.idxmin()}, has {plural(int(present.min()), 'image')}: its "
            "recall, and with it macro-F1, hangs on few images."
        )
    if len(absent):
        said.append(
            f"No test image is {' or '.join(absent)}: nothing is known of how well that is found, and macro-F1 is the "
            f"mean over the other {plural(len(present), 'class', 'classes')}."
        )
    return said


def _of_one_test_set(finished: list[dict[str, Any]]) -> list[str]:
    """Return what runs that share their test images cannot show."""
    backbones = len({row["backbone"] for row in finished})
    said = []
    if backbones == 1:
        said.append("One backbone on one test set: other networks and other patients may give another answer.")
    if backbones > 1:
        said.append(
            f"All runs share one test set: {backbones} backbones are not {backbones} independent experiments, and a "
            "test over backbones says nothing about other patients. The intervals over patients do, as far as these "
            "patients are like others."
        )
    if len(finished) > 1:
        said.append(
            "The best of several runs on one test set flatters itself; its interval does not know it was chosen."
        )
    return said


def _of_single_seeds(finished: list[dict[str, Any]]) -> list[str]:
    if not any(len(row["seeds"]) == 1 for row in finished):
        return []
    return [
        "A run with one training seed: its interval is about other patients, not about training again, which alone can "
        "move a result by points."
    ]
