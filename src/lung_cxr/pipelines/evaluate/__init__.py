"""Evaluate trained runs of another site on the images of this catalogue."""

from lung_cxr.pipelines.evaluate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
