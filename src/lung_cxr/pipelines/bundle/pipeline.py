"""Pipeline `bundle`: one node, because a bundle is written completely or not at all."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.bundle.nodes import write_bundle


def create_pipeline() -> Pipeline:
    """Return the pipeline; the bundle is a folder, not a dataset."""
    return Pipeline(
        [
            Node(
                write_bundle,
                {
                    "image_folder": "image_folder",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "bundle": "params:bundle",
                    "ingestion": "params:ingestion",
                    "predict": "params:predict",
                    "training": "params:training",
                    "reporting": "params:reporting",
                    "experiment": "params:training.experiment",
                },
                None,
                name="write_bundle",
            )
        ]
    )
