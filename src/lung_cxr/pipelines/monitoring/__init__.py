"""Watch the batches of images that a run predicts."""

from lung_cxr.pipelines.monitoring.pipeline import create_pipeline, of_external_images, of_new_images

__all__ = ["create_pipeline", "of_external_images", "of_new_images"]
