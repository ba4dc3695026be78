"""Suspects and expected errors on made-up probabilities with known label errors."""

import sys

import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES
from lung_cxr.training.label_audit.confident_learning import ALL, AUDIT_COLUMNS, audit_labels, label_scores

pytest.importorskip("cleanlab", reason="cleanlab is not installed (pip install lung_cxr[label_audit])")
CLASSES = (0, 2, 5)
PER_CLASS, FLIPPED = 100, 12


@pytest.fixture(scope="module")
def study():
    """Three of the seven classes; a good model; 12 labels of the first class say the second one."""
    truth = np.repeat(CLASSES, PER_CLASS)
    labels = truth.copy()
    labels[:FLIPPED] = CLASSES[1]
    probabilities = np.zeros((len(truth), len(DISEASES)))
    probabilities[:, CLASSES] = 0.05
    probabilities[np.arange(len(truth)), truth] = 0.9
    split = pd.DataFrame(
        {"image_id": [f"{n:032x}" for n in range(len(truth))], "label": [DISEASES[label] for label in labels]}
    )
    return split, labels, probabilities


def test_exactly_the_flipped_labels_are_suspect(study):
    split, _, probabilities = study
    suspects = audit_labels(split, probabilities, 200).suspects
    assert sorted(suspects["image_id"]) == sorted(split["image_id"][:FLIPPED])
    assert set(suspects["label"]) == {DISEASES[CLASSES[1]]}
    assert set(suspects["other_label"]) == {DISEASES[CLASSES[0]]}
    margins = suspects["probability"] - suspects["other_probability"]
    assert margins.is_monotonic_increasing
    contracts.label_suspects.validate(suspects)


def test_expected_errors_are_counted_by_label(study):
    split, _, probabilities = study
    table = audit_labels(split, probabilities, 5).by_class
    assert list(table.columns) == list(AUDIT_COLUMNS)
    assert list(table["label"]) == [*(DISEASES[index] for index in CLASSES), ALL]
    assert list(table["images"]) == [PER_CLASS - FLIPPED, PER_CLASS + FLIPPED, PER_CLASS, 3 * PER_CLASS]
    assert list(table["recognised"])[:3] == [1, PER_CLASS / (PER_CLASS + FLIPPED), 1]
    assert list(table["expected_errors"]) == [0, FLIPPED, 0, FLIPPED]
    assert list(table["most_often"]) == ["", DISEASES[CLASSES[0]], "", ""]
    assert list(table["suspects"]) == [0, FLIPPED, 0, FLIPPED]
    assert list(table["listed"]) == [0, 5, 0, 5]
    assert table["expected_share"].iloc[-1] == pytest.approx(FLIPPED / (3 * PER_CLASS))


def test_scores_are_lowest_for_the_flipped_labels(study):
    _, labels, probabilities = study
    scores = label_scores(labels, probabilities)
    assert scores[:FLIPPED].max() < scores[FLIPPED:].min()


def test_one_class_cannot_be_audited(study):
    split, _, probabilities = study
    with pytest.raises(ValueError, match="expected at least two classes"):
        audit_labels(split[split["label"] == split["label"].iloc[-1]], probabilities[-PER_CLASS:], 5)


def test_without_cleanlab_the_error_names_the_extra(study, monkeypatch):
    split, _, probabilities = study
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(ModuleNotFoundError, match=r"lung_cxr\[label_audit\]"):
        audit_labels(split, probabilities, 5)
