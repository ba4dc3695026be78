"""The training pipeline through Kedro: namespaces, parameters, one record per seed, and failures that are not lost."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, MemoryDataset

from lung_cxr import contracts, pipeline_registry
from lung_cxr.datasets import RunResult, RunsDataset
from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import BACKBONES, BASELINE_RUNS, FURTHER_REFERENCE_RUNS, RUNS, Run
from lung_cxr.pipelines import baselines
from lung_cxr.pipelines.training import create_pipeline
from lung_cxr.settings import CONFIG_LOADER_ARGS
from lung_cxr.splitting.split import split_sha256
from lung_cxr.training_hooks import FailedRunsHook
from made_up_network import build_tiny_classifier

CELL = Run("mobilenet", "dynamic")


def test_one_node_per_grid_point_each_in_its_namespace():
    pipeline = create_pipeline()
    regressions = {f"{backbone}.logistic_regression.fit" for backbone in BACKBONES}
    assert {node.name for node in pipeline.nodes} == {f"{run.namespace}.train" for run in RUNS} | regressions
    assert all("gpu" in node.tags for node in pipeline.nodes)
    for backbone in BACKBONES:
        runs = [run for run in RUNS if run.backbone == backbone]
        assert len(pipeline.only_nodes_with_namespaces([backbone]).nodes) == len(runs) + 1


def test_baselines_are_the_rest_of_the_grid_and_one_node_that_gathers_them():
    pipeline = baselines.create_pipeline()
    trained = {f"{run.namespace}.train" for run in BASELINE_RUNS}
    fitted = {f"{run.namespace}.fit" for run in FURTHER_REFERENCE_RUNS}
    assert {node.name for node in pipeline.nodes} == {*trained, *fitted, "gather_runs"}
    alone = pipeline.only_nodes_with_namespaces(["mobilenet.linear_probe"])
    assert [node.name for node in alone.nodes] == ["mobilenet.linear_probe.train"]
    settings = {name for name in alone.inputs() if name.startswith("params:")}
    assert settings == {"params:backbones.mobilenet", "params:strategies.linear_probe", "params:training"}


def test_a_namespace_needs_nothing_that_another_node_of_training_makes():
    alone = create_pipeline().only_nodes_with_namespaces([CELL.namespace])
    assert {name for name in alone.inputs() if not name.startswith("params:")} == {
        "split",
        "pixel_arrays",
        "pixel_folder",
        "model_folder",
        "output_folder",
    }
    assert alone.outputs() == {CELL.results}


@pytest.fixture
def kedro_run(project, tmp_path, monkeypatch):
    """Run one cell of the grid in the test environment, with its data in a folder of the test's own."""
    monkeypatch.setenv("LUNG_CXR_WEIGHTS", str(tmp_path))
    conf = tmp_path / "conf"
    shutil.copytree(project / "conf", conf, ignore=shutil.ignore_patterns("local"))
    (conf / "test" / "globals.yml").write_text(yaml.safe_dump({"root": str(tmp_path)}))
    write_study(tmp_path / "05_model_input")
    for module in ("runs", "reference.fit"):
        monkeypatch.setattr(f"lung_cxr.training.{module}.build_classifier", build_tiny_classifier)
    monkeypatch.setattr(pipeline_registry, "register_pipelines", lambda: {"training": create_pipeline()})
    configure_project("lung_cxr")  # forgets pipelines that another test registered

    def run(namespace=CELL.namespace, **parameters):
        settings = {"training": {"seeds": [7, 8], "max_epochs": 1, **parameters}}
        with KedroSession.create(
            project_path=project, env="test", conf_source=str(conf), runtime_params=settings
        ) as session:
            session.run(pipeline_names=["training"], namespaces=[namespace])
        return results(tmp_path)

    yield run
    monkeypatch.undo()
    configure_project("lung_cxr")


def results(root):
    return RunsDataset(filepath=str(root / "07_model_output" / CELL.backbone / CELL.strategy)).load()


def write_study(folder):
    folder.mkdir()
    keys = [f"{number:032x}" for number in range(24)]
    subsets = ["train"] * 14 + ["validation"] * 5 + ["test"] * 5
    labels = [DISEASES[number % 7] for number in range(24)]
    split = pd.DataFrame({"image_id": keys, "patient_key": keys, "label": labels, "subset": subsets})
    split.to_parquet(folder / "split.parquet")
    np.save(folder / "pixels_32.npy", np.random.default_rng(1).integers(0, 256, (24, 32, 32), dtype=np.uint8))
    array = {"rows": 24, "sha256": "0" * 64, "split_sha256": split_sha256(split), "file": "pixels_32.npy"}
    (folder / "pixel_arrays.json").write_text(json.dumps({"32": array}))


