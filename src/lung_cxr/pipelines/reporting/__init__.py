"""Reporting: tables, figures, tests and one HTML page from the finished runs."""

from lung_cxr.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
