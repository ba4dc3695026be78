"""The grid of runs as one table of facts: what is finished, what is not, and on which test set."""

import dataclasses
import json
import os

import numpy as np
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import RUNS, Run
from lung_cxr.report.evaluations import evaluate_grid
from lung_cxr.report.rows import DAMAGED, FAILED, FINISHED, NOT_TRAINED, OTHER_SPLIT, first_record
from lung_cxr.report.sentences import notices
from lung_cxr.report.tables.cost import cost_table
from lung_cxr.training.run.rule_file import write_rule
from lung_cxr.training.run.run_rules import Rules
from made_up_runs import (
    RULE_SETTINGS,
    SETTINGS,
    evaluated,
    evaluated_runs,
    failed_run,
    made_up_exports,
    made_up_grid,
    made_up_manifest,
    made_up_run,
    made_up_split,
)

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


def row_of(evaluations, run):
    return next(row for row in evaluations["runs"] if (row["backbone"], row["strategy"]) == run)


def test_every_cell_of_the_grid_has_a_row_also_where_nothing_was_trained():
    evaluations = evaluated_runs(DYNAMIC)
    assert [(row["backbone"], row["strategy"]) for row in evaluations["runs"]] == list(RUNS)
    assert row_of(evaluations, DYNAMIC)["status"] == FINISHED
    assert row_of(evaluations, TRADITIONAL)["status"] == NOT_TRAINED
    assert evaluations["pairs"] == []


def test_all_is_strict_json_and_holds_no_row_of_a_patient(split):
    text = json.dumps(evaluated_runs(DYNAMIC, TRADITIONAL), allow_nan=False)
    for column in ("image_id", "patient_key"):
        assert column not in text
        assert split[column].iloc[-1] not in text


def test_only_the_test_images_are_judged(split):
    evaluations = evaluated_runs(DYNAMIC)
    row, images = row_of(evaluations, DYNAMIC), int((split["subset"] == "test").sum())
    assert row["metrics"]["images"] == images == evaluations["images"]["test"]
    assert sum(map(sum, row["confusion"])) == images


def test_a_failed_run_says_why_and_its_finished_sister_seed_still_counts(split):
    grid = made_up_grid(split, [])
    grid[DYNAMIC] = [failed_run(DYNAMIC, seed=1)]
    grid[TRADITIONAL] = [failed_run(TRADITIONAL, seed=1), made_up_run(TRADITIONAL, split, seed=2, skill=1.0)]
    evaluations = evaluated(grid, split)
    failed, finished = row_of(evaluations, DYNAMIC), row_of(evaluations, TRADITIONAL)
    assert failed["status"] == FAILED
    assert failed["note"].startswith("seed 1: ValueError")
    assert (finished["status"], finished["seeds"]) == (FINISHED, [2])
    assert finished["note"].startswith("seed 1: ValueError")


def test_a_run_of_another_split_is_not_compared_with_this_one(split):
    grid = made_up_grid(split, [TRADITIONAL])
    grid[DYNAMIC] = [made_up_run(DYNAMIC, made_up_split(images=300, seed=9), seed=1, skill=1.0)]
    evaluations = evaluated(grid, split)
    assert row_of(evaluations, DYNAMIC)["status"] == OTHER_SPLIT
    assert "metrics" not in row_of(evaluations, DYNAMIC)
    assert evaluations["pairs"] == []


def test_relabelled_test_images_are_another_test_set(split):
    grid = made_up_grid(split, [DYNAMIC])
    relabelled = split.assign(label=split["label"].where(split["label"] != "Atelectasis", "Pneumonia"))
    assert row_of(evaluated(grid, relabelled), DYNAMIC)["status"] == OTHER_SPLIT


def test_seeds_are_averaged_and_paired(split):
    evaluations = evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL], seeds=(1, 2)), split)
    row, (pair,) = row_of(evaluations, DYNAMIC), evaluations["pairs"]
    assert (row["metrics"]["seeds"], pair["seeds"]) == (2, 2)
    assert row["metrics"]["accuracy_sd"] > 0
    other = row_of(evaluations, TRADITIONAL)["metrics"]["accuracy"]
    assert pair["accuracy_difference"] == pytest.approx(row["metrics"]["accuracy"] - other)


def test_the_paired_comparison_is_of_dynamic_and_traditional_whatever_else_was_run(split):
    others = [Run("mobilenet", "gradual"), Run("vgg16", "full")]
    alone = evaluated_runs(DYNAMIC, TRADITIONAL)
    among_others = evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL, *others]), split)
    assert among_others["pairs"] == alone["pairs"]
    listed = {(row["backbone"], row["strategy"]) for row in among_others["runs"]}
    assert listed == {*RUNS, *others}, "rows of the further strategies that were started, and of no other"


def test_validation_has_numbers_of_its_own(split):
    grid = made_up_grid(split, [DYNAMIC], seeds=(1, 2))
    right = [
        (rows["label"].to_numpy() == np.array(DISEASES)[rows.filter(like="p_").to_numpy().argmax(axis=1)]).mean()
        for one in grid[DYNAMIC]
        for rows in [one.predictions[one.predictions["subset"] == "validation"]]
    ]
    row = row_of(evaluated(grid, split), DYNAMIC)
    assert row["validation"]["accuracy"] == pytest.approx(sum(right) / 2)
    assert 0 < row["validation"]["macro_f1"] < 1


