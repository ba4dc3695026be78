"""Train every backbone with the baselines: all strategies that the paper does not compare."""

from lung_cxr.pipelines.baselines.pipeline import create_pipeline

__all__ = ["create_pipeline"]
