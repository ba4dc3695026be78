"""Training: the split and its pixel arrays to one run per cell of the grid, each in its own namespace."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import RUNS, Run
from lung_cxr.pipelines.training.nodes import train


def create_pipeline() -> Pipeline:
    """Return all runs: `kedro run --namespaces mobilenet.dynamic` does one, `… mobilenet` all of a backbone."""
    return sum((training_of(run) for run in RUNS), Pipeline([]))


def training_of(run: Run) -> Pipeline:
    """Return the pipeline of one cell of the grid."""
    one_run = Pipeline(
        [
            Node(
                train,
                {
                    "split": "split",
                    "pixel_arrays": "pixel_arrays",
                    "pixel_folder": "pixel_folder",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "backbone": "params:backbone",
                    "strategy": "params:strategy",
                    "training": "params:training",
                },
                "runs",
                name="train",
                tags="gpu",
            ),
        ]
    )
    return Pipeline(
        one_run,
        namespace=run.namespace,
        inputs={"split", "pixel_arrays", "pixel_folder", "model_folder", "output_folder"},
        outputs={"runs": run.results},
        parameters={
            "params:backbone": f"params:backbones.{run.backbone}",
            "params:strategy": f"params:strategies.{run.strategy}",
            "params:training": "params:training",
        },
    )
