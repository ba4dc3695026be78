"""Pipeline `predict`: read new images, predict, write the page, and watch the run.

Reading needs no Keras; prediction opens no raw file.
"""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines import monitoring
from lung_cxr.pipelines.predict.nodes import predict_new_images, read_new_images, write_predictions_page


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    prediction = Pipeline(
        [
            Node(
                read_new_images,
                {
                    "new_images": "new_images",
                    "pseudonymisation_key": "pseudonymisation_key",
                    "previous_key_fingerprint": "previous_key_fingerprint",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "new_images_workplace": "new_images_workplace",
                    "ingestion": "params:ingestion",
                    "predict": "params:predict",
                    "experiment": "params:training.experiment",
                },
                ["new_file_keys", "new_images_seen"],
                name="read_new_images",
            ),
            Node(
                predict_new_images,
                {
                    "new_images_seen": "new_images_seen",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "new_images_workplace": "new_images_workplace",
                    "predict": "params:predict",
                    "training": "params:training",
                    "experiment": "params:training.experiment",
                },
                ["new_image_probabilities", "new_image_probabilities_csv"],
                name="predict_new_images",
                tags="gpu",
            ),
            Node(
                write_predictions_page,
                ["new_image_probabilities", "model_folder", "output_folder"],
                "predictions_page",
                name="write_predictions_page",
            ),
        ]
    )
    return prediction + monitoring.of_new_images() + monitoring.create_pipeline()
