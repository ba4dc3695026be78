"""Check: the exports before a refresh, from tables and headers alone."""

from lung_cxr.pipelines.check.pipeline import create_pipeline

__all__ = ["create_pipeline"]
