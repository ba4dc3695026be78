"""Pipeline `training`: one namespace per grid point, from the split and its pixel arrays to the runs."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import LOGISTIC_REGRESSION_RUNS, RUNS, Run
from lung_cxr.pipelines.training.nodes import fit_reference_model, train


def create_pipeline() -> Pipeline:
    """Return all grid points; `kedro run --namespaces mobilenet.dynamic` trains one of them."""
    return Pipeline([*map(training_of, RUNS), *map(reference_model_of, LOGISTIC_REGRESSION_RUNS)])


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


def reference_model_of(run: Run) -> Pipeline:
    """Return the pipeline of one reference model."""
    data = ("split", "pixel_arrays", "pixel_folder", "model_folder", "output_folder")
    settings = ("backbone", "reference", "training")
    fit = Node(
        fit_reference_model,
        {**{name: name for name in data}, **{name: f"params:{name}" for name in settings}},
        "runs",
        name="fit",
        tags="gpu",
    )
    return Pipeline(
        [fit],
        namespace=run.namespace,
        inputs=set(data),
        outputs={"runs": run.results},
        parameters={
            "params:backbone": f"params:backbones.{run.backbone}",
            "params:reference": f"params:reference_models.{run.strategy}",
            "params:training": "params:training",
        },
    )
