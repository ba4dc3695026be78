"""Held-out probabilities: no patient of an image trains or validates its model."""

import numpy as np
import pandas as pd
import pytest

from lung_cxr.parameters import ReferenceModelParameters
from lung_cxr.training.label_audit import held_out_probabilities as module
from lung_cxr.training.label_audit.held_out_probabilities import held_out_probabilities, patient_grouped_folds
from lung_cxr.training.reference.fit import ReferenceModel

SETTINGS = ReferenceModelParameters(
    kind="logistic_regression", inverse_penalties=[1.0], depths=[0, 1], flips=True, augmented_copies=0,
    oversampling="none",
)  # fmt: skip
DATA = {"split_sha256": "1" * 64, "pixel_sha256": "2" * 64}


def test_folds_keep_patients_together_and_classes_balanced():
    rng = np.random.default_rng(0)
    patients = rng.integers(0, 120, 300)
    labels = np.where(patients % 4, "Pneumonia", "Atelectasis")
    split = pd.DataFrame({"patient_key": patients, "label": labels})
    folds = patient_grouped_folds(split, 5, 1)
    assert split.assign(fold=folds).groupby("patient_key")["fold"].nunique().max() == 1
    shares = split.assign(fold=folds).groupby("fold")["label"].apply(lambda label: (label == "Atelectasis").mean())
    assert shares.between(0.2, 0.3).all()
    assert np.array_equal(folds, patient_grouped_folds(split, 5, 1))
    with pytest.raises(ValueError, match=r"label_audit\.folds"):
        patient_grouped_folds(split.iloc[:3], 5, 1)


def test_every_image_is_predicted_by_a_model_of_other_patients(
    tiny_classifier, backbone, images, training_parameters, tmp_path, monkeypatch
):
    from lung_cxr.training.data.feed import SplitImages

    patients = np.arange(len(images.split)) // 2  # two images each
    split = images.split.assign(patient_key=[f"{number:032x}" for number in patients])
    seen, fit = [], module.fit_on_split
    monkeypatch.setattr(module, "build_classifier", tiny_classifier)
    monkeypatch.setattr(module, "fit_on_split", lambda *given: seen.append(given[2].split) or fit(*given))
    doubled = SplitImages(images.pixels, split)
    model = ReferenceModel(backbone, SETTINGS, training_parameters(), doubled, DATA, tmp_path)
    probabilities = held_out_probabilities(model, 4, 0)
    for fold in seen:
        assert fold.groupby("patient_key")["subset"].nunique().max() == 1
    held_out = np.concatenate([np.flatnonzero(fold["subset"] == "test") for fold in seen])
    assert sorted(held_out) == list(range(len(split)))
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(split)))
    assert (probabilities.argmax(axis=1) == doubled.labels).mean() > 0.5  # of seven classes; chance 0.25
