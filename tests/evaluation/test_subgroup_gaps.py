import numpy as np
import pandas as pd
import pytest

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.subgroup_gaps import SENSITIVITY, SHOWN, subgroup_gaps

SETTINGS = {"n_resamples": 1000, "confidence": 0.95, "seed": 0}


def study(women_found: int, men_found: int, of: int = 40) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As many women as men with pneumonia, some found and the others called atelectasis; all else is right."""
    truth = [0] * 2 * of + [1] * 2 * of
    called = [0] * women_found + [6] * (of - women_found) + [0] * men_found + [6] * (of - men_found) + [1] * 2 * of
    ids = [f"{number:032x}" for number in range(len(truth))]
    frame = pd.DataFrame(np.eye(7)[called], columns=list(PROBABILITY_COLUMNS))
    frame = frame.assign(image_id=ids, patient_key=ids, label=[DISEASES[index] for index in truth])
    sexes = (["F"] * of + ["M"] * of) * 2
    subgroups = pd.DataFrame({"sex": pd.Categorical(sexes, ["F", "M", "unknown"])}, index=ids)
    return frame.sample(frac=1, random_state=0), subgroups


def test_a_planted_gap_is_the_worst_with_its_rates_and_is_significant_after_holm():
    frame, subgroups = study(women_found=10, men_found=36)
    found = subgroup_gaps([frame, frame], subgroups, **SETTINGS)
    worst = found["gaps"][0]
    assert {name: worst[name] for name in ("variable", "subgroup", "class", "measure")} == {
        "variable": "sex",
        "subgroup": "F",
        "class": "Pneumonia",
        "measure": SENSITIVITY,
    }
    assert (worst["rate"], worst["other_rate"]) == (0.25, 0.9)
    assert worst["difference"] == pytest.approx(-0.65)
    assert worst["difference_low"] < -0.65 < worst["difference_high"] < 0
    assert (worst["patients"], worst["other_patients"]) == (40, 40)
    # two sensitivities and seven false-positive rates, the subgroup of women only
    assert found["tested"] == 9
    assert worst["holm_p"] == pytest.approx(9 * worst["p"])
    assert worst["holm_p"] < 0.05


def test_equal_subgroups_have_no_significant_gap_and_the_list_is_short():
    frame, subgroups = study(women_found=20, men_found=20)
    views = pd.Categorical(np.random.default_rng(0).choice(["PA", "AP", "lateral"], len(subgroups)))
    found = subgroup_gaps([frame], subgroups.assign(view=views), **SETTINGS)
    assert min(one["holm_p"] for one in found["gaps"]) > 0.05
    assert found["tested"] == 9 + 3 * 9
    assert len(found["gaps"]) in (SHOWN, SHOWN + 1)
    assert {one["variable"] for one in found["gaps"]} == {"sex", "view"}


def test_small_subgroups_are_not_compared():
    frame, subgroups = study(women_found=2, men_found=2, of=4)
    found = subgroup_gaps([frame], subgroups, **SETTINGS)
    assert found["tested"] == 5  # false positives of the absent classes, for which 8 patients count on both sides
    assert not {one["class"] for one in found["gaps"]} & {DISEASES[0], DISEASES[1]}


def test_no_finding_in_a_small_subgroup_is_not_certain():
    """0 of 5 against 12 of 40: every resample has 0, but Fisher's exact test gives 0.30."""
    frame, subgroups = study(women_found=35, men_found=28)
    few = frame["image_id"].sort_values()[5:40]
    frame = frame[~frame["image_id"].isin(few)]  # five women with pneumonia remain, all found
    found = subgroup_gaps([frame], subgroups, **SETTINGS)
    (gap,) = [one for one in found["gaps"] if (one["class"], one["measure"]) == ("Pneumonia", SENSITIVITY)]
    assert (gap["rate"], gap["other_rate"], gap["patients"]) == (1.0, 0.7, 5)
    assert gap["p"] == pytest.approx(0.3034, abs=0.001)
