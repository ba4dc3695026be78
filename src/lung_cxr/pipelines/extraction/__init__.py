"""From the hospital's database to a new export folder."""

from lung_cxr.pipelines.extraction.pipeline import create_pipeline

__all__ = ["create_pipeline"]
