"""The warning of settings that differ by class, and its measured numbers."""

import logging
import math

import numpy as np
import pandas as pd
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.training.data.augmentation_parameters import AugmentationSampler
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.data.label_cue import label_cue
from lung_cxr.training.data.measured_label_cue import (
    class_cue,
    image_statistics,
    measure_label_cue,
    measured_cue_of_run,
)


def settings(classes=None, unchanged_share=0, **changes):
    augmentation = {"classes": classes, "unchanged_share": unchanged_share}
    return {"sampling": "natural", "loss_weights": "none", "augmentation": augmentation, **changes}


@pytest.mark.parametrize("classes", [None, [], list(DISEASES)])
def test_equal_treatment_of_all_classes_needs_no_warning(classes):
    assert label_cue(settings(classes=classes)) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sampling": "balanced"}, "balanced sampling"),
        ({"loss_weights": "inverse_frequency"}, "loss weights"),
        ({"loss": "logit_adjusted"}, "logit-adjusted loss"),
        ({"classes": "all_but_largest"}, "augmentation"),
        ({"classes": ["Pneumonia"]}, "augmentation"),
    ],
)
def test_each_difference_is_named_alone(changed, words):
    warning = label_cue(settings(**changed))
    named = warning[warning.index("(") + 1 : warning.index(")")]
    assert words in named
    assert "," not in named
    assert ("test images" in warning) == ("classes" in changed)


def test_the_warning_gives_the_measured_numbers():
    cue = {"guesses_by_prior": 1 / 7, "guesses_by_augmentation": 2 / 7, "class_information": 0.211}
    weights = {"Pneumonia": 0.012, "Tuberculosis": 0.5, "COVID-19": 0.0}
    changes = {"classes": "all_but_largest", "sampling": "balanced"}
    warning = label_cue(settings(**changes), {"label_cue": cue, "effective_class_weights": weights})
    assert "correct guesses of the class from 14 % to 29 % and gives 21 % of the information" in warning
    assert "from 1.2 % (Pneumonia) to 50.0 % (Tuberculosis)" in warning
    assert "AUROC" not in warning, "not measured"
    equal = label_cue(settings(**changes), {"effective_class_weights": dict.fromkeys(weights, 1 / 3)})
    assert "every class is 33.3 %" in equal
    assert label_cue(settings("all_but_largest", unchanged_share=1)) is None, "no image is augmented"


def test_what_augmentation_tells_about_equally_frequent_classes():
    """One of seven classes is unaugmented: it is known; each of the others is one of six."""
    cue = class_cue(np.full(7, 1 / 7), np.array([0.0] + [1.0] * 6))
    assert cue["guesses_by_prior"] == pytest.approx(1 / 7)
    assert cue["guesses_by_augmentation"] == pytest.approx(2 / 7)
    assert cue["class_information"] == pytest.approx(1 - (6 / 7) * math.log(6) / math.log(7))


@pytest.mark.parametrize("augmented", [0.0, 0.3, 1.0])
def test_augmentation_of_all_classes_tells_nothing(augmented):
    cue = class_cue(np.array([0.5, 0.2, 0.1, 0.1, 0.1, 0, 0]), np.full(7, augmented))
    assert (cue["guesses_by_prior"], cue["guesses_by_augmentation"]) == pytest.approx((0.5, 0.5))
    assert cue["class_information"] == pytest.approx(0, abs=1e-9)
    assert class_cue(np.eye(7)[0], np.full(7, augmented))["class_information"] == 0, "one class"


def test_an_unchanged_share_weakens_the_cue():
    shares = np.full(7, 1 / 7)
    information = [class_cue(shares, np.array([0.0] + [a] * 6))["class_information"] for a in (1, 0.75, 0.25, 0)]
    assert information == sorted(information, reverse=True)


def test_image_statistics():
    image = np.full((24, 24), 100, np.uint8)
    image[:2, :2], image[-1, -1], image[10, 10] = 0, 0, 255
    (found,) = image_statistics(image[None, ..., None])
    assert found[2:4] == pytest.approx([5 / 576, 1 / 576])
    assert found[4:8] == pytest.approx([0, 0, 0.25, 1]), "black in the corners"
    assert found[8] == pytest.approx((200 + 2 * 100 + 8 * 155) / 22**2), "Laplacian"
    assert found[9] == pytest.approx(3 / 256), "three grey levels"


@pytest.fixture(scope="module")
def radiographs():
    """60 training images of as many patients: smooth, none black."""
    rows, columns = np.mgrid[:32, :32] / 31
    phases = np.random.default_rng(0).uniform(0.8, 1.2, (60, 1, 1))
    pixels = (120 + 60 * np.sin(5 * phases * rows) * np.cos(4 * phases * columns)).astype(np.uint8)
    keys = [f"{number:032x}" for number in range(62)]
    labels = [DISEASES[number % 3] for number in range(62)]
    subsets = ["train"] * 60 + ["validation", "test"]
    split = pd.DataFrame({"image_id": keys, "patient_key": keys, "label": labels, "subset": subsets})
    return SplitImages(np.concatenate([pixels, pixels[:2]]), split)


def test_rotated_images_are_recognised_and_barely_changed_ones_are_not(radiographs, training_parameters):
    def auroc(**ranges):
        parameters = training_parameters(augmentation=ranges).augmentation
        augmentation = AugmentationSampler(parameters, radiographs.labels_of("train"), seed=3)
        return measure_label_cue(radiographs, augmentation, "balanced")

    found = auroc(rotation=10)
    assert found["augmentation_auroc"] > 0.95, "black corners"
    assert found["measured_images"] == 40
    assert found == auroc(rotation=10)
    faint = auroc(rotation=0, brightness=[1.0, 1.001], contrast=[1.0, 1.0])["augmentation_auroc"]
    assert faint == pytest.approx(0.5, abs=0.1)


def test_a_run_measures_and_logs_the_cue_where_classes_are_treated_differently(
    radiographs, images, training_parameters, caplog
):
    caplog.set_level(logging.INFO)
    cue = measured_cue_of_run(radiographs, training_parameters(), "balanced", 7)["label_cue"]
    assert cue["guesses_by_prior"] == pytest.approx(1 / 3)
    (line,) = [record.getMessage() for record in caplog.records if "AUROC" in record.getMessage()]
    assert len(line) < 80
    alike = {"sampling": "natural", "loss_weights": "none", "augmentation": {"classes": None}}
    assert measured_cue_of_run(radiographs, training_parameters(**alike), "natural", 7) == {}
    rare = training_parameters(augmentation={"classes": ["Atelectasis"]})
    assert "patients" in measured_cue_of_run(images, rare, "natural", 7)["label_cue"]["augmentation_auroc_reason"]
