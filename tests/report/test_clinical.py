"""What clinicians read first: the missed disease, the worst subgroup gap, redacted text, untrained runs."""

import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.experiments import BACKBONES, Run
from lung_cxr.report.clinical import most_missed, redaction_sentence, worst_gap
from lung_cxr.report.comparison import compare_strategies
from lung_cxr.report.rows import finished_runs
from lung_cxr.report.tables.class_numbers import class_numbers
from lung_cxr.report.tables.dataset_tables import redaction_table
from lung_cxr.report.tables.results import comparison_table
from lung_cxr.report.tables.subgroup_tables import gap_table
from made_up_runs import evaluated_runs

RECALLS = [f"recall_{key}" for key in CLASS_NAMES_IN_KEYS]
DYNAMIC = Run("mobilenet", "dynamic")
GAP = {
    "variable": "sex",
    "subgroup": "F",
    "class": "Tuberculosis",
    "measure": "sensitivity",
    "rate": 0.45,
    "other_rate": 0.7,
    "difference": -0.25,
    "difference_low": -0.4,
    "difference_high": -0.1,
    "patients": 20,
    "other_patients": 31,
    "p": 0.001,
    "holm_p": 0.03,
}
BOXES = {
    "classes": {name: {"images": 100, "redacted": 39 if name == "Pneumothorax" else 6} for name in DISEASES},
    "test": {"drifted": True, "p": 0.0005},
}


@pytest.fixture
def row():
    return finished_runs(evaluated_runs(DYNAMIC))[0]


def test_the_disease_with_the_lowest_recall_is_named_with_what_it_is_taken_for(row):
    metrics = row["metrics"]
    recalls = {
        name: metrics[key] for name, key in zip(DISEASES, RECALLS, strict=True) if metrics[f"{key}_low"] is not None
    }
    assert len(recalls) > 3
    worst = min(recalls, key=lambda name: recalls[name])
    counts = row["confusion"][DISEASES.index(worst)]
    text = most_missed(row)
    assert text.startswith(f"MobileNet, dynamic misses {worst} most often: {100 * (1 - recalls[worst]):.1f} % ")
    assert f"of {sum(counts)} image" in text
    taken = text.removesuffix(".").rpartition(" for ")[2]
    others = [count for name, count in zip(DISEASES, counts, strict=True) if name != worst]
    assert counts[DISEASES.index(taken)] == max(others)
    perfect = {**row, "metrics": {**row["metrics"], **dict.fromkeys(RECALLS, 1.0)}}
    assert most_missed(perfect) == ""


def test_the_worst_gap_is_a_sentence_with_its_adjusted_p_value(row):
    text = worst_gap({**row, "gaps": {"tested": 40, "gaps": [GAP]}})
    assert text == (
        "Worst subgroup gap of 40 tested gaps: MobileNet, dynamic has a sensitivity for Tuberculosis of 45.0 % in "
        "women and of 70.0 % in the others, −25.0 points [−40.0, −10.0]; Holm-adjusted p = 0.030: significant."
    )
    assert "no subgroup has enough patients" in worst_gap({**row, "gaps": {"tested": 0, "gaps": []}})
    (cells,) = gap_table({**row, "gaps": {"tested": 40, "gaps": [GAP]}}).rows
    assert [cell.text for cell in cells] == [
        *("women", "Tuberculosis, sensitivity", "45.0 %", "70.0 %", "−25.0", "0.0010", "0.0300"),
    ]


def test_redacted_text_is_counted_by_class_and_its_use_by_the_run_is_said(row):
    gap = {**GAP, "variable": "redacted", "subgroup": "yes", "class": "Pneumothorax", "measure": "false-positive rate"}
    text = redaction_sentence(BOXES, {**row, "gaps": {"tested": 40, "gaps": [GAP, gap]}})
    assert text.startswith("Text was blacked out in 39.0 % of the Pneumothorax images and in 6.0 % of the Pneumonia")
    assert "(p < 0.001: the boxes may be a cue)." in text
    assert "has a false-positive rate for Pneumothorax of 45.0 % in images with redacted text" in text
    assert redaction_table(BOXES).rows[4][3].text == "39.0 %"
    untested = {**BOXES, "test": {"drifted": None, "p_reason": "too few"}}
    assert "not tested: too few" in redaction_sentence(untested, None)
    nothing = {"classes": {"Pneumonia": {"images": 3, "redacted": 0}}, "test": {"drifted": None}}
    assert redaction_sentence(nothing, row) == ""
    assert redaction_table(nothing) is redaction_table(None) is None


def test_backbones_without_a_run_are_one_line_of_the_first_table():
    evaluations = evaluated_runs(DYNAMIC)
    table = comparison_table(evaluations, compare_strategies(evaluations, synthetic=False))
    first, second = table.bodies[0]
    assert (first[0].text, second[0].text) == ("MobileNet", "Not yet trained")
    assert second[1].text.count(", ") == len(BACKBONES) - 2
    assert second[1].span == 6


def test_the_numbers_of_every_class_are_rows_of_a_table(row):
    frame = class_numbers(evaluated_runs(DYNAMIC))
    assert frame["class"].tolist() == list(DISEASES)
    tuberculosis = frame.set_index("class").loc["Tuberculosis"]
    assert tuberculosis["auroc_high"] == row["metrics"]["auroc_tuberculosis_high"]
    point = row["certainty"]["operating_points"]["Tuberculosis"]["youden"]
    assert (tuberculosis["youden_ppv"], tuberculosis["youden_ppv_low"]) == (point["ppv"], point["ppv_low"])
