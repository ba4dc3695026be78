"""Pipeline `cross_validation`: every grid point on every fold, each in its namespace; not in the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import CROSS_VALIDATED, REFERENCE_MODELS, Run
from lung_cxr.pipelines.baselines.nodes import gather_runs
from lung_cxr.pipelines.cross_validation.nodes import fit_folds, train_folds

DATA = ("split", "patient_folds", "pixel_arrays", "pixel_folder", "model_folder", "output_folder")


def create_pipeline() -> Pipeline:
    """Return all grid points. `kedro run --pipelines cross_validation --namespaces mobilenet.dynamic` trains one."""
    results = {run.fold_results: run.fold_results for run in CROSS_VALIDATED}
    gathered = Node(gather_runs, results, "cross_validation_runs", name="gather_folds")
    return Pipeline([gathered, *map(_folds_of, CROSS_VALIDATED)])


def _folds_of(run: Run) -> Pipeline:
    """Return the pipeline of one grid point. The graph cannot depend on the number of folds: its node trains all."""
    settings = {"backbone": f"backbones.{run.backbone}", "training": "training", "splitting": "splitting"}
    is_reference = run.strategy in REFERENCE_MODELS
    if is_reference:
        settings["reference"] = f"reference_models.{run.strategy}"
    else:
        settings["strategy"] = f"strategies.{run.strategy}"
    node = Node(
        fit_folds if is_reference else train_folds,
        {**{name: name for name in DATA}, **{name: f"params:{name}" for name in settings}},
        "runs",
        name="train_folds",
        tags="gpu",
    )
    return Pipeline(
        [node],
        namespace=run.namespace,
        inputs=set(DATA),
        outputs={"runs": run.fold_results},
        parameters={f"params:{name}": f"params:{value}" for name, value in settings.items()},
    )
