"""Assignment of patients to subsets, the leak check and the pixel arrays."""

from lung_cxr.pipelines.splitting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
