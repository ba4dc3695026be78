"""Kedro datasets of our own: few, small, each for what no dataset of kedro-datasets does."""

from lung_cxr.datasets.folder import FolderDataset
from lung_cxr.datasets.optional import OptionalDataset
from lung_cxr.datasets.runs import RunResult, RunsDataset

__all__ = ["FolderDataset", "OptionalDataset", "RunResult", "RunsDataset"]
