"""Sensitivity to p, k, decay, n and depth, on chosen backbones (section III.F)."""

from lung_cxr.pipelines.sensitivity.pipeline import create_pipeline

__all__ = ["create_pipeline"]
