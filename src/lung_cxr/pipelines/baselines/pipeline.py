"""Pipeline `baselines`: all other grid points, each in its own namespace; not in the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import BASELINE_RUNS, FURTHER_REFERENCE_RUNS
from lung_cxr.pipelines.baselines.nodes import gather_runs
from lung_cxr.pipelines.training.pipeline import reference_model_of, training_of


def create_pipeline() -> Pipeline:
    """Return all baselines. `kedro run --pipelines baselines --namespaces mobilenet.linear_probe` trains one."""
    gathered = Pipeline(
        [
            Node(
                gather_runs,
                {run.results: run.results for run in BASELINE_RUNS + FURTHER_REFERENCE_RUNS},
                "baseline_runs",
                name="gather_runs",
            )
        ]
    )
    references = sum((reference_model_of(run) for run in FURTHER_REFERENCE_RUNS), gathered)
    return sum((training_of(run) for run in BASELINE_RUNS), references)
