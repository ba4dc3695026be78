"""The table and the heat maps of a sensitivity analysis, from made-up run records."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.out_of_fold import CrossValidation
from lung_cxr.parameters import SensitivityParameters, TrainingParameters
from lung_cxr.report.evidence import write_evidence
from lung_cxr.report.figures.sensitivity_heat_maps import draw_heat_maps
from lung_cxr.report.tables.sensitivity_table import tabulate_grid_points
from lung_cxr.training.strategies.registry import StrategyParameters
from lung_cxr.training.sweep.grid import grid_points
from made_up_runs import MadeUpRun

CONF = Path(__file__).parents[2] / "conf" / "base"
TRAINING = yaml.safe_load((CONF / "parameters_training.yml").read_text())
DYNAMIC, TRADITIONAL = (StrategyParameters(TRAINING["strategies"][name]) for name in ("dynamic", "traditional"))
SETTINGS = TrainingParameters(**TRAINING["training"])
SWEEP = SensitivityParameters(
    backbones=["mobilenet", "vgg16"], patience=[3, 5], step=[3], decay=[0.1, 0.5], max_epochs=[50], depths=[6]
)
LOSSES = {
    "p3-k3-decay0.1-n100": 1.2,
    "p3-k3-decay0.5-n100": 1.1,
    "p5-k3-decay0.1-n50": 1.4,
    "depth6": 1.6,
}


OWN = "p3-k3-decay0.1-n100"  # here the p, k, decay and n of the environment
BOOTSTRAP = {"n_resamples": 500, "confidence": 0.95, "seed": 1}
IMAGES = 40


def predictions(loss, noise=0.0):
    """Return predictions on forty patients: a log loss of `loss` on average, which differs by patient."""
    truth, patients = np.arange(IMAGES) % 7, np.arange(IMAGES)
    own = np.exp(-loss + 0.05 * np.sin(patients) + noise * np.cos(7 * patients))
    shares = np.where(np.eye(7, dtype=bool)[truth], own[:, None], (1 - own[:, None]) / 6)
    frame = pd.DataFrame(shares, columns=list(PROBABILITY_COLUMNS))
    keys = [f"{number:032x}" for number in range(IMAGES)]
    names = {"image_id": keys, "patient_key": keys, "subset": "validation", "label": np.array(DISEASES)[truth]}
    return contracts.predictions.validate(pd.concat([pd.DataFrame(names), frame], axis=1))


def run(name, loss, seed=2024, **changes):
    numbers = {"accuracy": 0.7, "macro_f1": 2 - loss}
    finished = {
        "seed": seed,
        "status": "finished",
        "epochs": 40,
        "unfreezings": 2,
        "final_unfrozen_groups": 6,
        "layer_groups": 14,
        "stop_reason": "plateau",
        "best_val_loss": loss,
        "seconds": 100.0,
        "metrics": {"validation": numbers, "test": numbers},
        "sensitivity": {"id": name, "shared_epochs": 9, "trained_with": {}},
    }
    return MadeUpRun({**finished, **changes}, predictions=predictions(loss))


@pytest.fixture
def table():
    runs = {f"mobilenet-{name}": [run(name, loss)] for name, loss in LOSSES.items()}
    runs["mobilenet-depth6"] = [run("depth6", LOSSES["depth6"], top_layers=29)]
    failed = {"seed": 2024, "status": "failed", "failure": "MemoryError: too large"}
    runs["mobilenet-p5-k3-decay0.1-n100"] = [MadeUpRun(failed)]
    runs["mobilenet-p9-k9-decay0.9-n9"] = [run("of an earlier sweep", 0.1)]
    return tabulate_grid_points(
        runs, grid_points(SWEEP, DYNAMIC, TRADITIONAL, SETTINGS), OWN, SWEEP.backbones, [2024], BOOTSTRAP
    )


def test_every_setting_is_a_row_and_those_of_earlier_sweeps_are_none(table):
    assert table.groupby("backbone").size().to_dict() == {"mobilenet": 6, "vgg16": 6}
    ours = table[table["backbone"] == "mobilenet"].set_index(["strategy", "patience", "decay", "max_epochs"])
    finished = ours.loc[("dynamic", 3, 0.5, 100)]
    assert (finished["best_val_loss"], finished["validation_macro_f1"]) == (1.1, pytest.approx(0.9))
    assert (finished["epochs"], finished["shared_epochs"], finished["stop_reason"]) == (40, 9, "plateau")
    failed = ours.loc[("dynamic", 5, 0.1, 100)]
    assert (failed["status"], failed["note"]) == ("failed", "MemoryError: too large")
    assert pd.isna(failed["epochs"])
    assert ours.loc[("dynamic", 5, 0.5, 100), "status"] == "not yet trained"
    depth = table[(table["backbone"] == "mobilenet") & (table["strategy"] == "traditional")].iloc[0]
    assert (depth["depth"], depth["top_layers"]) == (6, 29)
    assert pd.isna(depth["patience"])


def texts(figure):
    """Return the numbers in the squares, without the intervals."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return [text for text in found if " to " not in text]


def read_back(table):
    """As the catalogue gives it to the figures."""
    return pd.read_csv(io.StringIO(table.to_csv(index=False)))


