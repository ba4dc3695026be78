"""Finished runs to tables, figures, tests and one page that people read."""

from lung_cxr.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
