"""Pipeline `ensembles`: one node, from the finished runs to ensembles of them; not in the default pipeline."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.ensembles.nodes import combine_runs


def create_pipeline() -> Pipeline:
    """Return the pipeline. Its runs are those of earlier commands."""
    data = ("split", "pixel_arrays", "pixel_folder", "model_folder", "output_folder")
    return Pipeline(
        [
            Node(
                combine_runs,
                {**{name: name for name in data}, "ensembles": "params:ensembles", "training": "params:training"},
                "ensemble_runs",
                name="combine_runs",
                tags="gpu",
            )
        ]
    )
