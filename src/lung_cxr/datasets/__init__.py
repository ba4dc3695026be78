"""Kedro datasets of our own, each for a purpose that no dataset of kedro-datasets serves."""

from lung_cxr.datasets.atomic_files import (
    AppendedParquetDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicTextDataset,
)
from lung_cxr.datasets.exports import ExportsDataset
from lung_cxr.datasets.folder import FolderDataset
from lung_cxr.datasets.latest import LatestTextDataset
from lung_cxr.datasets.new_images import NewImagesDataset
from lung_cxr.datasets.optional import OptionalDataset
from lung_cxr.datasets.queries import QueriesDataset
from lung_cxr.datasets.run_result import RunResult
from lung_cxr.datasets.runs import (
    BaselineRunsDataset,
    CrossValidationRunsDataset,
    EnsembleRunsDataset,
    FoldRunsDataset,
    RunsDataset,
    SweepRunsDataset,
)
from lung_cxr.datasets.safe_csv import SafeCSVDataset
from lung_cxr.datasets.secret_key import SecretKeyDataset

__all__ = [
    "AppendedParquetDataset",
    "AtomicJSONDataset",
    "AtomicParquetDataset",
    "AtomicTextDataset",
    "BaselineRunsDataset",
    "CrossValidationRunsDataset",
    "EnsembleRunsDataset",
    "ExportsDataset",
    "FoldRunsDataset",
    "FolderDataset",
    "LatestTextDataset",
    "NewImagesDataset",
    "OptionalDataset",
    "QueriesDataset",
    "RunResult",
    "RunsDataset",
    "SafeCSVDataset",
    "SecretKeyDataset",
    "SweepRunsDataset",
]
