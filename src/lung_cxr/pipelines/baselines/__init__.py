"""Every backbone under the strategies that the paper does not compare: what dynamic fine-tuning has to beat besides."""

from lung_cxr.pipelines.baselines.pipeline import create_pipeline

__all__ = ["create_pipeline"]
