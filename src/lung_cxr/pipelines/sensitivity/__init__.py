"""Sensitivity to p, k, decay and n of dynamic fine-tuning and to the depth of traditional fine-tuning (III.F)."""

from lung_cxr.pipelines.sensitivity.pipeline import create_pipeline

__all__ = ["create_pipeline"]
