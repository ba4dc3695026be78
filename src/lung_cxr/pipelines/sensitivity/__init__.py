"""How much p, k, decay and n of dynamic fine-tuning matter, and the depth of the traditional one (section III.F)."""

from lung_cxr.pipelines.sensitivity.pipeline import create_pipeline

__all__ = ["create_pipeline"]
