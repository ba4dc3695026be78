"""What goes wrong between a machine and an export: one function a kind of damage, for pixels or for bytes."""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

from lung_cxr.synthetic.projection import Field

# Codes that none of the seven classes owns: asthma, lung cancer, hypertension, fractured ribs, bronchitis.
WRONG_CODES = ("J45.9", "C34.1", "I10", "S22.4", "J20.9")


def blurred(pixels: Field) -> Field:
    """A patient who moved: no edge is left, and no grain (rows, columns)."""
    return gaussian_filter(pixels, max(pixels.shape) / 50)


def corrupted(content: bytes, generator: Generator) -> bytes:
    """A disc that failed: the first kilobyte and a tenth of the rest are noise."""
    damaged = np.frombuffer(content, dtype=np.uint8).copy()
    hit = generator.random(len(damaged)) < 0.1
    hit[:1024] = True
    damaged[hit] = generator.integers(0, 256, int(hit.sum()), dtype=np.uint8)
    return damaged.tobytes()


def truncated(content: bytes, generator: Generator) -> bytes:
    """A copy that broke off between a third and two thirds of the way."""
    return content[: int(len(content) * generator.uniform(0.33, 0.67))]
