"""Read the 1024 × 1024 images of the catalogue at the required sizes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

RESIZE_METHOD = "pillow: box to shrink, bicubic to enlarge"
"""Part of the hash of every pixel array: change the text with the resize method."""


class StoredImageError(ValueError):
    """An image of the manifest is missing or damaged; the message names it by its pseudonym."""


def read_stored(path: Path, sizes: Iterable[int]) -> dict[int, np.ndarray]:
    """Decode an image of the catalogue once and return it at each size, (size, size) uint8, 0 black.

    Raises:
        StoredImageError: The file is missing, cannot be decoded, or is not a square 8-bit grey image.
    """
    try:
        with Image.open(path) as file:
            file.load()
            image = file.copy()
    except (OSError, SyntaxError) as error:
        raise StoredImageError(_message(path, f"cannot be read ({type(error).__name__})")) from None
    if image.mode != "L" or image.width != image.height:
        raise StoredImageError(_message(path, f"is {image.mode} {image.width} × {image.height}"))
    return {size: resize(image, size) for size in sizes}


def resize(image: Image.Image, size: int) -> np.ndarray:
    """Return a square 8-bit grey image as (size, size) uint8."""
    method = Image.Resampling.BOX if size <= image.width else Image.Resampling.BICUBIC
    return np.asarray(image.resize((size, size), method))


def _message(path: Path, found: str) -> str:
    return (
        f"Image {path.stem} of the catalogue {found}; expected a square 8-bit grey PNG. Delete {path.name} if it "
        "exists and run ingestion again: it writes missing images."
    )
