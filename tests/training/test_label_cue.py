"""The warning of settings that differ by class: present for each of them, absent without any."""

import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.training.data.label_cue import label_cue


def settings(sampling="natural", loss_weights="none", classes=None):
    return {"sampling": sampling, "loss_weights": loss_weights, "augmentation": {"classes": classes}}


@pytest.mark.parametrize("classes", [None, [], list(DISEASES)])
def test_equal_treatment_of_all_classes_needs_no_warning(classes):
    assert label_cue(settings(classes=classes)) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sampling": "balanced"}, "balanced sampling"),
        ({"loss_weights": "inverse_frequency"}, "loss weights"),
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
