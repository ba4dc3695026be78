"""Writes the raw exports of a hospital that does not exist."""

from lung_cxr.pipelines.synthetic_hospital.pipeline import create_pipeline

__all__ = ["create_pipeline"]
