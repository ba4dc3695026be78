"""Pipeline `evaluate`: trained runs of another site on this catalogue. It needs no split."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines import monitoring
from lung_cxr.pipelines.evaluate.nodes import evaluate_external_runs, predict_external_images, write_external_report


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    evaluation = Pipeline(
        [
            Node(
                predict_external_images,
                {
                    "image_manifest": "image_manifest",
                    "fault_check": "fault_check",
                    "image_folder": "image_folder",
                    "external_workplace": "external_workplace",
                    "model_folder": "model_folder",
                    "training_model_folder": "training_model_folder",
                    "training_output_folder": "training_output_folder",
                    "training_pixel_folder": "training_pixel_folder",
                    "training_split": "training_split",
                    "evaluate": "params:evaluate",
                    "splitting": "params:splitting",
                    "reporting": "params:reporting",
                    "training": "params:training",
                    "experiment": "params:training.experiment",
                },
                ["external_predictions", "feature_shift"],
                name="predict_external_images",
                tags="gpu",
            ),
            Node(
                evaluate_external_runs,
                {
                    "external_predictions": "external_predictions",
                    "feature_shift": "feature_shift",
                    "image_manifest": "image_manifest",
                    "image_folder": "image_folder",
                    "key_fingerprint": "key_fingerprint",
                    "known_exports": "known_exports",
                    "training_model_folder": "training_model_folder",
                    "training_output_folder": "training_output_folder",
                    "training_image_folder": "training_image_folder",
                    "training_split": "training_split",
                    "training_image_manifest": "training_image_manifest",
                    "training_key_fingerprint": "training_key_fingerprint",
                    "evaluate": "params:evaluate",
                    "reporting": "params:reporting",
                    "training": "params:training",
                    "ingestion": "params:ingestion",
                    "ingestion_report": "params:ingestion_report",
                },
                ["external_evaluation", "external_classes"],
                name="evaluate_external_runs",
            ),
            Node(
                write_external_report,
                ["external_evaluation", "known_exports", "params:evaluate"],
                "external_report",
                name="write_external_report",
            ),
        ]
    )
    return evaluation + monitoring.of_external_images() + monitoring.create_pipeline()
