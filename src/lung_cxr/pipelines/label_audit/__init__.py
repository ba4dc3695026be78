"""Search for label errors in the catalogue."""

from lung_cxr.pipelines.label_audit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