def test_every_seed_has_its_record_and_a_second_run_does_nothing(kedro_run, caplog, capsys, tmp_path):
    first = kedro_run()
    printed = capsys.readouterr().out
    assert re.search(r"^mobilenet/dynamic/seed_8 +1/1 +\d\.\d{3} +\d\.\d{3} +\d\.\d{3}$", printed, re.MULTILINE)
    assert f"Models: {tmp_path}/06_models/<run>/model.keras" in printed
    assert [(run.record["seed"], run.record["status"]) for run in first] == [(7, "finished"), (8, "finished")]
    assert [len(run.history) for run in first] == [1, 1]
    times = [(run.folder / "run_record.json").stat().st_mtime_ns for run in first]

    caplog.clear()
    second = kedro_run()
    assert [(run.folder / "run_record.json").stat().st_mtime_ns for run in second] == times
    assert [record.getMessage() for record in caplog.records if "up to date" in record.getMessage()] == [
        "mobilenet, dynamic, seed 7: up to date",
        "mobilenet, dynamic, seed 8: up to date",
    ]


def test_a_reference_model_is_a_run_that_is_fitted_once(kedro_run, tmp_path):
    folder = tmp_path / "07_model_output/mobilenet/logistic_regression/seed_7"
    assert kedro_run("mobilenet.logistic_regression") == [], "no run of a strategy is trained"
    contracts.predictions.validate(pd.read_parquet(folder / "predictions.parquet"))
    assert (tmp_path / "06_models/mobilenet/logistic_regression/seed_7/model.keras").exists()
    time = (folder / "run_record.json").stat().st_mtime_ns
    kedro_run("mobilenet.logistic_regression")
    assert (folder / "run_record.json").stat().st_mtime_ns == time
    kedro_run("mobilenet.logistic_regression", force=True)
    assert (folder / "run_record.json").stat().st_mtime_ns > time


def test_a_failing_logistic_regression_leaves_its_reason_and_the_command_fails(kedro_run, tmp_path, monkeypatch):
    from lung_cxr.training.reference import fit

    def fail(*args, **kwargs):
        raise ValueError("no such network")

    with monkeypatch.context() as patch:
        patch.setattr(fit, "build_classifier", fail)
        with pytest.raises(RuntimeError, match=r"mobilenet\.logistic_regression, seed 7: ValueError"):
            kedro_run("mobilenet.logistic_regression")
    record = tmp_path / "07_model_output/mobilenet/logistic_regression/seed_7/run_record.json"
    assert json.loads(record.read_text())["failure"] == "ValueError: no such network"
    kedro_run("mobilenet.logistic_regression")
    assert json.loads(record.read_text())["status"] == "finished"


def test_a_failing_run_leaves_its_reason_the_others_go_on_and_the_command_fails(kedro_run, tmp_path, monkeypatch):
    from lung_cxr.training import runs

    build = runs.build_classifier

    def build_or_fail(*args, seed, **kwargs):
        if seed == 7:
            raise ValueError("no such network")
        return build(*args, seed=seed, **kwargs)

    monkeypatch.setattr(runs, "build_classifier", build_or_fail)
    with pytest.raises(RuntimeError, match=r"1 training run\(s\) failed(.|\n)*mobilenet.dynamic, seed 7: ValueError"):
        kedro_run()
    failed, finished = results(tmp_path)
    assert (failed.record["status"], failed.record["failure"]) == ("failed", "ValueError: no such network")
    assert failed.history is None
    assert failed.predictions is None
    assert finished.finished


def runs_left_in(folder, *statuses):
    """Return one run a seed: finished, failed, or finished with the reason why it could not be done again."""
    made = []
    for seed, status in statuses:
        place = folder / f"seed_{seed}"
        place.mkdir()
        if status == "not again":
            (place / "failure.json").write_text('{"failure": "OSError: …"}')
            made.append(RunResult(place, {"seed": seed, "status": "finished"}))
        else:
            made.append(RunResult(place, {"seed": seed, "status": status, "failure": "ValueError: …"}))
    return made


@pytest.mark.parametrize(
    ("statuses", "fails"),
    [
        ([(7, "finished")], False),
        ([(7, "finished"), (8, "failed")], True),
        ([(7, "finished"), (8, "not again")], True),
        ([(7, "finished"), (9, "failed")], False),  # a seed that nobody asked for any more
        ([], False),
    ],
)
def test_the_hook_looks_at_the_seeds_that_were_asked_for(statuses, fails, project, tmp_path):
    config = OmegaConfigLoader(conf_source=str(project / "conf"), env="test", **CONFIG_LOADER_ARGS)
    asked_for = config["parameters"]["training"] | {"seeds": [7, 8]}
    pipeline = create_pipeline().only_nodes_with_namespaces([CELL.namespace])
    catalogue = DataCatalog(
        {
            CELL.results: MemoryDataset(runs_left_in(tmp_path, *statuses), copy_mode="assign"),
            "params:training": MemoryDataset(asked_for),
        }
    )
    if fails:
        with pytest.raises(RuntimeError, match=r"seed 8: (ValueError|OSError)"):
            FailedRunsHook().after_pipeline_run(pipeline=pipeline, catalog=catalogue)
    else:
        FailedRunsHook().after_pipeline_run(pipeline=pipeline, catalog=catalogue)
