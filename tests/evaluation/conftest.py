"""Small made-up test sets: no image and no model behind them."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS


def made_up_predictions(images: int, patients: int, seed: int, skill: float = 2.0) -> pd.DataFrame:
    """Predictions of a model that is right the more often the greater `skill`; the classes have a long tail."""
    generator = np.random.default_rng(seed)
    shares = np.array([0.4, 0.2, 0.12, 0.1, 0.08, 0.06, 0.04])
    truth = generator.choice(len(DISEASES), size=images, p=shares)
    logits = generator.normal(size=(images, len(DISEASES)))
    logits[np.arange(images), truth] += skill
    exponentials = np.exp(logits)
    frame = pd.DataFrame(exponentials / exponentials.sum(axis=1, keepdims=True), columns=PROBABILITY_COLUMNS)
    frame.insert(0, "image_id", [f"{number:032x}" for number in range(images)])
    frame.insert(1, "patient_key", [f"{number:032x}" for number in generator.integers(patients, size=images)])
    frame.insert(2, "subset", "test")
    frame.insert(3, "label", [DISEASES[index] for index in truth])
    return frame


@pytest.fixture(scope="session")
def make_predictions() -> Callable[..., pd.DataFrame]:
    return made_up_predictions


@pytest.fixture
def predictions() -> pd.DataFrame:
    return made_up_predictions(images=300, patients=200, seed=1)
