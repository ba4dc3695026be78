"""The way back from images of the catalogue to rows of the exports, for the data office."""

from lung_cxr.pipelines.reidentify.pipeline import create_pipeline

__all__ = ["create_pipeline"]
