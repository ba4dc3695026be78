"""Sensitivity: settings of section III.F on chosen backbones, a table and heat maps; not in the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import BACKBONES, sweep_results
from lung_cxr.pipelines.sensitivity.nodes import draw_sensitivity, tabulate_sensitivity, train_settings

STRATEGIES = {"dynamic": "params:strategies.dynamic", "traditional": "params:strategies.traditional"}
SETTINGS = {"training": "params:training", "sensitivity": "params:sensitivity"}


def create_pipeline() -> Pipeline:
    """Return a training node for every backbone, in its namespace, and what is made of all their runs.

    The graph cannot depend on `sensitivity.backbones`: the nodes of the other backbones do nothing and say so.
    """
    results = {sweep_results(backbone): sweep_results(backbone) for backbone in BACKBONES}
    summary = Pipeline(
        [
            Node(
                tabulate_sensitivity,
                {**STRATEGIES, **SETTINGS, **results},
                "sensitivity_table",
                name="tabulate_sensitivity",
            ),
            Node(
                draw_sensitivity,
                {"table": "sensitivity_table", "dynamic": STRATEGIES["dynamic"], **SETTINGS},
                "sensitivity_heat_maps",
                name="draw_sensitivity",
            ),
        ]
    )
    return sum((_settings_of(backbone) for backbone in BACKBONES), summary)


def _settings_of(backbone: str) -> Pipeline:
    """Return the pipeline of one backbone."""
    inputs = ("split", "pixel_arrays", "pixel_folder", "model_folder", "output_folder")
    training = Node(
        train_settings,
        {**{name: name for name in inputs}, "backbone": "params:backbone", **STRATEGIES, **SETTINGS},
        "runs",
        name="train_settings",
        tags="gpu",
    )
    return Pipeline(
        [training],
        namespace=backbone,
        inputs=set(inputs),
        outputs={"runs": sweep_results(backbone)},
        parameters={
            "params:backbone": f"params:backbones.{backbone}",
            **{name: name for name in (*STRATEGIES.values(), *SETTINGS.values())},
        },
    )
