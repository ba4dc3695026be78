"""Measure the technical quality of an image: sharpness, contrast, clipping.

The manifest holds all metrics, so that the QC rules (`qc_rules`) can change without reading a pixel again.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SHARPNESS_SIDE = 512  # pixels of the longer side: detail of about 0.7 mm on a 35 cm detector
CONTRAST_SIDE = 32  # pixels: noise averages out, a chest does not

Grey = npt.NDArray[np.uint8]


def measure_quality(image: Grey) -> dict[str, float]:
    """Measure a windowed image before padding.

    Args:
        image: (H, W) uint8, longer side as in the image store.

    Returns:
        `sharpness`: standard deviation of the Laplacian at 512 pixels, grey values 0…255: energy of fine detail;
        `contrast`: P99 − P1 at 32 pixels, grey values 0…255;
        `dark_fraction`, `bright_fraction`: share of pixels at 0 and at 255.
    """
    low, high = np.percentile(_shrunk(image, CONTRAST_SIDE), (1, 99))
    return {
        "sharpness": float(_laplacian(_shrunk(image, SHARPNESS_SIDE).astype(np.float32)).std()),
        "contrast": float(high - low),
        "dark_fraction": np.count_nonzero(image == 0) / image.size,
        "bright_fraction": np.count_nonzero(image == 255) / image.size,
    }


def exceeds(measured: Any, threshold: float | None) -> Any:
    """Return whether one or several metrics are above their threshold; False without a threshold or for NaN."""
    return measured > (np.inf if threshold is None else threshold)


def _shrunk(image: Grey, side: int) -> Grey:
    scale = side / max(image.shape)
    if scale >= 1:
        return image
    height, width = (max(1, round(length * scale)) for length in image.shape)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))


def _laplacian(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the four-neighbour Laplacian of the interior."""
    centre = image[1:-1, 1:-1]
    return image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:] - 4 * centre
