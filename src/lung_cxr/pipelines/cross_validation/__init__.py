"""Train every backbone and strategy once per fold of the patients."""

from lung_cxr.pipelines.cross_validation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
