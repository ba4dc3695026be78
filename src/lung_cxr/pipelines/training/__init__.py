"""Every backbone under every strategy of the grid, seed by seed."""

from lung_cxr.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
