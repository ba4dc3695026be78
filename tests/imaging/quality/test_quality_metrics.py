import numpy as np
import pytest
from PIL import Image, ImageFilter

from lung_cxr import contracts
from lung_cxr.imaging.quality.chest import measure_chest
from lung_cxr.imaging.quality.metrics import measure_quality, quality_faults, quality_flags
from lung_cxr.imaging.reading.radiograph import as_shown
from lung_cxr.imaging.reading.read import read_image
from lung_cxr.imaging.reasons import FLAGS, IMAGE_FAULTS, OUT_OF_SCOPE
from lung_cxr.imaging.standardise import standardise
from lung_cxr.parameters import QualityParameters, StandardiseParameters

GOOD = {
    "sharpness": 10.0, "contrast": 240.0, "dark_fraction": 0.02, "bright_fraction": 0.01,
    "inversion": -2.0, "rotation": -2.0, "lateral": -2.0, "foreign": -2.0,
    "turned_foreign": -2.0,
}  # fmt: skip

MOST = 50  # megapixels


@pytest.fixture(scope="session")
def limits(base_settings) -> QualityParameters:
    return QualityParameters.model_validate(base_settings["ingestion"]["quality"])


def windowed(values: np.ndarray, side: int = 512) -> np.ndarray:
    codes = np.rint((values - values.min()) / np.ptp(values) * 65535).astype(np.uint16)
    chosen = StandardiseParameters(side=side, percentiles=(0.5, 99.5), aspect="pad", max_inversion=None)
    return standardise(as_shown(codes), chosen)


def measured(image: np.ndarray) -> dict[str, float]:
    return measure_quality(image) | measure_chest(image)


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


@pytest.mark.parametrize(
    ("size", "metrics", "reason"),
    [
        ((500, 511), {}, "too_small"),
        ((1024, 300), {}, "extreme_aspect_ratio"),
        ((300, 1024), {}, "extreme_aspect_ratio"),
        ((1024, 1024), {"sharpness": 1.0}, "blurred"),
        ((1024, 1024), {"contrast": 20.0}, "nearly_blank"),
        ((1024, 1024), {"dark_fraction": 0.9}, "too_dark"),
        ((1024, 1024), {"bright_fraction": 0.6}, "too_bright"),
        ((1024, 1024), {"rotation": 9.0}, "rotated"),
        ((1024, 1024), {"foreign": 9.0}, "not_a_chest"),
        ((1024, 1024), {"rotation": 9.0, "foreign": 9.0}, "rotated"),
        ((1024, 1024), {"rotation": 9.0, "foreign": 9.0, "turned_foreign": 2.0}, "not_a_chest"),
        ((1024, 1024), {"sharpness": 1.0, "rotation": 9.0, "foreign": 9.0}, "blurred"),
    ],
)
def test_each_limit_has_its_reason(limits, size, metrics, reason):
    assert quality_faults(1024, 900, GOOD, limits) == []
    assert quality_faults(*size, {**GOOD, **metrics}, limits) == [reason]
    assert reason in IMAGE_FAULTS | OUT_OF_SCOPE


def test_what_is_in_doubt_is_flagged_and_not_rejected(limits):
    doubtful = {**GOOD, "foreign": limits.flag_non_chest + 0.1, "lateral": limits.flag_lateral + 0.1}
    assert quality_faults(1024, 900, doubtful, limits) == []
    assert quality_flags(doubtful, limits) == ["looks_foreign", "looks_lateral"]
    assert quality_flags(GOOD, limits) == []
    assert not set(quality_flags(doubtful, limits)) - set(FLAGS)


def test_without_a_limit_nothing_is_judged(limits):
    unlimited = limits.model_copy(update={"max_rotation": None, "max_non_chest": None})
    assert quality_faults(1024, 900, {**GOOD, "rotation": 9.0, "foreign": 9.0}, unlimited) == []
    unflagged = limits.model_copy(update={"flag_non_chest": None, "flag_lateral": None})
    assert quality_flags({**GOOD, "foreign": 9.0, "lateral": 9.0}, unflagged) == []


def test_what_was_never_measured_breaks_no_limit_by_itself(limits):
    assert quality_faults(1024, 1024, dict.fromkeys(GOOD, float("nan")), limits) == []


def test_the_limits_reject_no_real_radiograph_and_catch_their_blurred_selves(public_cxr, limits):
    """Every fortieth of the public collection; the whole of it was measured when the limits were chosen."""
    limits = limits.model_copy(update={"min_side": 256})
    caught = 0
    files = sorted((public_cxr / "images").iterdir())[::40]
    for file in files:
        values = read_image(file, MOST).values
        assert quality_faults(*values.shape, measured(windowed(values, 1024)), limits) == []
        soft = blurred(values.astype(np.uint8), 3 * max(values.shape) / 512)
        caught += "blurred" in quality_faults(*values.shape, measured(windowed(soft, 1024)), limits)
    assert caught == len(files)
