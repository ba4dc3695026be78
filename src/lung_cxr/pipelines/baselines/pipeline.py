"""Pipeline `baselines`: the other grid points, each in its own namespace; not part of the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import BASELINE_RUNS
from lung_cxr.pipelines.baselines.nodes import gather_runs
from lung_cxr.pipelines.training.pipeline import training_of


def create_pipeline() -> Pipeline:
    """Return all baselines. `kedro run --pipelines baselines --namespaces mobilenet.linear_probe` trains one."""
    gathered = Pipeline(
        [
            Node(
                gather_runs,
                {run.results: run.results for run in BASELINE_RUNS},
                "baseline_runs",
                name="gather_runs",
            )
        ]
    )
    return sum((training_of(run) for run in BASELINE_RUNS), gathered)
