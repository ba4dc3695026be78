"""Classifiers as small as their architectures permit; of each of the seven one that all tests of this room share."""

from functools import cache

import numpy as np
import pytest

from lung_cxr.parameters import BackboneParameters

SMALLEST = {"xception": 75, "inceptionv3": 75}  # pixels; 32 for the others


@pytest.fixture(scope="session")
def build():
    """Return a function that builds a classifier: random weights, the smallest size, unless told otherwise.

    Its head is not the zeros that every classifier begins with: through those, no image makes a difference.
    """
    from lung_cxr.models.classifier import build_classifier

    def build(architecture, *, dropout=0.0, head="gap", seed=1, **changes):
        settings = {
            "architecture": architecture,
            "size": SMALLEST.get(architecture, 32),
            "weights": None,
            "top_layers": 3,
            "options": {},
            **changes,
        }
        classifier = build_classifier(BackboneParameters(**settings), dropout=dropout, head=head, seed=seed)
        kernel = classifier.model.get_layer("logits").kernel
        kernel.assign(np.random.default_rng(0).normal(0, 0.1, kernel.shape))
        return classifier

    return build


@pytest.fixture(scope="session")
def smallest(build):
    """Return a function: architecture → its one shared classifier. Tests leave its weights as they are."""
    return cache(build)


@pytest.fixture(scope="session")
def tiny(build):
    """Return a function that builds a MobileNet with a quarter of its channels."""
    return lambda **changes: build("mobilenet", **{"options": {"alpha": 0.25}, **changes})


@pytest.fixture(scope="session")
def images():
    """Return a function: n, size → (n, size, size) uint8, soft waves and noise, different in each image."""

    def draw(n, size=32):
        rng = np.random.default_rng(7)
        y, x = np.mgrid[0:size, 0:size] / size
        waves = [np.sin(2 * np.pi * (rng.uniform(0.5, 3) * x + rng.uniform(0.5, 3) * y)) for _ in range(n)]
        return np.clip(128 + 90 * np.stack(waves) + rng.normal(0, 15, (n, size, size)), 0, 255).astype(np.uint8)

    return draw
