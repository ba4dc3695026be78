"""Calibration, prediction sets and abstention: tables, sentence and figures."""

import pytest

from lung_cxr.experiments import Run
from lung_cxr.report.figures.calibration_figures import draw_abstention, draw_reliability
from lung_cxr.report.numbers import decimal, percent
from lung_cxr.report.rows import finished_runs
from lung_cxr.report.tables.calibration import abstention_sentence, abstention_table, calibration_table, sets_table
from made_up_runs import evaluated, evaluated_runs, made_up_grid, made_up_split

DYNAMIC, TRADITIONAL, OTHER = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional"), Run("vgg16", "dynamic")


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


@pytest.fixture(scope="module")
def evaluations():
    return evaluated_runs(DYNAMIC, TRADITIONAL, OTHER)


@pytest.fixture(scope="module")
def without_validation(split):
    grid = made_up_grid(split, [DYNAMIC])
    one = grid[DYNAMIC][0]
    object.__setattr__(one, "predictions", one.predictions[one.predictions["subset"] == "test"])
    return evaluated(grid, split)


def test_every_finished_run_is_calibrated_and_says_what_its_sets_hold(evaluations):
    first = finished_runs(evaluations)[0]["certainty"]
    cells = calibration_table(evaluations).rows[0]
    assert [cell.text for cell in cells[:2]] == ["MobileNet, dynamic", decimal(first["temperature"], 2)]
    assert cells[6].text == percent(first["sets"]["coverage"])
    assert cells[6].small.startswith("[")
    assert len(calibration_table(evaluations).rows) == len(abstention_table(evaluations).rows) == 3


def test_sets_have_a_row_per_class(evaluations):
    assert len(sets_table(finished_runs(evaluations)[0]).rows) == 7


def test_without_validation_images_the_reason_stands_where_the_numbers_would(without_validation):
    (row,) = finished_runs(without_validation)
    for table in (calibration_table(without_validation), abstention_table(without_validation)):
        assert table.rows[0][1].text == "there are no validation images"
        assert sum(cell.span for cell in table.rows[0]) == len(table.head)
    assert sets_table(row).caption == "there are no validation images"
    assert "there are no validation images" in abstention_sentence(row, 0.95)
    assert len(draw_reliability(without_validation).axes[0].texts) == 1


def sentence_of(abstained, accuracy, **further):
    chosen = {"abstained": abstained, "accuracy": accuracy, **further}
    return abstention_sentence({"backbone": "vgg16", "strategy": "dynamic", "certainty": {"abstention": chosen}}, 0.95)


def test_the_sentence_claims_no_more_than_the_test_set_shows():
    reached = sentence_of(0.4, 0.96, accuracy_low=0.9, accuracy_high=1.0)
    assert "40.0 % of the test images" in reached
    assert reached.endswith("reaches the target: 96.0 % [90.0, 100.0].")
    assert "misses the target: 90.0 %" in sentence_of(0.4, 0.9, accuracy_low=0.8, accuracy_high=1.0)
    assert "does not reach 95.0 %" in sentence_of(None, None, accuracy_reason="no threshold reaches that accuracy")


def test_figures_have_a_panel_per_run_and_per_backbone(evaluations):
    titles = [axes.get_title(loc="left") for axes in draw_reliability(evaluations).axes]
    assert titles == ["MobileNet, dynamic", "MobileNet, traditional", "VGG16, dynamic"]
    panels = draw_abstention(evaluations).axes
    assert [axes.get_title(loc="left") for axes in panels] == ["MobileNet", "VGG16"]
    curve = finished_runs(evaluations)[0]["certainty"]["curve"]
    assert any(line.get_ydata()[-1] == curve["accuracy"][-1] for line in panels[0].lines)
