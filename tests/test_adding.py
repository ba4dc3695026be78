"""The recipe of the README: a new strategy is a file and a YAML block, a new backbone a row and a YAML block.

The project's own tests pass with both, without an edit.
"""

import os
import shutil
import subprocess
import sys

import pytest

STRATEGY = '''"""Full fine-tuning with a learning rate that falls along a cosine."""

import math
from dataclasses import dataclass
from typing import Literal

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy


class CosineFullParameters(ParameterGroup):
    """Settings of full fine-tuning with a cosine."""

    kind: Literal["cosine_full"]
    stop_patience: StopPatience


@dataclass(kw_only=True)
class CosineFullSchedule(FixedSchedule):
    """A learning rate that falls along half a cosine over n epochs."""

    @property
    def stage_learning_rate(self) -> float:
        """η · (1 + cos(π · epoch / n)) / 2."""
        return self.initial_learning_rate * (1 + math.cos(math.pi * self.epoch / self.max_epochs)) / 2


class CosineFull(Strategy[CosineFullParameters]):
    """Opens all layer groups."""

    parameters_type = CosineFullParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> CosineFullSchedule:
        """Return the schedule at m = L."""
        return CosineFullSchedule(**self.fixed_settings(training), unfrozen_groups=layer_groups)
'''
STRATEGY_BLOCK = "  cosine_full:\n    kind: cosine_full\n    stop_patience: 10\n"
BACKBONE = """
BACKBONES["efficientnetv2b0"] = Backbone(
    "EfficientNetV2B0",
    *NO_SCALING,
    (
        "stem_activation",
        "block1a_project_activation",
        *(
            f"block{stage}{letter}_{'project_bn' if letter == 'a' else 'add'}"
            for stage, blocks in enumerate((2, 2, 3, 5, 8), 2)
            for letter in "abcdefgh"[:blocks]
        ),
        "top_activation",
    ),
)
"""
BACKBONE_BLOCK = (
    "  efficientnetv2b0: {architecture: efficientnetv2b0, size: 224, weights: imagenet, top_layers: 100, options: {}}\n"
)
TESTS = [
    *("tests/test_configuration.py", "tests/test_experiments.py", "tests/test_config_loader.py"),
    *("tests/test_architecture.py", "tests/models/test_backbones.py", "tests/evaluation/test_published_results.py"),
    *("tests/pipelines/test_sensitivity.py", "tests/pipelines/test_reporting.py", "tests/report"),
    "tests/pipelines/test_report_in_browser.py",
]
TRAINING_TESTS = [
    *("tests/training/test_fixed_schedules.py", "tests/training/test_grid.py"),
    "tests/training/test_equal_conditions.py",
]


@pytest.fixture(scope="module")
def extended(project, tmp_path_factory):
    """A copy of the project with one more strategy and one more backbone."""
    folder = tmp_path_factory.mktemp("extended")
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "local")
    for name in ("src", "conf", "tests", "tools", "docs", "notebooks", "benchmarks"):
        shutil.copytree(project / name, folder / name, ignore=left_out)
    for file in filter(os.path.isfile, project.iterdir()):
        shutil.copy(file, folder)
    package = folder / "src/lung_cxr"
    (package / "training/strategies/cosine_full.py").write_text(STRATEGY)
    backbones = package / "models/backbones.py"
    backbones.write_text(backbones.read_text() + BACKBONE)
    for group, block in (("strategies", STRATEGY_BLOCK), ("backbones", BACKBONE_BLOCK)):
        (path,) = [one for one in (folder / "conf/base").glob("*.yml") if f"\n{group}:\n" in f"\n{one.read_text()}"]
        path.write_text(path.read_text().replace(f"{group}:\n", f"{group}:\n{block}", 1))
    return folder


def run_in(folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )


def test_both_are_grid_points(extended):
    done = run_in(extended, "-c", "from lung_cxr.experiments import GRID; print([run.namespace for run in GRID])")
    for namespace in ("mobilenet.cosine_full", "efficientnetv2b0.dynamic", "efficientnetv2b0.cosine_full"):
        assert repr(namespace) in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("tests", [TESTS, TRAINING_TESTS], ids=["project", "training"])
def test_the_projects_tests_pass_without_an_edit(extended, tests):
    done = run_in(extended, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout[-6000:]
