"""Prediction: reading needs no Keras, the model needs no file of the hospital's."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.predict.nodes import predict_new_images, read_new_images


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return Pipeline(
        [
            Node(
                read_new_images,
                [
                    "new_images",
                    "pseudonymisation_key",
                    "previous_key_fingerprint",
                    "model_folder",
                    "output_folder",
                    "new_images_workplace",
                    "params:ingestion",
                    "params:predict",
                ],
                ["new_file_keys", "new_images_seen"],
                name="read_new_images",
            ),
            Node(
                predict_new_images,
                ["new_images_seen", "model_folder", "output_folder", "new_images_workplace", "params:predict"],
                ["new_image_probabilities", "new_image_probabilities_csv"],
                name="predict_new_images",
                tags="gpu",
            ),
        ]
    )
