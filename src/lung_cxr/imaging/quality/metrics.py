"""What is measured on every readable image, and the limits it must keep (DESIGN §7).

Metrics go into the manifest, so that changed limits are applied again without reading a pixel.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from lung_cxr.parameters import QualityParameters

SHARPNESS_SIDE = 512  # pixels of the longer side: detail of about 0.7 mm on a 35 cm film
CONTRAST_SIDE = 32  # pixels: noise averages out, a chest does not

Grey = npt.NDArray[np.uint8]


def measure_quality(image: Grey) -> dict[str, float]:
    """Measure a windowed image, before it is padded.

    Args:
        image: (H, W) uint8, longer side as in the store.

    Returns:
        `sharpness`: standard deviation of the Laplacian at 512 pixels, of 255: the energy of fine detail;
        `contrast`: P99 − P1 at 32 pixels, of 255;
        `dark_fraction`, `bright_fraction`: share of pixels at 0 and at 255.
    """
    low, high = np.percentile(_shrunk(image, CONTRAST_SIDE), (1, 99))
    return {
        "sharpness": float(_laplacian(_shrunk(image, SHARPNESS_SIDE).astype(np.float32)).std()),
        "contrast": float(high - low),
        "dark_fraction": np.count_nonzero(image == 0) / image.size,
        "bright_fraction": np.count_nonzero(image == 255) / image.size,
    }


def quality_faults(rows: int, columns: int, metrics: Mapping[str, float], limits: QualityParameters) -> list[str]:
    """Return the reason codes for which an image is rejected, none where it is good.

    Args:
        rows: Of the source image, pixels.
        columns: Of the source image, pixels.
        metrics: As `measure_quality` and `chest.measure_chest` return them.
        limits: The thresholds. What the picture shows is judged only where it was well exposed.
    """
    longer, shorter = max(rows, columns), max(1, min(rows, columns))
    broken = {
        "too_small": longer < limits.min_side,
        "extreme_aspect_ratio": longer / shorter > limits.max_aspect_ratio,
        "nearly_blank": metrics["contrast"] < limits.min_contrast,
        "blurred": metrics["sharpness"] < limits.min_sharpness,
        "too_dark": metrics["dark_fraction"] > limits.max_dark_fraction,
        "too_bright": metrics["bright_fraction"] > limits.max_bright_fraction,
    }
    faults = [reason for reason, is_broken in broken.items() if is_broken]
    if faults:
        return faults
    is_turned = exceeds(metrics["rotation"], limits.max_rotation)
    if is_turned and not exceeds(metrics["turned_foreign"], limits.max_non_chest_rotated):
        return ["rotated"]
    return ["not_a_chest"] if exceeds(metrics["foreign"], limits.max_non_chest) else []


def quality_flags(metrics: Mapping[str, float], limits: QualityParameters) -> list[str]:
    """Return what a person should look at in an image that is not rejected.

    Args:
        metrics: As `measure_chest` returns them.
        limits: The thresholds.
    """
    doubtful = {
        "looks_foreign": exceeds(metrics["foreign"], limits.flag_non_chest),
        "looks_lateral": exceeds(metrics["lateral"], limits.flag_lateral),
    }
    return [flag for flag, is_so in doubtful.items() if is_so]


def exceeds(measured: float, limit: float | None) -> bool:
    """Whether a metric is above its limit: never where there is no limit or nothing was measured."""
    return limit is not None and measured > limit


def _shrunk(image: Grey, side: int) -> Grey:
    scale = side / max(image.shape)
    if scale >= 1:
        return image
    height, width = (max(1, round(length * scale)) for length in image.shape)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))


def _laplacian(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Four-neighbour Laplacian of the interior."""
    centre = image[1:-1, 1:-1]
    return image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:] - 4 * centre
