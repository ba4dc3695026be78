"""Combine finished runs into ensembles."""

from lung_cxr.pipelines.ensembles.pipeline import create_pipeline

__all__ = ["create_pipeline"]
