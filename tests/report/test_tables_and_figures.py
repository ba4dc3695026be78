"""Tables 3 and 4 and the figures, from made-up runs."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import BACKBONES, BASELINES, RUNS, Run
from lung_cxr.report.figures.bars import draw_bars
from lung_cxr.report.figures.confusion_matrix import draw_confusion
from lung_cxr.report.figures.training_curves import draw_all_run_curves, draw_curves, draw_run_curves
from lung_cxr.report.numbers import duration, p_digits, p_value, percent, plural, points, points_interval, share
from lung_cxr.report.rows import images_by_class
from lung_cxr.report.tables.results import class_table, strategy_frame
from lung_cxr.report.tables.strategies_table import better_baselines, strategies_frame, strategies_table
from lung_cxr.report.tables.table import Cell, Table, merged_reasons
from made_up_runs import LAYER_GROUPS, evaluated, evaluated_runs, made_up_grid, made_up_run, made_up_split

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=400)


@pytest.fixture(scope="module")
def one_backbone(split):
    return evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL]), split)


@pytest.fixture(scope="module")
def nothing():
    return evaluated_runs()


def test_table_3_has_every_backbone_its_layers_and_the_papers_numbers(one_backbone):
    table = strategy_frame(one_backbone, "traditional").set_index("backbone")
    assert list(table.index) == [*BACKBONES, "majority class"]
    ours = table.loc["mobilenet"]
    assert (ours["status"], ours["n"], ours["paper_accuracy"], ours["paper_n"]) == ("finished", 29, 81.7, 29)
    assert 1 < ours["accuracy_low"] <= ours["accuracy"] <= ours["accuracy_high"] <= 100  # percent, as in the paper
    assert table.loc["vgg16", "status"] == "not yet trained"
    assert pd.isna(table.loc["vgg16", "accuracy"])
    assert table.loc["vgg16", "paper_load_time_s"] == 5.35


def test_table_4_has_no_number_of_layers(nothing):
    table = strategy_frame(nothing, "dynamic")
    assert "n" not in table
    assert (table["status"].iloc[:-1] == "not yet trained").all()
    assert table["accuracy"].notna().sum() == 1  # the majority class


def test_the_majority_class_is_a_row_with_an_interval(one_backbone, split):
    row = strategy_frame(one_backbone, "dynamic").iloc[-1]
    test = split.loc[split["subset"] == "test", "label"]
    assert row["accuracy"] == pytest.approx(100 * (test == "Pneumonia").mean(), abs=0.005)
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]


def test_classes_keep_their_order_their_images_and_their_intervals(one_backbone, split):
    row = next(row for row in one_backbone["runs"] if row["status"] == "finished")
    counts = split.loc[split["subset"] == "test", "label"].value_counts()
    assert images_by_class(row) == counts.reindex(DISEASES, fill_value=0).to_dict()
    first = class_table(row).rows[0]
    metrics = row["metrics"]
    assert [cell.text for cell in first[:2]] == ["Pneumonia", str(counts["Pneumonia"])]
    assert first[3].text == share(metrics["recall_pneumonia"])
    assert first[3].small == f"[{share(metrics['recall_pneumonia_low'])}, {share(metrics['recall_pneumonia_high'])}]"


def test_a_class_without_a_test_image_says_so_where_its_numbers_would_stand(split):
    without = split[(split["subset"] != "test") | (split["label"] != "Pulmonary Edema")]
    evaluations = evaluated(made_up_grid(without, [DYNAMIC]), without)
    row = next(row for row in evaluations["runs"] if row["status"] == "finished")
    edema = next(cells for cells in class_table(row).rows if cells[0].text == "Pulmonary Edema")
    assert "no Pulmonary Edema among the labels" in {cell.text for cell in edema if cell.kind == "reason"}


def test_bars_stand_where_the_numbers_are_blue_and_orange(one_backbone):
    (axes,) = draw_bars(one_backbone, "accuracy").axes
    metrics = {row["strategy"]: row["metrics"]["accuracy"] for row in one_backbone["runs"] if "metrics" in row}
    heights = sorted((bar.get_x(), bar.get_height()) for bar in axes.patches)
    assert [height for _, height in heights] == pytest.approx([100 * metrics["traditional"], 100 * metrics["dynamic"]])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["MobileNet"]


def test_a_missing_bar_is_a_word(split):
    evaluations = evaluated(made_up_grid(split, [DYNAMIC]), split)
    (axes,) = draw_bars(evaluations, "macro_f1").axes
    assert "not yet trained" in {text.get_text() for text in axes.texts}


def test_confusion_panels_show_every_finished_run_normalised_by_row(one_backbone):
    panels = draw_confusion(one_backbone).axes
    assert [axes.get_title(loc="left") for axes in panels] == ["MobileNet, dynamic", "MobileNet, traditional"]
    shares = np.asarray(panels[0].images[0].get_array())
    assert shares.sum(axis=1) == pytest.approx(np.ones(7))


def lines_across(axes):
    return [line for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2]


def test_the_picture_of_a_run_shows_loss_macro_f1_depth_and_learning_rate(one_backbone):
    row = next(row for row in one_backbone["runs"] if row["strategy"] == "dynamic" and "curves" in row)
    figure, curves = draw_run_curves(row), row["curves"][0]
    losses, macro_f1, depth, rate = figure.axes
    assert all(len(lines_across(axes)) == 4 for axes in figure.axes), "every panel has every unfreezing"
    assert list(macro_f1.lines[0].get_ydata()) == curves["val_macro_f1"]
    for axes, name in ((depth, "unfrozen_groups"), (rate, "learning_rate")):
        assert list(axes.patches[0].get_data().values) == curves[name]
    assert [tick.get_text() for tick in rate.get_yticklabels()] == ["6.6e-05", "0.0001"]
    assert losses.get_title(loc="right").endswith("plateau")


def test_there_is_a_picture_of_every_finished_run(one_backbone, nothing):
    assert set(draw_all_run_curves(one_backbone)) == {"mobilenet_dynamic.png", "mobilenet_traditional.png"}
    assert set(draw_all_run_curves(nothing)) == {"none.png"}


def test_curves_have_every_unfreezing_drawn_in(one_backbone):
    axes = next(one for one in draw_curves(one_backbone).axes if one.get_title(loc="left") == "MobileNet, dynamic")
    row = next(row for row in one_backbone["runs"] if row["strategy"] == "dynamic" and "curves" in row)
    unfreezings = row["curves"][0]["event"].count("unfreeze")
    assert len(lines_across(axes)) == unfreezings == 4
    depth = next(one for one in axes.figure.axes if one.get_ylim() == (0, LAYER_GROUPS))
    assert depth.get_yticklabels()[-1].get_text() == f"m = L = {LAYER_GROUPS}"


@pytest.mark.parametrize("draw", [lambda e: draw_bars(e, "accuracy"), draw_confusion, draw_curves])
def test_without_a_run_a_figure_says_so(nothing, draw):
    (axes,) = draw(nothing).axes
    assert axes.texts[0].get_text() == "No run has finished yet."


GRADUAL, FULL = Run("mobilenet", "gradual"), Run("mobilenet", "full")
IN_ORDER = [strategy for strategy in BASELINES if strategy in ("gradual", "full")]


@pytest.fixture(scope="module")
def with_baselines(split):
    runs = [DYNAMIC, TRADITIONAL, GRADUAL, FULL, Run("vgg16", "full")]
    return evaluated(made_up_grid(split, runs, seeds=(1, 2)), split)


def test_the_table_of_all_strategies_says_what_each_run_took(with_baselines):
    table = strategies_frame(with_baselines)
    assert len(table) == len(RUNS) + 3 + 1, "a baseline has a row where it was started; so has the majority class"
    ours = table.set_index(["backbone", "strategy"])
    gradual = ours.loc[GRADUAL]
    assert (gradual["status"], gradual["seeds"], gradual["epochs"], gradual["seconds"]) == ("finished", 2, 30, 431.5)
    assert (gradual["stop_reason"], gradual["layer_groups"]) == ("plateau", LAYER_GROUPS)
    assert 1 < gradual["accuracy_low"] <= gradual["accuracy"] <= 100
    assert ours.loc[("vgg16", "dynamic"), "status"] == "not yet trained"


def test_the_page_shows_all_strategies_of_the_backbones_that_have_a_further_one(with_baselines, one_backbone):
    assert strategies_table(one_backbone) is None
    rows = [[cell.text for cell in row] for row in strategies_table(with_baselines).rows]
    assert [row[:2] for row in rows] == [
        *(["MobileNet", strategy] for strategy in ("dynamic", "traditional", *IN_ORDER)),
        *(["VGG16", strategy] for strategy in ("dynamic", "traditional", "full")),
        ["Any", "majority class"],
    ]
    assert rows[4][2] == "not yet trained"


def test_the_effort_of_a_search_for_a_depth_is_counted(split):
    grid = made_up_grid(split, [TRADITIONAL])
    grid[TRADITIONAL][0].record.update(top_layers=41, search_epochs=120, search_seconds=2000.0)
    evaluations = evaluated(grid, split)
    row = strategies_frame(evaluations).set_index(["backbone", "strategy"]).loc[TRADITIONAL]
    assert (row["epochs"], row["seconds"]) == (120, 2000)
    assert strategy_frame(evaluations, "traditional").set_index("backbone").loc["mobilenet", "n"] == 41


def test_a_further_strategy_that_reached_more_is_named(split):
    grid = made_up_grid(split, [DYNAMIC])
    grid[GRADUAL] = [made_up_run(GRADUAL, split, seed=1, skill=-1.0)]
    assert better_baselines(evaluated(grid, split)) == []
    grid[GRADUAL] = [made_up_run(GRADUAL, split, seed=1, skill=9.0)]
    (sentence,) = better_baselines(evaluated(grid, split))
    assert sentence.startswith("MobileNet: gradual unfreezing ")
    assert re.search(r"accuracy \d+\.\d % against \d+\.\d %", sentence)


def test_figures_3_and_4_keep_to_what_the_paper_compares(with_baselines):
    (axes,) = draw_bars(with_baselines, "accuracy").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["MobileNet"]
    assert len(axes.patches) == 2


def test_panels_stand_two_in_a_row_a_backbone_beginning_a_new_one(with_baselines):
    axes = draw_confusion(with_baselines).axes
    placed = {(one.get_subplotspec().rowspan.start, one.get_subplotspec().colspan.start): one for one in axes}
    assert {place: one.get_title(loc="left") for place, one in placed.items()} == {
        (0, 0): "MobileNet, dynamic",
        (0, 1): "MobileNet, traditional",
        (1, 0): f"MobileNet, {IN_ORDER[0]}",
        (1, 1): f"MobileNet, {IN_ORDER[1]}",
        (2, 0): "VGG16, dynamic",
        (2, 1): "VGG16, traditional",
        (3, 0): "VGG16, full",
    }
    assert draw_curves(with_baselines).get_size_inches()[0] < 10


def test_figures_leave_no_pyplot_state(one_backbone):
    draw_curves(one_backbone)
    assert plt.get_fignums() == []


def test_the_whole_grid_fits():
    evaluations = evaluated_runs(*RUNS)
    assert len([axes for axes in draw_confusion(evaluations).axes if axes.images]) == len(RUNS)


def test_numbers_as_text():
    assert [percent(0.6123), percent(None)] == ["61.2 %", "–"]
    assert [points(-1.25), points(3.18), points(0.0), points(-0.04)] == ["−1.2", "+3.2", "0.0", "0.0"]
    assert [points_interval(-1.2, 7.0), points_interval(-0.04, 3)] == ["[−1.2, 7.0]", "[0.0, 3.0]"]
    assert [p_digits(0.01589), p_digits(0.00002), p_digits(None)] == ["0.0159", "< 0.0001", "–"]
    assert [p_value(0.0159), p_value(0.0002), p_value(None)] == ["p = 0.016", "p < 0.001", "p undefined"]
    assert [share(0.375), share(1.0), share(0.0), share(None)] == [".38", "1", ".00", "–"]
    assert [duration(12.34), duration(95), duration(3725)] == ["12.3 s", "1 min 35 s", "1 h 2 min"]
    assert [plural(1, "image"), plural(1542, "image")] == ["1 image", "1,542 images"]


def test_one_reason_for_several_numbers_is_one_cell():
    reason = Cell("no images", kind="reason")
    merged = merged_reasons([Cell("1"), reason, reason, Cell("2"), reason])
    assert [(cell.text, cell.span) for cell in merged] == [("1", 1), ("no images", 2), ("2", 1), ("no images", 1)]


def test_titles_stand_as_their_numbers_do():
    table = Table("", ["Run", "Note", "Epochs"], [[Cell("a", kind="name"), Cell("b", kind=""), Cell("3")]])
    assert table.head_kinds == ["", "", "number"]
