"""Sensitivity: grid points of section III.F on chosen backbones, a table and heat maps; not in the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import BACKBONES, sweep_results
from lung_cxr.pipelines.sensitivity.nodes import draw_sensitivity, tabulate_sensitivity, train_grid_points

STRATEGIES = {"dynamic": "params:strategies.dynamic", "traditional": "params:strategies.traditional"}
SETTINGS = {"training": "params:training", "sensitivity": "params:sensitivity"}
DATA = ("split", "pixel_arrays", "pixel_folder", "model_folder", "output_folder")


def create_pipeline() -> Pipeline:
    """Return one training node per backbone, each in its namespace, and the nodes that summarise all runs.

    The graph cannot depend on `sensitivity.backbones`: the nodes of the other backbones log a line and do nothing.
    """
    results = {sweep_results(backbone): sweep_results(backbone) for backbone in BACKBONES}
    summary = Pipeline(
        [
            Node(
                tabulate_sensitivity,
                {**STRATEGIES, **SETTINGS, "reporting": "params:reporting", **results},
                "sensitivity_table",
                name="tabulate_sensitivity",
            ),
            Node(
                draw_sensitivity,
                {"sensitivity_table": "sensitivity_table", "dynamic": STRATEGIES["dynamic"], **SETTINGS},
                "sensitivity_heat_maps",
                name="draw_sensitivity",
            ),
        ]
    )
    return Pipeline([summary, *map(_sweep_of, BACKBONES)])


def _sweep_of(backbone: str) -> Pipeline:
    """Return the training pipeline of one backbone."""
    training = Node(
        train_grid_points,
        {**{name: name for name in DATA}, "backbone": "params:backbone", **STRATEGIES, **SETTINGS},
        "runs",
        name="train_grid_points",
        tags="gpu",
    )
    return Pipeline(
        [training],
        namespace=backbone,
        inputs=set(DATA),
        outputs={"runs": sweep_results(backbone)},
        parameters={
            "params:backbone": f"params:backbones.{backbone}",
            **{name: name for name in (*STRATEGIES.values(), *SETTINGS.values())},
        },
    )