def test_without_a_validation_image_nothing_is_known_of_validation(split):
    grid = made_up_grid(split, [DYNAMIC])
    (one,) = grid[DYNAMIC]
    tested = one.predictions[one.predictions["subset"] == "test"]
    grid[DYNAMIC] = [dataclasses.replace(one, predictions=tested)]
    validation = row_of(evaluated(grid, split), DYNAMIC)["validation"]
    assert validation["accuracy"] is None
    assert validation["accuracy_reason"] == "no validation image"


def test_the_cost_of_a_model_that_was_not_timed_has_a_reason(split):
    grid = made_up_grid(split, [DYNAMIC])
    grid[DYNAMIC][0].record.update(load_time_s=None, load_time_s_reason="not measured: load_time_repeats is 0")
    row = row_of(evaluated(grid, split), DYNAMIC)
    assert row["load_time_s"] is None
    assert "load_time_repeats" in row["load_time_s_reason"]
    assert row["size_mb"] == 13.1


def test_an_older_record_without_latency_has_the_reason_in_the_cost_table(split):
    grid = made_up_grid(split, [DYNAMIC, TRADITIONAL])
    for name in ("single_image_p50_ms", "single_image_p95_ms"):
        del grid[DYNAMIC][0].record[name]
    evaluations = evaluated(grid, split)
    assert row_of(evaluations, DYNAMIC)["single_image_p50_ms"] is None
    rows = {row[0].text: row for row in cost_table(evaluations).rows}
    (reason,) = [cell for cell in rows["MobileNet, dynamic"] if cell.kind == "reason"]
    assert (reason.text, reason.span) == ("not measured", 2)
    assert [cell.text for cell in rows["MobileNet, traditional"]][7:9] == ["48.2", "61.7"]


def test_a_run_with_damaged_files_is_a_row_with_its_reason(split):
    grid = made_up_grid(split, [DYNAMIC])
    grid[TRADITIONAL] = [dataclasses.replace(one, damage="predictions.parquet is missing") for one in grid[DYNAMIC]]
    evaluations = evaluated(grid, split)
    row = row_of(evaluations, TRADITIONAL)
    assert (row["status"], row["note"], row["seeds"]) == (DAMAGED, "seed 2024: predictions.parquet is missing", [])
    assert row_of(evaluations, DYNAMIC)["status"] == FINISHED
    assert any(row["note"] in notice for notice in notices(evaluations, made_up_exports(False), 0))


def recorded(run, split, seed, folder, at, **changes):
    """Return a finished run whose record was written at a time."""
    one = made_up_run(run, split, seed=seed, skill=1.0)
    one.record.update(changes)
    place = folder / f"seed_{seed}"
    place.mkdir()
    (place / "run_record.json").write_text("{}")
    os.utime(place / "run_record.json", (at, at))
    return dataclasses.replace(one, folder=place)


@pytest.mark.parametrize(
    "changes", [{"pixel_sha256": "b" * 64}, {"method_version": 0}, {"parameters": {"training": {}}}]
)
def test_only_seeds_that_were_trained_as_the_newest_are_averaged(split, tmp_path, changes):
    grid = made_up_grid(split, [])
    grid[DYNAMIC] = [
        recorded(DYNAMIC, split, 1, tmp_path, at=1000, **changes),
        recorded(DYNAMIC, split, 2, tmp_path, at=3000),
        recorded(DYNAMIC, split, 3, tmp_path, at=2000),
    ]
    row = row_of(evaluated(grid, split), DYNAMIC)
    assert (row["seeds"], row["trained_otherwise"], row["other_split"]) == ([2, 3], [1], [])
    assert row["metrics"]["seeds"] == 2
    assert first_record(row)["seed"] == 2


def test_a_run_trained_on_another_split_with_the_same_test_images_is_judged_and_named(split):
    grid = made_up_grid(split, [DYNAMIC])
    grown = split.assign(subset=split["subset"].replace("validation", "train"))
    row = row_of(evaluated(grid, grown), DYNAMIC)
    assert (row["status"], row["other_split"], row["trained_otherwise"]) == (FINISHED, [2024], [])


def test_the_report_applies_the_stored_rule(split, tmp_path):
    grid = made_up_grid(split, [DYNAMIC])
    one = dataclasses.replace(grid[DYNAMIC][0], folder=tmp_path / "outputs/mobilenet/dynamic/seed_2024")
    grid[DYNAMIC] = [one]
    rules = Rules(tmp_path / "models", tmp_path / "outputs", RULE_SETTINGS)
    fitted = rules.of(one)
    write_rule(tmp_path / "models/mobilenet/dynamic/seed_2024", {**fitted, "set_threshold": 0.0}, None)
    evaluations = evaluate_grid(grid, split, SETTINGS, made_up_manifest(split), rules)
    certainty = row_of(evaluations, DYNAMIC)["certainty"]
    assert (certainty["temperature"], certainty["sets"]["coverage"]) == (fitted["temperature"], 1)
    assert (
        certainty["operating_points"]["Pneumonia"]["youden"]["threshold"]
        == (fitted["operating_points"]["Pneumonia"]["youden"])
    )
