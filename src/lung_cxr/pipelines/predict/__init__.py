"""New images and a trained run to a table of probabilities."""

from lung_cxr.pipelines.predict.pipeline import create_pipeline

__all__ = ["create_pipeline"]
