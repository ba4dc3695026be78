import subprocess
import sys

from lung_cxr.experiments import BACKBONES, BASELINE_RUNS, BASELINES, GRID, RUNS, STRATEGIES


def test_the_grid_is_every_backbone_with_every_strategy():
    assert len(RUNS) == len(BACKBONES) * len(STRATEGIES)
    assert len(BASELINE_RUNS) == len(BACKBONES) * len(BASELINES)
    assert len({run.namespace for run in GRID}) == len(RUNS) + len(BASELINE_RUNS)
    assert set(GRID) == {*RUNS, *BASELINE_RUNS}


def test_results_have_a_name_without_dots_so_that_other_pipelines_may_use_it():
    assert all("." not in run.results for run in GRID)


def test_the_grid_contains_the_papers_backbones_and_strategies():
    paper = {"xception", "densenet121", "efficientnetv2s", "inceptionv3", "mobilenet", "resnet50", "vgg16"}
    assert paper <= {*BACKBONES}
    assert STRATEGIES == ("dynamic", "traditional")
    assert {"linear_probe", "two_stage", "gradual", "full"} <= {*BASELINES}


def test_the_grid_is_read_without_loading_keras_and_scipy():
    code = (
        "import sys, lung_cxr.pipeline_registry as registry; registry.register_pipelines();"
        "sys.exit(not {'keras', 'scipy'}.isdisjoint(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
