"""A tiny study for the tests of training: 80 pictures of 32 × 32 and a network of three convolutions.

The loop does not care what it trains, and a real backbone takes seconds to trace at every stage.
"""

import numpy as np
import pandas as pd
import pytest
from merged_parameters import merged, parameters_of_test_environment

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.strategies.registry import StrategyParameters
from made_up_network import build_tiny_classifier

SUBSETS = ["train"] * 48 + ["validation"] * 16 + ["test"] * 16


@pytest.fixture(scope="session")
def split() -> pd.DataFrame:
    """80 images of 80 patients, a long tail of classes."""
    labels = np.resize(np.repeat(np.arange(7), [4, 3, 3, 2, 2, 1, 1]), len(SUBSETS))
    keys = [f"{number:032x}" for number in range(len(SUBSETS))]
    return pd.DataFrame(
        {
            "image_id": keys,
            "patient_key": keys,
            "label": [DISEASES[label] for label in labels],
            "subset": SUBSETS,
        }
    )


@pytest.fixture(scope="session")
def pixels(split) -> np.ndarray:
    """(80, 32, 32) uint8: noise with a bright band whose height tells the class."""
    images = np.random.default_rng(5).integers(0, 128, (len(split), 32, 32), dtype=np.uint8)
    for image, label in zip(images, split["label"], strict=True):
        top = 4 * DISEASES.index(label)
        image[top : top + 4] = 255
    return images


@pytest.fixture(scope="session")
def tiny_classifier():
    """Make a classifier of three layer groups, each a convolution with batch normalisation; dropout in the second."""
    return build_tiny_classifier


@pytest.fixture(scope="session")
def images(pixels, split):
    from lung_cxr.training.data.feed import SplitImages

    return SplitImages(pixels, split)


@pytest.fixture(scope="session")
def backbone() -> BackboneParameters:
    blocks = parameters_of_test_environment("parameters_backbones.yml")["backbones"]
    return BackboneParameters(**blocks["mobilenet"])


@pytest.fixture(scope="session")
def training_parameters():
    """Make `training:` of the test environment, with changes."""
    values = parameters_of_test_environment("parameters_training.yml")["training"]
    return lambda **changes: TrainingParameters(**merged(values, changes))


@pytest.fixture(scope="session")
def strategy_parameters():
    """Make a block of `strategies:` of the test environment, with changes."""
    blocks = parameters_of_test_environment("parameters_training.yml")["strategies"]
    return lambda name, **changes: StrategyParameters(merged(blocks[name], changes))


@pytest.fixture(scope="session")
def experiment(backbone, images, training_parameters, strategy_parameters):
    """Make one cell of the grid over the tiny study."""
    from lung_cxr.training.runs import Experiment

    def make(strategy="dynamic", strategy_changes=None, **training_changes):
        return Experiment(
            backbone_name="mobilenet",
            strategy_name=strategy,
            backbone=backbone.model_copy(update={"top_layers": 4}),  # the tiny network has ten
            strategy=strategy_parameters(strategy, **(strategy_changes or {})),
            training=training_parameters(**training_changes),
            images=images,
            data_hashes={"split_sha256": "1" * 64, "pixel_sha256": "2" * 64},
        )

    return make


@pytest.fixture
def folders(tmp_path):
    """seed → its folders."""
    from lung_cxr.training.run.folders import RunFolders

    return lambda seed: RunFolders(tmp_path / "models", tmp_path / "outputs", seed)
