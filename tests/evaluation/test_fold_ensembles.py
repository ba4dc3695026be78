"""Means of probabilities on folds: members by pattern, complete folds only, images matched by their id."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.fold_ensembles import fold_ensembles

SPLITS = {1: "one", 2: "two"}


def run(seed, first, split):
    """Return a run whose probability of the first class is `first` for two images, in the order of the seed."""
    order = [0, 1] if seed % 2 else [1, 0]
    raw = np.full((2, 7), (1 - first) / 6)
    raw[:, 0] = first
    frame = pd.DataFrame(raw, columns=list(PROBABILITY_COLUMNS)).assign(
        image_id=[f"{number:032x}" for number in order], label=DISEASES[0], subset="test", patient_key="0" * 32
    )
    return SimpleNamespace(record={"seed": seed, "split_sha256": split}, predictions=frame, finished=True)


RUNS = {
    ("mobilenet", "dynamic"): {1: [run(1, 0.2, "one"), run(2, 0.4, "one")], 2: [run(1, 0.2, "two")]},
    ("vgg16", "dynamic"): {1: [run(1, 0.9, "one")], 2: [run(1, 0.9, "an older split")]},
}


def test_the_mean_of_seeds_and_backbones_is_taken_on_each_complete_fold():
    patterns = {"seeds": ["mobilenet/dynamic/seed_*"], "both": ["mobilenet/dynamic/*", "vgg16/dynamic/*"]}
    found = fold_ensembles(RUNS, SPLITS, patterns, "")
    first = {
        key: {fold: one.predictions[PROBABILITY_COLUMNS[0]].round(6).tolist() for fold, (one,) in folds.items()}
        for key, folds in found.items()
    }
    assert first == {
        ("ensemble", "seeds"): {1: [0.3, 0.3], 2: [0.2, 0.2]},
        ("ensemble", "both"): {1: [0.5, 0.5]},
    }
    assert found["ensemble", "both"][1][0].predictions["image_id"].is_monotonic_increasing


def test_runs_of_an_experiment_have_its_name_in_front():
    assert fold_ensembles(RUNS, SPLITS, {"seeds": ["mobilenet/dynamic/*"]}, "tuned") == {}
    assert fold_ensembles(RUNS, SPLITS, {"seeds": ["tuned/mobilenet/dynamic/*"]}, "tuned") != {}
