"""Pipeline `monitoring`: the page of all batches; `predict` and `evaluate` add a batch first."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.monitoring.nodes import watch_external_images, watch_new_images, write_monitoring_page


def create_pipeline() -> Pipeline:
    """Return the pipeline: it draws the page of the stored batches."""
    return Pipeline(
        [
            Node(
                write_monitoring_page,
                ["watched_batches", "params:monitoring"],
                "monitoring_page",
                name="write_monitoring_page",
            )
        ]
    )


def of_new_images() -> Pipeline:
    """Return the part of `predict` that adds its batch."""
    return Pipeline(
        [
            Node(
                watch_new_images,
                {
                    "new_image_probabilities": "new_image_probabilities",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "monitoring": "params:monitoring",
                    "training": "params:training",
                },
                "watched_batches",
                name="watch_new_images",
            )
        ]
    )


def of_external_images() -> Pipeline:
    """Return the part of `evaluate` that adds its batch, one row per run."""
    return Pipeline(
        [
            Node(
                watch_external_images,
                {
                    "external_predictions": "external_predictions",
                    "image_manifest": "image_manifest",
                    "training_model_folder": "training_model_folder",
                    "training_output_folder": "training_output_folder",
                    "evaluate": "params:evaluate",
                    "monitoring": "params:monitoring",
                    "training": "params:training",
                },
                "watched_batches",
                name="watch_external_images",
            )
        ]
    )
