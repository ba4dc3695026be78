"""The sensitivity pipeline through Kedro: chosen backbones train, the others log a line."""

import logging

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset

from lung_cxr.datasets import RunResult
from lung_cxr.experiments import BACKBONES, sweep_results
from lung_cxr.parameters import BackboneParameters, SensitivityParameters, TrainingParameters
from lung_cxr.pipelines.sensitivity import create_pipeline
from lung_cxr.pipelines.sensitivity.nodes import train_grid_points
from lung_cxr.settings import CONFIG_LOADER_ARGS
from lung_cxr.training.strategies.registry import StrategyParameters
from lung_cxr.training_hooks import FailedRunsHook


@pytest.fixture
def parameters(project):
    config = OmegaConfigLoader(conf_source=str(project / "conf"), env="test", **CONFIG_LOADER_ARGS)
    return config["parameters"]


def test_every_backbone_is_a_namespace_and_one_table_has_all_runs():
    pipeline = create_pipeline()
    trained = {f"{backbone}.train_grid_points" for backbone in BACKBONES}
    assert {node.name for node in pipeline.nodes} == {*trained, "tabulate_sensitivity", "draw_sensitivity"}
    assert pipeline.outputs() == {"sensitivity_heat_maps"}
    alone = pipeline.only_nodes_with_namespaces(["mobilenet"])
    assert alone.outputs() == {sweep_results("mobilenet")}
    assert {name for name in alone.inputs() if name.startswith("params:")} == {
        "params:backbones.mobilenet",
        "params:strategies.dynamic",
        "params:strategies.traditional",
        "params:training",
        "params:sensitivity",
    }


def test_a_backbone_that_is_not_chosen_does_nothing(parameters, tmp_path, caplog):
    strategies = (StrategyParameters(parameters["strategies"][name]) for name in ("dynamic", "traditional"))
    with caplog.at_level(logging.INFO):
        records = train_grid_points(
            None, {}, tmp_path, tmp_path, tmp_path,
            BackboneParameters(**parameters["backbones"]["vgg16"]),
            *strategies,
            TrainingParameters(**parameters["training"]),
            SensitivityParameters(**parameters["sensitivity"]),
        )  # fmt: skip
        assert list(records) == []
    (record,) = caplog.records
    assert "vgg16" in record.getMessage()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "status", "fails"),
    [
        ("mobilenet-p2-k7-decay0.5-n3", "failed", True),
        ("mobilenet-depth1", "failed", True),
        ("mobilenet-depth1", "finished", False),
        ("mobilenet-depth9", "failed", False),  # a grid point that is no longer configured
    ],
)
def test_the_command_fails_if_a_configured_grid_point_failed(parameters, tmp_path, name, status, fails):
    run = RunResult(tmp_path, {"seed": 7, "status": status, "failure": "ValueError: …"})
    asked_for = {f"params:{group}": MemoryDataset(parameters[group]) for group in ("training", "sensitivity")}
    asked_for |= {
        f"params:strategies.{kind}": MemoryDataset(parameters["strategies"][kind])
        for kind in ("dynamic", "traditional")
    }
    results = MemoryDataset({name: [run]}, copy_mode="assign")
    catalogue = DataCatalog({**asked_for, sweep_results("mobilenet"): results})
    pipeline = create_pipeline().only_nodes_with_namespaces(["mobilenet"])
    if fails:
        with pytest.raises(RuntimeError, match=f"{name}, seed 7: ValueError"):
            FailedRunsHook().after_pipeline_run(pipeline=pipeline, catalog=catalogue)
    else:
        FailedRunsHook().after_pipeline_run(pipeline=pipeline, catalog=catalogue)
