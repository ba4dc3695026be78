"""Ingestion: a hospital's exports to a de-identified, quality-controlled image catalogue."""

from lung_cxr.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
