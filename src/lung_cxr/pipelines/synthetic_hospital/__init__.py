"""Write the raw exports of a synthetic hospital."""

from lung_cxr.pipelines.synthetic_hospital.pipeline import create_pipeline

__all__ = ["create_pipeline"]
