"""Distances between two sets of images, and whether chance explains them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lung_cxr.evaluation.drift import describe, ks_distance, measure_drift, total_variation
from lung_cxr.parameters import DriftParameters


def settings(**changed):
    values = {
        "min_distance": 0.1, "significance": 0.05, "min_patients": 20, "max_patients": 2000, "n_resamples": 1000,
        "seed": 1,
    }  # fmt: skip
    return DriftParameters.model_validate(values | changed)


def images(patients, seed=0, images_each=1, start=0, shift=0.0, shares=(0.5, 0.3, 0.2)):
    """A number and a category of each patient's images; images of one patient are alike."""
    rng = np.random.default_rng(seed)
    numbers, labels = rng.normal(shift, 1, patients), rng.choice(["a", "b", "c"], p=shares, size=patients)
    keys = [f"{start + patient:032x}" for patient in range(patients)]
    frame = pd.DataFrame({"patient_key": keys, "number": numbers, "label": labels})
    return frame.loc[frame.index.repeat(images_each)].reset_index(drop=True)


def by_variable(before, now, **changed):
    return {one["variable"]: one for one in measure_drift(before, now, settings(**changed))}


def test_total_variation_is_the_share_that_would_have_to_move():
    assert total_variation(np.array([50, 30, 20]), np.array([5, 1, 4])) == pytest.approx(0.2)
    assert total_variation(np.array([7, 0]), np.array([0, 3])) == 1
    assert total_variation(np.array([7, 14]), np.array([1, 2])) == pytest.approx(0)


def test_the_distance_of_numbers_is_that_of_kolmogorov_and_smirnov():
    assert ks_distance(np.array([2, 2, 0]), np.array([0, 2, 2])) == pytest.approx(0.5)
    before, now = images(90), images(60, seed=3, start=500, shift=0.4)
    few_values = [frame.assign(number=frame["number"].round(1)) for frame in (before, now)]  # each its own bin
    exact = stats.ks_2samp(few_values[0]["number"], few_values[1]["number"])
    found = by_variable(*few_values)["number"]
    assert found["distance"] == pytest.approx(exact.statistic)
    assert found["p"] == pytest.approx(exact.pvalue, abs=0.05)  # one image a patient: the same question


def test_p_of_categories_agrees_with_chi_square_where_every_patient_has_one_image():
    before, now = images(200), images(150, seed=5, start=500, shares=(0.4, 0.35, 0.25))
    table = pd.crosstab(np.repeat(["before", "now"], [200, 150]), pd.concat([before, now])["label"].to_numpy())
    expected = stats.chi2_contingency(table).pvalue
    assert 0.01 < expected < 0.9
    assert by_variable(before, now)["label"]["p"] == pytest.approx(expected, abs=0.06)


def test_a_shift_is_found_and_nothing_else():
    found = by_variable(images(300), images(100, seed=7, start=500, shift=0.8))
    assert found["number"]["drifted"] is True
    assert found["number"]["distance"] > found["number"]["by_chance"]
    assert found["label"]["drifted"] is False


def test_a_certain_but_small_distance_is_no_drift():
    found = by_variable(images(2000), images(2000, seed=7, start=5000, shift=0.2), min_distance=0.3)["number"]
    assert found["holm_p"] < 0.01
    assert found["drifted"] is False


def test_many_images_of_few_patients_are_no_evidence():
    """Twenty-five patients of forty images each: taken singly they would all differ from the rest."""
    p_values, naive = [], []
    for seed in range(12):
        before, now = images(60, seed=seed), images(25, seed=100 + seed, images_each=40, start=500)
        p_values.append(by_variable(before, now, n_resamples=200)["number"]["p"])
        naive.append(stats.ks_2samp(before["number"], now["number"]).pvalue)
    assert sum(p < 0.05 for p in p_values) <= 2
    assert sum(p < 0.05 for p in naive) > 3


def test_with_too_few_patients_nothing_is_said_and_why():
    found = by_variable(images(100), images(19, start=500, images_each=9))
    assert found["number"]["drifted"] is None
    assert np.isnan(found["number"]["distance"])
    assert "19 patients" in found["number"]["p_reason"]
    assert "20 are needed" in found["number"]["holm_p_reason"]


def test_what_is_unknown_is_left_out():
    now = images(60, seed=2, start=500)
    now.loc[10:, "number"] = np.nan
    found = by_variable(images(100), now)
    assert "10 patients with a value" in found["number"]["p_reason"]
    assert found["number"]["now"]["known"] == 10
    assert found["label"]["drifted"] is False


def test_values_that_are_all_equal_do_not_differ():
    same = by_variable(images(50).assign(number=1.0, label="a"), images(50, start=99).assign(number=1.0, label="a"))
    for one in same.values():
        assert (one["distance"], one["p"], one["drifted"]) == (0, 1, False)


def test_of_a_large_catalogue_so_many_patients_are_drawn_and_the_answer_is_the_same_again():
    before, now = images(5000), images(3000, seed=1, start=9000, shift=1.0)
    first, again = (by_variable(before, now, max_patients=200, n_resamples=100) for _ in range(2))
    assert first == again
    assert first["number"]["by_chance"] > 0.08  # that of 200 patients
    assert first["number"]["distance"] == pytest.approx(0.38, abs=0.1)


def test_both_sides_are_described():
    assert describe(pd.Series(["x", "y", "x", None]))["shares"] == {
        "x": pytest.approx(2 / 3),
        "y": pytest.approx(1 / 3),
    }
    assert describe(pd.Series([1.0, 2.0, 3.0, np.nan])) == {"known": 3, "low": 1.5, "median": 2.0, "high": 2.5}


def test_quartiles_of_nothing_are_undefined():
    nothing = pd.Series([pd.NA, pd.NA], dtype="Float64")  # ages of a hospital that gives none, as Parquet holds them
    assert describe(nothing) == {"known": 0, "low": None, "median": None, "high": None}
