"""Pipeline `baselines`: all other grid points, each in its own namespace; not in the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import BASELINE_RUNS, FURTHER_REFERENCE_RUNS
from lung_cxr.pipelines.baselines.nodes import gather_runs
from lung_cxr.pipelines.training.pipeline import reference_model_of, training_of


def create_pipeline() -> Pipeline:
    """Return all baselines. `kedro run --pipelines baselines --namespaces mobilenet.linear_probe` trains one."""
    results = {run.results: run.results for run in BASELINE_RUNS + FURTHER_REFERENCE_RUNS}
    gathered = Node(gather_runs, results, "baseline_runs", name="gather_runs")
    return Pipeline([gathered, *map(reference_model_of, FURTHER_REFERENCE_RUNS), *map(training_of, BASELINE_RUNS)])
