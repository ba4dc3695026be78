import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from lung_cxr import contracts
from lung_cxr.imaging.quality.chest import measure_chest
from lung_cxr.imaging.quality.qc_rules import metric_reasons
from lung_cxr.imaging.quality.quality_metrics import measure_quality
from lung_cxr.imaging.reading.radiograph import from_pixels
from lung_cxr.imaging.reading.read import read_image
from lung_cxr.imaging.standardise import standardise
from lung_cxr.parameters import QualityParameters, StandardiseParameters

MOST = 50  # megapixels


def windowed(values: np.ndarray, side: int = 512) -> np.ndarray:
    stored_values = np.rint((values - values.min()) / np.ptp(values) * 65535).astype(np.uint16)
    chosen = StandardiseParameters(side=side, percentiles=(0.5, 99.5), aspect="pad", max_inversion=None)
    return standardise(from_pixels(stored_values), chosen)


def broken_limits(size: tuple[int, ...], image: np.ndarray, thresholds: QualityParameters) -> list[str]:
    measured = {f"qc_{name}": [value] for name, value in (measure_quality(image) | measure_chest(image)).items()}
    found = metric_reasons(pd.DataFrame({"rows": [size[0]], "columns": [size[1]], **measured}), thresholds)
    return [code for code in found if found[code].item()]


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def test_the_metrics_are_those_of_the_manifest():
    image = np.eye(64, dtype=np.uint8)
    assert (*measure_quality(image), *measure_chest(image)) == contracts.QC_METRICS


def test_blur_lowers_sharpness_whatever_the_size(smooth):
    for side in (512, 1024):
        image = windowed(smooth(height=512, width=400), side)
        sharp, soft, softer = (
            measure_quality(blurred(image, sigma * side / 512))["sharpness"] for sigma in (0.1, 1, 3)
        )
        assert sharp > 1.5 * soft
        assert soft > 1.2 * softer


def test_contrast_tells_noise_from_an_image(smooth):
    noise = windowed(np.random.default_rng(0).normal(size=(512, 512)))
    assert measure_quality(noise)["contrast"] < 40
    assert measure_quality(windowed(smooth(height=512, width=512)))["contrast"] > 150


def test_fractions_count_black_and_white():
    image = np.full((10, 10), 100, np.uint8)
    image[:3], image[9] = 0, 255
    metrics = measure_quality(image)
    assert (metrics["dark_fraction"], metrics["bright_fraction"]) == (0.3, 0.1)


def test_the_thresholds_accept_real_radiographs_and_reject_their_blurred_copies(public_cxr, thresholds):
    """Every fortieth of the public collection; the thresholds were chosen on all of it."""
    thresholds = thresholds.model_copy(update={"min_side": 256})
    caught = 0
    files = sorted((public_cxr / "images").iterdir())[::40]
    for file in files:
        values = read_image(file, MOST).values
        assert broken_limits(values.shape, windowed(values, 1024), thresholds) == []
        soft = blurred(values.astype(np.uint8), 3 * max(values.shape) / 512)
        caught += "blurred" in broken_limits(values.shape, windowed(soft, 1024), thresholds)
    assert caught == len(files)
