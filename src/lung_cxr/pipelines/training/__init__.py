"""Train every backbone with the strategies that the paper compares."""

from lung_cxr.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
