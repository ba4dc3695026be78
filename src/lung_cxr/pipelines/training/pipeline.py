"""Pipeline `training`: one namespace per grid point, from the split and its pixel arrays to the runs."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import BACKBONES, LOGISTIC_REGRESSION, RUNS, Run, reference_predictions
from lung_cxr.pipelines.training.nodes import fit_logistic_regression, train


def create_pipeline() -> Pipeline:
    """Return all grid points; `kedro run --namespaces mobilenet.dynamic` trains one of them."""
    runs = sum((training_of(run) for run in RUNS), Pipeline([]))
    return sum((reference_model_of(backbone) for backbone in BACKBONES), runs)


def training_of(run: Run) -> Pipeline:
    """Return the pipeline of one grid point."""
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


def reference_model_of(backbone: str) -> Pipeline:
    """Return the pipeline of a backbone's logistic regression: namespace `<backbone>.logistic_regression`."""
    data = ("split", "pixel_arrays", "pixel_folder", "model_folder", "output_folder")
    fit = Node(
        fit_logistic_regression,
        {**{name: name for name in data}, "backbone": "params:backbone", "training": "params:training"},
        "predictions",
        name="fit",
        tags="gpu",
    )
    return Pipeline(
        [fit],
        namespace=f"{backbone}.{LOGISTIC_REGRESSION}",
        inputs=set(data),
        outputs={"predictions": reference_predictions(backbone)},
        parameters={"params:backbone": f"params:backbones.{backbone}", "params:training": "params:training"},
    )