def test_a_backbone_with_a_finished_run_has_a_heat_map_and_what_is_missing_says_so(table):
    figures = draw_heat_maps(read_back(table), SWEEP, DYNAMIC, SETTINGS.max_epochs)
    assert list(figures) == ["mobilenet.png"]
    figure = figures["mobilenet.png"]
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == [
        "decay 0.1",
        "decay 0.5",
        "p = 5, k = 3, decay 0.1",
        "traditional fine-tuning",
    ]
    assert texts(figure) == ["80.0", "1.200", "–", "90.0", "1.100 ▼", "–", "60.0", "1.400 ▲", "40.0", "1.600 ▲"]
    caption = figure.get_supxlabel().replace("\n", " ")
    assert caption.startswith("40 validation images, one seed. ")
    assert "best of 6 grid points" in caption
    assert "–: not finished (2 grid points)" in caption


def test_the_lowest_validation_loss_of_each_strategy_is_framed(table):
    figure = draw_heat_maps(read_back(table), SWEEP, DYNAMIC, SETTINGS.max_epochs)["mobilenet.png"]
    framed = [sum(not patch.get_fill() for patch in axes.patches) for axes in figure.axes[:4]]
    assert framed == [0, 1, 0, 1]


def test_the_test_set_has_no_part_in_the_figure(table):
    figure = draw_heat_maps(read_back(table), SWEEP, DYNAMIC, SETTINGS.max_epochs)["mobilenet.png"]
    without = read_back(table).assign(test_accuracy=np.nan, test_macro_f1=np.nan)
    assert texts(draw_heat_maps(without, SWEEP, DYNAMIC, SETTINGS.max_epochs)["mobilenet.png"]) == texts(figure)


def test_several_seeds_are_averaged():
    runs = {"mobilenet-p3-k3-decay0.1-n100": [run("…", 1.0, seed=1), run("…", 1.5, seed=2)]}
    settings = grid_points(SWEEP, DYNAMIC, TRADITIONAL, SETTINGS)
    table = tabulate_grid_points(runs, settings, OWN, ["mobilenet"], [1, 2], BOOTSTRAP)
    figure = draw_heat_maps(read_back(table), SWEEP, DYNAMIC, SETTINGS.max_epochs)["mobilenet.png"]
    assert texts(figure)[:2] == ["75.0", "1.250"]
    assert "means of 2 seeds" in figure.get_supxlabel()


def test_differences_are_paired_by_patient_and_corrected_for_the_number_of_grid_points():
    """Every patient's loss differs by 0.1, whatever the patient; with noise the interval contains zero."""
    runs = {f"mobilenet-{name}": [run(name, loss)] for name, loss in LOSSES.items()}
    noisy = MadeUpRun(run("…", 1.19).record, predictions=predictions(1.19, noise=0.2))
    runs["mobilenet-p5-k3-decay0.5-n100"] = [noisy]
    grid = grid_points(SWEEP, DYNAMIC, TRADITIONAL, SETTINGS)
    table = tabulate_grid_points(runs, grid, OWN, ["mobilenet"], [2024], BOOTSTRAP)
    rows = table.set_index(["patience", "decay", "max_epochs"])
    ends = ["loss_difference", "loss_difference_low", "loss_difference_high"]
    assert rows.loc[(3, 0.5, 100), ends].tolist() == pytest.approx([-0.1] * 3)
    assert rows.loc[(3, 0.1, 100), [*ends, "own_settings"]].tolist() == [0, 0, 0, True]
    difference, low, high = rows.loc[(5, 0.5, 100), ends]
    assert low < difference < 0 < high
    corrected = high - low
    one = tabulate_grid_points(runs, [point for point in grid if point.name in (OWN, "p5-k3-decay0.5-n100")], OWN,
                               ["mobilenet"], [2024], BOOTSTRAP).set_index("patience").loc[5]  # fmt: skip
    assert one["loss_difference_high"] - one["loss_difference_low"] < corrected
    assert rows["validation_images"].dropna().tolist() == [40] * 5


def test_colours_do_not_overstate_differences_that_are_smaller_than_an_interval(table):
    wide = read_back(table).assign(validation_macro_f1_low=0.1, validation_macro_f1_high=0.9)
    figure = draw_heat_maps(wide, SWEEP, DYNAMIC, SETTINGS.max_epochs)["mobilenet.png"]
    low, high = figure.axes[-1].get_ylim()
    assert high - low == pytest.approx(80), "the results differ by 50 points"


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ((1.3, 1.25), "**holds** | best other: p = 3, k = 3, decay 0.5 and n = 100, 0.050 nats [0.050, 0.050], 40 "),
        ((1.3, 1.1), "**does not hold** | best other: p = 3, k = 3, decay 0.5 and n = 100, −0.100 nats"),
    ],
)
def test_the_evidence_judges_the_settings_of_the_environment(losses, expected):
    names = (OWN, "p5-k3-decay0.1-n100", "p3-k3-decay0.5-n100")
    runs = {f"mobilenet-{name}": [run(name, loss)] for name, loss in zip(names, (1.2, *losses), strict=True)}
    grid = grid_points(SWEEP, DYNAMIC, TRADITIONAL, SETTINGS)
    table = read_back(tabulate_grid_points(runs, grid, OWN, SWEEP.backbones, [2024], BOOTSTRAP))
    page = write_evidence({"": {}}, CrossValidation({}, "test", 0.1, {}), BOOTSTRAP, table, "tuned")
    (claim,) = [line for line in page.splitlines() if "lower validation loss than" in line]
    own = "| p = 3, k = 3, decay 0.1 and n = 100 have a lower validation loss than 2 other settings of MobileNet"
    assert claim.startswith(f"{own} | tuned |")
    earlier = table.drop(columns=["loss_difference", "own_settings"])
    assert "lower validation loss" not in write_evidence(
        {"": {}}, CrossValidation({}, "test", 0.1, {}), BOOTSTRAP, earlier, "tuned"
    ), "a table of an earlier version has no verdict, and no error"
    assert expected in claim
