"""What the numbers of a report do not say."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.report.numbers import plural
from lung_cxr.report.sentences import finished_runs

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
        "All runs share one test set: seven backbones are not seven independent experiments, and a test over backbones "
        "says nothing about other patients. The intervals over patients do, as far as these patients are like others.",
        "The best of several runs on one test set flatters itself; its interval does not know that it was chosen.",
        "McNemar's test takes images of one patient as independent; where patients have several, believe the "
        "bootstrap.",
        "A class is what the hospital's consensus or ICD-10 code says, one per image; a chest with two diseases counts "
        "as one. Sources, devices and years may betray the class where they go together with it.",
        "Probabilities are as the network gives them: class-balanced training makes rare classes too likely, and "
        "nothing here is calibrated for use.",
        "Learning rate, optimiser, batch size and dropout are not given by the paper; ours stand with the settings. "
        "Load times are of this machine, the paper's of its own.",
        "For research. No medical device: nobody may be diagnosed or treated by it.",
    ]


def _of_synthetic_data(known_exports: pd.DataFrame) -> list[str]:
    if not known_exports["synthetic"].any():
        return []
    return ["Drawn X-rays are not like real ones: no number here says anything about medicine."]


def _of_small_classes(finished: list[dict[str, Any]]) -> list[str]:
    """Return how few test images there are of the smallest class, where they are few."""
    if not finished:
        return []
    row = finished[0]
    smallest = min(sum(counts) // len(row["seeds"]) for counts in row["confusion"])
    if smallest >= FEW_IMAGES:
        return []
    return [
        f"The smallest class has {plural(smallest, 'test image')}: its recall, and with it macro-F1, hangs on few "
        "images."
    ]


def _of_single_seeds(finished: list[dict[str, Any]]) -> list[str]:
    if not any(len(row["seeds"]) == 1 for row in finished):
        return []
    return [
        "A run with one training seed: its interval is about other patients, not about training again, which alone can "
        "move a result by points."
    ]
