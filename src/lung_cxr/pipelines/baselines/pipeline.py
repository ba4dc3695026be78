"""Baselines: the rest of the grid, each run in its own namespace as in `training`; not part of the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import BASELINE_RUNS
from lung_cxr.pipelines.baselines.nodes import gather_runs
from lung_cxr.pipelines.training.pipeline import training_of


def create_pipeline() -> Pipeline:
    """Return all runs: `kedro run --pipelines baselines --namespaces mobilenet.linear_probe` does one."""
    gathering = Pipeline(
        [
            Node(
                gather_runs,
                {run.results: run.results for run in BASELINE_RUNS},
                "baseline_runs",
                name="gather_runs",
            )
        ]
    )
    return sum((training_of(run) for run in BASELINE_RUNS), gathering)
