"""The cross-validation pipeline through Kedro: folds from splitting, runs on each fold, pooled results."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, MemoryDataset

from lung_cxr import contracts, pipeline_registry
from lung_cxr.datasets import CrossValidationRunsDataset, RunResult
from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import CROSS_VALIDATED, Run
from lung_cxr.parameters import EnsemblesParameters, ReportingParameters, SplittingParameters
from lung_cxr.pipelines.cross_validation import create_pipeline
from lung_cxr.pipelines.reporting.cross_validation_nodes import pool_folds
from lung_cxr.splitting.split import split_sha256
from lung_cxr.training_hooks import FailedRunsHook
from made_up_network import build_tiny_classifier

SPLITTING = {"seed": 1, "fractions": {"train": 0.8, "validation": 0.1, "test": 0.1}, "workers": 1}
CONF = Path(__file__).parents[2] / "conf/base"
IMAGES = 42


def test_every_grid_point_and_logistic_regression_is_a_namespace():
    pipeline = create_pipeline()
    assert {node.name for node in pipeline.nodes} == {
        "gather_folds", *(f"{run.namespace}.train_folds" for run in CROSS_VALIDATED),
    }  # fmt: skip
    alone = pipeline.only_nodes_with_namespaces(["mobilenet.dynamic"])
    assert alone.outputs() == {"mobilenet-dynamic-folds"}
    assert {name for name in alone.inputs() if name.startswith("params:")} == {
        "params:backbones.mobilenet", "params:strategies.dynamic", "params:training", "params:splitting",
    }  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """Write a split of 42 images, its folds and its pixel array; return the split and the folds."""
    folder = tmp_path / "05_model_input"
    folder.mkdir()
    keys, numbers = [f"{number:032x}" for number in range(IMAGES)], np.arange(IMAGES)
    subsets = np.select([numbers < 30, numbers < 36], ["train", "validation"], "test")
    labels = [DISEASES[number % 7] for number in numbers]
    split = pd.DataFrame({"image_id": keys, "patient_key": keys, "label": labels, "subset": subsets})
    folds = split[["patient_key"]].assign(fold=numbers % 3 + 1, folds=3, assigned_in=1, label_at_assignment=labels)
    contracts.patient_folds.validate(folds)
    split.to_parquet(folder / "split.parquet")
    folds.to_parquet(folder / "patient_folds.parquet")
    pixels = np.random.default_rng(1).integers(0, 256, (IMAGES, 32, 32), dtype=np.uint8)
    np.save(folder / "pixels_32.npy", pixels)
    array = {"rows": IMAGES, "sha256": "0" * 64, "split_sha256": split_sha256(split), "file": "pixels_32.npy"}
    (folder / "pixel_arrays.json").write_text(json.dumps({"32": array}))
    return split, folds


@pytest.fixture
def kedro_run(project, tmp_path, monkeypatch, study):
    """Run namespaces of the pipeline in the test environment, with data in the folder of the test."""
    monkeypatch.setenv("LUNG_CXR_WEIGHTS", str(tmp_path))
    conf = tmp_path / "conf"
    shutil.copytree(project / "conf", conf, ignore=shutil.ignore_patterns("local"))
    (conf / "test" / "globals.yml").write_text(yaml.safe_dump({"root": str(tmp_path)}))
    for module in ("runs", "reference.fit"):
        monkeypatch.setattr(f"lung_cxr.training.{module}.build_classifier", build_tiny_classifier)
    monkeypatch.setattr(pipeline_registry, "register_pipelines", lambda: {"cross_validation": create_pipeline()})
    configure_project("lung_cxr")  # forgets pipelines that another test registered

    def run(*namespaces, **splitting):
        settings = {"training": {"seeds": [7], "max_epochs": 1}, "splitting": splitting}
        with KedroSession.create(
            project_path=project, env="test", conf_source=str(conf), runtime_params=settings
        ) as session:
            session.run(pipeline_names=["cross_validation"], namespaces=list(namespaces))
        return CrossValidationRunsDataset(filepath=str(tmp_path / "07_model_output")).load()[""]

    yield run
    monkeypatch.undo()
    configure_project("lung_cxr")


def pooled(study, runs, **kind):
    split, folds = study
    splitting = SplittingParameters(**SPLITTING, **{"folds": None, "outer_folds": None, **kind})
    conf = yaml.safe_load((CONF / "parameters_reporting.yml").read_text())["reporting"]
    parameters = ReportingParameters(**{**conf, "n_resamples": 100})
    results, tests, _ = pool_folds(
        split, folds, {"": runs} if runs else {}, splitting, parameters, EnsemblesParameters({}), "", None
    )
    return results, tests


def test_each_fold_is_trained_once_and_its_held_out_predictions_are_pooled(kedro_run, study, tmp_path):
    runs = kedro_run("mobilenet.dynamic", "mobilenet.logistic_regression", outer_folds=3)
    assert {name: list(folds) for name, folds in runs.items()} == {
        "mobilenet-dynamic-folds": [1, 2, 3],
        "mobilenet-logistic_regression-folds": [1, 2, 3],
    }
    (first,) = runs["mobilenet-dynamic-folds"][1]
    assert (first.record["fold"], first.record["status"]) == (1, "finished")
    assert first.folder == tmp_path / "07_model_output/mobilenet/dynamic/fold_1/seed_7"
    card = (tmp_path / "06_models/mobilenet/dynamic/fold_1/seed_7/model_card.md").read_text()
    assert "mobilenet/dynamic/fold_1/seed_7" in card
    assert not (tmp_path / "07_model_output/mobilenet/dynamic/seed_7").exists()

    results, tests = pooled(study, runs, outer_folds=3)
    assert results["status"].tolist() == ["finished", "finished"]
    assert results["patients"].tolist() == [IMAGES, IMAGES], "every patient is held out once"
    assert tests["other_strategy"].tolist() == ["logistic_regression"] * 3
    results, _ = pooled(study, runs, folds=3)
    assert results["status"].tolist() == ["incomplete", "incomplete"], "these runs rotated the test set"

    records = sorted((tmp_path / "07_model_output").rglob("run_record.json"))
    times = [path.stat().st_mtime_ns for path in records]
    kedro_run("mobilenet.dynamic", "mobilenet.logistic_regression", outer_folds=3)
    assert [path.stat().st_mtime_ns for path in records] == times


def test_the_sticky_test_set_stays_untouched_by_inner_folds(kedro_run, study):
    runs = kedro_run("mobilenet.logistic_regression", folds=3)
    held_out = [
        one.predictions.loc[one.predictions["subset"] == "validation", "patient_key"]
        for (one,) in runs["mobilenet-logistic_regression-folds"].values()
    ]
    split = study[0]
    assert sorted(pd.concat(held_out)) == sorted(split.loc[split["subset"] != "test", "patient_key"])


def test_without_folds_the_command_says_what_to_set(kedro_run):
    with pytest.raises(ValueError, match=r"splitting\.outer_folds are null"):
        kedro_run("mobilenet.logistic_regression")


def test_nothing_to_pool_gives_empty_tables(study):
    assert [len(table) for table in pooled(study, {}, folds=3)] == [0, 0]
    assert [len(table) for table in pooled(study, {})] == [0, 0]


def test_the_command_fails_if_a_run_on_a_fold_failed(tmp_path, project):
    run = Run("mobilenet", "dynamic")
    failed = RunResult(tmp_path, {"seed": 7, "status": "failed", "failure": "ValueError: …"})
    training = yaml.safe_load((project / "conf/base/parameters_training.yml").read_text())["training"]
    catalogue = DataCatalog(
        {
            run.fold_results: MemoryDataset({2: [failed]}, copy_mode="assign"),
            "params:splitting": MemoryDataset({**SPLITTING, "folds": 3, "outer_folds": None}),
            "params:training": MemoryDataset({**training, "seeds": [7], "experiment": ""}),
        }
    )
    pipeline = create_pipeline().only_nodes_with_namespaces([run.namespace])
    with pytest.raises(RuntimeError, match=r"mobilenet\.dynamic, fold 2, seed 7: ValueError"):
        FailedRunsHook().after_pipeline_run(pipeline=pipeline, catalog=catalogue)
