"""Patients to subsets, for ever; images to pixel arrays, once."""

from lung_cxr.pipelines.splitting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
