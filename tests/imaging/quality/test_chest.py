"""Chest scores of drawings outside the set that the weights were fitted to."""

import numpy as np
import pytest

from fit_chest_scores import fit_scores
from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.quality.chest import SIDE, WEIGHTS, contrast_free, measure_chest
from lung_cxr.parameters import StandardiseParameters
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.body_parts import draw_other_part
from lung_cxr.synthetic.phantom.frontal import draw_radiograph
from lung_cxr.synthetic.phantom.lateral import draw_lateral

SIZE = 160


def draw(kind: str, seed: int) -> np.ndarray:
    generator = np.random.default_rng([99, seed])
    chest = draw_chest(generator, "FM"[seed % 2])
    if kind == "lateral":
        pixels = draw_lateral(generator, chest, SIZE).pixels
    elif kind == "other":
        pixels = draw_other_part(generator, SIZE).pixels
    else:
        pixels = draw_radiograph(generator, chest, DISEASES[seed % 7], "PA", SIZE).pixels
    return (np.clip(pixels, 0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def max_inversion(base_settings) -> float:
    return StandardiseParameters.model_validate(base_settings["ingestion"]["standardise"]).max_inversion


@pytest.mark.parametrize("seed", range(7))
def test_an_upright_frontal_chest_is_within_all_thresholds(seed, thresholds, max_inversion):
    scores = measure_chest(draw("frontal", seed))
    assert scores["inversion"] < max_inversion
    assert scores["rotation"] < thresholds.max_rotation
    assert scores["lateral"] < thresholds.flag_lateral < thresholds.max_lateral
    assert scores["foreign"] < thresholds.flag_non_chest < thresholds.max_non_chest


@pytest.mark.parametrize("seed", range(3))
def test_rotated_and_inverted_chests_are_distinguished(seed, thresholds, max_inversion):
    image = draw("frontal", seed)
    for turns in (1, 2, 3):
        turned = measure_chest(np.rot90(image, turns))
        assert turned["rotation"] > thresholds.max_rotation
        assert turned["inversion"] < max_inversion
        assert measure_chest(255 - np.rot90(image, turns))["inversion"] > max_inversion


@pytest.mark.parametrize("seed", range(3))
def test_a_lateral_view_is_detected_from_both_sides(seed, thresholds):
    image = draw("lateral", seed)
    assert measure_chest(image)["lateral"] > thresholds.flag_lateral
    assert measure_chest(image[:, ::-1])["lateral"] > thresholds.flag_lateral


def test_most_other_body_parts_score_as_non_chest_or_rotated(thresholds):
    scores = [measure_chest(draw("other", seed)) for seed in range(20)]
    found = [one["foreign"] > thresholds.flag_non_chest or one["rotation"] > thresholds.max_rotation for one in scores]
    assert np.mean(found) >= 0.9


def test_scores_depend_neither_on_exposure_nor_on_size_nor_on_borders():
    image = draw("frontal", 1)
    scores = np.array(list(measure_chest(image).values()))
    brighter = (255 * (image / 255) ** 0.7).astype(np.uint8)
    framed = np.pad(np.repeat(np.repeat(image, 2, axis=0), 2, axis=1), 60)
    for other in (brighter, framed):
        assert np.abs(np.array(list(measure_chest(other).values())) - scores).max() < 0.6


def test_a_constant_image_has_no_features_and_no_broken_score():
    assert not contrast_free(np.full((50, 40), 7, np.uint8)).any()
    assert np.isfinite(list(measure_chest(np.full((50, 40), 7, np.uint8)).values())).all()


@pytest.mark.slow
def test_the_shipped_weights_are_those_of_the_drawings():
    shipped = np.loadtxt(WEIGHTS, delimiter=",", skiprows=1)
    fitted = fit_scores()
    assert shipped.shape == fitted.shape == (SIDE * SIDE + 1, 3)
    for column in range(3):
        assert np.corrcoef(shipped[:, column], fitted[:, column])[0, 1] > 0.999
