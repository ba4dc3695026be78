"""Kedro runners beyond Kedro's own: nodes on a Dask cluster."""

from lung_cxr.runners.dask_runner import DaskRunner

__all__ = ["DaskRunner"]
