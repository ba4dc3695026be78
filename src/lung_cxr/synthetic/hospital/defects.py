"""Plant defects in images: one function per kind, on pixels or on bytes.

Pixels are (rows, columns) float32, 0 black, 1 white. Each function takes pixels or bytes, and a random stream.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy.ndimage import gaussian_filter

from lung_cxr.synthetic.phantom.projection import Field

# Codes outside the seven classes: asthma, lung cancer, hypertension, fractured ribs, bronchitis.
WRONG_CODES = ("J45.9", "C34.1", "I10", "S22.4", "J20.9")


def blurred(pixels: Field, _: Generator) -> Field:
    """Blur the image as motion does: neither edges nor grain remain."""
    return gaussian_filter(pixels, max(pixels.shape) / 50)


def inverted(pixels: Field, _: Generator) -> Field:
    """Exchange black and white; the header does not say so."""
    return 1 - pixels


def rotated(pixels: Field, generator: Generator) -> Field:
    """Rotate by 90, 180 or 270 degrees, as a wrongly placed cassette does."""
    return np.ascontiguousarray(np.rot90(pixels, int(generator.integers(1, 4))))


def too_dark(pixels: Field, generator: Generator) -> Field:
    """Overexpose: all but the densest part is black."""
    low = np.quantile(pixels, generator.uniform(0.8, 0.95))
    return np.clip((pixels - low) / (pixels.max() - low), 0, 1)


def too_bright(pixels: Field, generator: Generator) -> Field:
    """Underexpose: most of the image is white."""
    high = np.quantile(pixels, generator.uniform(0.1, 0.4))
    return np.clip((pixels - pixels.min()) / (high - pixels.min()), 0, 1)


def small(pixels: Field, generator: Generator) -> Field:
    """Shrink to the size of a preview."""
    return _resized(pixels, generator.uniform(0.15, 0.3))


def strip(pixels: Field, generator: Generator) -> Field:
    """Cut a horizontal or vertical strip out of the image."""
    rows, columns = pixels.shape
    width = int(max(rows, columns) / generator.uniform(3, 5))
    if generator.random() < 0.5:
        return pixels[(rows - width) // 2 :][:width]
    return pixels[:, (columns - width) // 2 :][:, :width]


def copied(pixels: Field, generator: Generator) -> Field:
    """Save the image again, slightly smaller and with another brightness."""
    return _resized(pixels, generator.uniform(0.88, 0.97)) * np.float32(generator.uniform(0.95, 1.05))


def corrupted(content: bytes, generator: Generator) -> bytes:
    """Overwrite the first kilobyte and a tenth of the rest with noise, as a failing disk does."""
    damaged = np.frombuffer(content, dtype=np.uint8).copy()
    hit = generator.random(len(damaged)) < 0.1
    hit[:1024] = True
    damaged[hit] = generator.integers(0, 256, int(hit.sum()), dtype=np.uint8)
    return damaged.tobytes()


def truncated(content: bytes, generator: Generator) -> bytes:
    """Cut the file between one and two thirds of its length."""
    return content[: int(len(content) * generator.uniform(0.33, 0.67))]


def _resized(pixels: Field, scale: float) -> Field:
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


ON_PIXELS: dict[str, Callable[[Field, Generator], Field]] = {
    "blurred": blurred,
    "inverted": inverted,
    "near_duplicate": copied,
    "rotated": rotated,
    "small": small,
    "strip": strip,
    "too_bright": too_bright,
    "too_dark": too_dark,
}
ON_BYTES: dict[str, Callable[[bytes, Generator], bytes]] = {"corrupt": corrupted, "truncated": truncated}
