import math

import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.evaluation.majority_class import class_shares, majority_predictions
from lung_cxr.evaluation.predictions import evaluate_predictions, evaluate_seeds
from lung_cxr.evaluation.undefined import json_ready

SETTINGS = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def split_of(labels: dict[str, list[str]]) -> pd.DataFrame:
    rows = [(subset, label) for subset, names in labels.items() for label in names]
    keys = [f"{number:032x}" for number in range(len(rows))]
    subsets, names = zip(*rows, strict=True)
    return pd.DataFrame({"image_id": keys, "patient_key": keys, "label": names, "subset": subsets})


def test_the_majority_is_that_of_training_also_where_the_test_set_has_another():
    split = split_of({"train": ["COVID-19"] * 3 + ["Pneumonia"], "test": ["Pneumonia"] * 3 + ["COVID-19"]})
    frame = contracts.predictions.validate(majority_predictions(split))
    numbers = evaluate_predictions(frame[frame["subset"] == "test"], **SETTINGS)
    assert numbers["accuracy"] == 0.25
    assert numbers["macro_f1"] == pytest.approx((0 + 2 / 5) / 2)
    assert numbers["auroc_pneumonia"] == 0.5


def test_its_log_loss_is_that_of_knowing_the_class_shares_only():
    labels = ["COVID-19"] * 3 + ["Pneumonia"]
    numbers = evaluate_predictions(majority_predictions(split_of({"train": labels, "test": labels})), **SETTINGS)
    assert numbers["log_loss"] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_an_empty_training_subset_says_what_to_do():
    with pytest.raises(ValueError, match="splitting"):
        class_shares(pd.Series([], dtype=str))


def test_one_frame_can_be_judged_on_a_part_of_it(predictions):
    part = predictions[predictions["label"].isin(["Pneumonia", "COVID-19"])]
    numbers = evaluate_predictions(part, **SETTINGS)
    assert numbers["images"] == len(part) < len(predictions)
    assert "no Atelectasis" in numbers["recall_atelectasis_reason"]


def test_seeds_are_averaged_and_their_spread_is_given(make_predictions):
    frames = [make_predictions(images=200, patients=150, seed=1, skill=skill) for skill in (1.0, 2.0)]
    each = [evaluate_predictions(frame, **SETTINGS)["accuracy"] for frame in frames]
    both = evaluate_seeds(frames, **SETTINGS)
    assert both["seeds"] == 2
    assert both["accuracy"] == pytest.approx(np.mean(each))
    assert both["accuracy_sd"] == pytest.approx(np.std(each, ddof=1))
    assert "one training seed" in evaluate_seeds(frames[:1], **SETTINGS)["accuracy_sd_reason"]


def test_numbers_become_strict_json():
    numbers = {"a": math.nan, "b": np.float32(0.5), "c": [np.int64(3), math.inf], "d": {"e": np.array([1.0, np.nan])}}
    assert json_ready(numbers) == {"a": None, "b": 0.5, "c": [3, None], "d": {"e": [1.0, None]}}
