"""Nodes of `cross_validation`: pass the split of each fold to the training of `lung_cxr.training`."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.parameters import BackboneParameters, ReferenceModelParameters, SplittingParameters, TrainingParameters
from lung_cxr.pipelines.training.nodes import experiment_on, reference_model
from lung_cxr.splitting import folds
from lung_cxr.splitting.split import split_sha256
from lung_cxr.training.strategies.registry import StrategyParameters

log = logging.getLogger(__name__)

# Load time does not depend on the fold, and measuring it for many runs takes long.
NOT_MEASURED = {"load_time_repeats": 0}


def train_folds(
    split: pd.DataFrame,
    patient_folds: pd.DataFrame | None,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    backbone: BackboneParameters,
    strategy: StrategyParameters,
    training: TrainingParameters,
    splitting: SplittingParameters,
) -> Iterator[dict[str, Any]]:
    """Train the runs of one grid point on the split of every fold; yield each record when its run ends."""
    from lung_cxr.training.run.folders import RunFolders
    from lung_cxr.training.runs import train_seeds

    settings = training.model_copy(update=NOT_MEASURED)
    experiment = experiment_on(split, pixel_arrays, pixel_folder, model_folder, backbone, strategy, settings)
    for fold, data in _folds(experiment, patient_folds, splitting):
        place = Path(training.experiment, backbone.architecture, strategy.root.kind, f"fold_{fold}")
        folders_of_seed = partial(RunFolders, model_folder / place, output_folder / place)
        yield from train_seeds(replace(experiment, fold=fold, **data), folders_of_seed)


def fit_folds(
    split: pd.DataFrame,
    patient_folds: pd.DataFrame | None,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    backbone: BackboneParameters,
    reference: ReferenceModelParameters,
    training: TrainingParameters,
    splitting: SplittingParameters,
) -> Iterator[dict[str, Any]]:
    """Fit one reference model of one backbone on the split of every fold; yield each record."""
    from lung_cxr.training.reference.fit import fit_reference_model
    from lung_cxr.training.run.folders import RunFolders

    training = training.model_copy(update=NOT_MEASURED)
    model = reference_model(split, pixel_arrays, pixel_folder, model_folder, backbone, reference, training)
    for fold, data in _folds(model, patient_folds, splitting):
        place = Path(training.experiment, backbone.architecture, reference.kind, f"fold_{fold}")
        folders_of_seed = partial(RunFolders, model_folder / place, output_folder / place)
        yield from fit_reference_model(replace(model, fold=fold, **data), folders_of_seed)


def _folds(
    model: Any, patient_folds: pd.DataFrame | None, splitting: SplittingParameters
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each fold with the fields `images` and `data_hashes` of a model or experiment on its split."""
    for fold, split in folds.fold_splits(model.images.split, patient_folds, splitting):
        log.info("Fold %d of %d", fold, splitting.n_folds)
        hashes = {**model.data_hashes, "split_sha256": split_sha256(split)}
        yield fold, {"images": replace(model.images, split=split), "data_hashes": hashes}
