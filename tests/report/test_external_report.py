"""The external report on a made-up study."""

from datetime import UTC, datetime

import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.external import COSTS
from lung_cxr.evaluation.undefined import all_undefined, json_ready, undefined
from lung_cxr.experiments import Run
from lung_cxr.report.external_report import sentences
from lung_cxr.report.external_report.page import render_external_report
from lung_cxr.report.external_report.tables import class_frame, results_table, shift_table
from lung_cxr.report.labels import run_title
from made_up_external import made_up_external
from made_up_runs import made_up_exports


@pytest.fixture(scope="module")
def evaluation():
    return made_up_external()


def test_every_run_is_tested_on_both_hospitals(evaluation):
    dynamic, traditional = evaluation["runs"]
    assert (dynamic["metrics"]["images"], evaluation["images"]) == (200, {"test": 200})
    for row in (dynamic, traditional):
        gain = row["metrics"]["accuracy"] - row["internal"]["accuracy"]
        assert row["differences"]["accuracy_difference"] == pytest.approx(gain) != 0
        assert row["cost"]["of_class_shares"] + row["cost"]["of_images"] == pytest.approx(gain)
        assert row["certainty"]["before"]["log_loss"] == pytest.approx(row["recalibration"]["network"]["log_loss"])
        assert row["certainty"]["after"]["ece"] == pytest.approx(row["recalibration"]["rule"]["ece"])
    assert {one["variable"] for one in evaluation["drift"]} >= {"label", "sex", "age", "sharpness"}
    assert sum(dynamic["class_shares"]["external"].values()) == pytest.approx(1)


def test_the_first_screen_says_where_the_run_is_worse_and_what_it_misses(evaluation):
    text = sentences.headline(evaluation)
    assert text.startswith("MobileNet, dynamic (best run by validation accuracy) reaches ")
    assert "of another hospital); on its internal test set it reached" in text
    assert "Other class shares account for" in text
    assert "misses" in text
    numbers = evaluation["runs"][0]["certainty"]["abstention"]
    assert f"accepts the confidence of {100 * (1 - numbers['abstained']):.1f} % of the images and is right in" in text
    said = sentences.notices(evaluation, made_up_exports())
    assert said[0].startswith("All images are synthetic")
    assert said[1].startswith("2 patients of the external test set have a key of the training catalogue")
    assert said[2].startswith("1 image of the external test set is a near duplicate of images of the training")
    unknown = {**evaluation, "shared": {"patients": None, "patients_reason": "r", "near_duplicates": 0}}
    assert sentences.notices(unknown, made_up_exports(synthetic=False)) == [
        "Not checked whether patients or images of training are among these: r."
    ]


@pytest.mark.parametrize(
    ("backbone", "strategy", "title"),
    [
        ("mobilenet", "dynamic", "MobileNet, dynamic"),
        ("tuned/mobilenet", "logistic_regression", "MobileNet, logistic regression (tuned)"),
        ("tuned/mobilenet/traditional", "fold_1", "MobileNet, traditional (tuned, fold 1)"),
        ("of_ours", "dynamic", "of_ours, dynamic"),
    ],
)
def test_further_folders_of_a_run_stand_in_brackets_behind_its_title(backbone, strategy, title):
    assert run_title(Run(backbone, strategy)) == title


def test_the_largest_external_class_is_a_reference_model_where_it_is_another_one(evaluation):
    assert [row[0].text for row in results_table(evaluation).rows[2:]] == ["Majority class"]
    shares = {**dict.fromkeys(DISEASES, 0.05), "COVID-19": 0.7}
    first = {**evaluation["runs"][0], "class_shares": {"external": shares}}
    row = results_table({**evaluation, "runs": [first]}).rows[-1]
    assert [cell.text for cell in row[:3]] == ["Largest external class", "", "70.0 %"]
    assert row[0].small == "always COVID-19"


def test_the_page_shows_both_hospitals_calibration_shift_and_subgroups(evaluation):
    page = render_external_report(evaluation, made_up_exports(), "External", datetime(2026, 1, 1, tzinfo=UTC))
    for heading in ("Calibration and decisions", "Shift between the hospitals", "Subgroups", "Operating points"):
        assert f">{heading}<" in page
    assert page.index("Internal test set") < page.index("<h2>Classes")
    assert "coverage of the prediction sets 90.0 %" in page
    assert "0.912 <small>[0.880, 0.940]" in page
    assert "12.5 % <small>[8.0, 17.0]" in page
    cells = results_table(evaluation).rows[0]
    assert [cell.text for cell in cells[1:4]] == [
        f"{100 * evaluation['runs'][0]['internal']['accuracy']:.1f} %",
        f"{100 * evaluation['runs'][0]['metrics']['accuracy']:.1f} %",
        f"−{-100 * evaluation['runs'][0]['differences']['accuracy_difference']:.1f}",
    ]


def test_the_classes_are_a_table_with_the_numbers_of_both_hospitals(evaluation):
    frame = class_frame(evaluation)
    assert len(frame) == 14
    row, metrics = frame.iloc[0], evaluation["runs"][0]["metrics"]
    assert (row["class"], row["recall"], row["recall_low"]) == (
        "Pneumonia",
        metrics["recall_pneumonia"],
        metrics["recall_pneumonia_low"],
    )
    assert row["internal_recall"] == evaluation["runs"][0]["internal"]["recall_pneumonia"]
    points = evaluation["runs"][0]["certainty"]["operating_points"]["Pneumonia"]["rule_out"]
    assert (row["rule_out_threshold"], row["rule_out_npv"]) == (points["threshold"], points["npv"])


def test_undefined_numbers_are_reasons(evaluation):
    row = {
        **evaluation["runs"][0],
        "feature_shift": json_ready(undefined("auroc", "no pixels")),
        "cost": json_ready(all_undefined(COSTS, "a class is missing")),
    }
    (cells,) = shift_table({**evaluation, "runs": [row]}).rows
    assert [cell.text for cell in cells[1:]] == ["no pixels", "not recorded", "a class is missing"]
    assert "best run by validation accuracy" not in sentences.headline({**evaluation, "runs": [row]})
