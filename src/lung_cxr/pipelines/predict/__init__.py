"""Predict new images with a trained run."""

from lung_cxr.pipelines.predict.pipeline import create_pipeline

__all__ = ["create_pipeline"]
