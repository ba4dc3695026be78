"""Kedro datasets of our own: few, small, each for what no dataset of kedro-datasets does."""

from lung_cxr.datasets.atomic_files import AtomicJSONDataset, AtomicParquetDataset, AtomicTextDataset
from lung_cxr.datasets.exports import ExportsDataset
from lung_cxr.datasets.folder import FolderDataset
from lung_cxr.datasets.new_images import NewImagesDataset
from lung_cxr.datasets.optional import OptionalDataset
from lung_cxr.datasets.runs import (
    BaselineRunsDataset,
    CrossValidationRunsDataset,
    FoldRunsDataset,
    RunResult,
    RunsDataset,
    SweepRunsDataset,
)
from lung_cxr.datasets.safe_csv import SafeCSVDataset
from lung_cxr.datasets.secret_key import SecretKeyDataset

__all__ = [
    "AtomicJSONDataset",
    "AtomicParquetDataset",
    "AtomicTextDataset",
    "BaselineRunsDataset",
    "CrossValidationRunsDataset",
    "ExportsDataset",
    "FoldRunsDataset",
    "FolderDataset",
    "NewImagesDataset",
    "OptionalDataset",
    "RunResult",
    "RunsDataset",
    "SafeCSVDataset",
    "SecretKeyDataset",
    "SweepRunsDataset",
]
