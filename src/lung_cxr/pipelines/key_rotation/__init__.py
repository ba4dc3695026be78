"""A catalogue from one pseudonymisation key to another."""

from lung_cxr.pipelines.key_rotation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
