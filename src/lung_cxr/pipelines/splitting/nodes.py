"""Nodes of `splitting`: they pass tables and settings to `lung_cxr.splitting`."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from lung_cxr import contracts
from lung_cxr.evaluation import quality_reference
from lung_cxr.imaging.catalogue.fault_check import require_passed
from lung_cxr.parameters import BackboneParameters, IngestionParameters, SplittingParameters
from lung_cxr.splitting import assign, distribution, folds, leaks, pixels
from lung_cxr.splitting import split as image_split
from lung_cxr.splitting.assignments import check_against_split, checked_assignments

LeakCheck = dict[str, Any]


def assign_patients(
    image_manifest: pd.DataFrame,
    fault_check: dict[str, Any],
    previous_patient_subsets: pd.DataFrame | None,
    previous_split: pd.DataFrame | None,
    splitting: SplittingParameters,
) -> pd.DataFrame:
    """Assign each new patient to a subset; earlier assignments stay. Refuse a catalogue with too many faults."""
    check_against_split(checked_assignments(previous_patient_subsets), previous_split)
    manifest = contracts.image_manifest.validate(image_manifest)
    require_passed(fault_check, manifest)
    return assign.assign_patients(
        manifest, previous_patient_subsets, seed=splitting.seed, fractions=splitting.fractions
    )


def split_images(image_manifest: pd.DataFrame, patient_subsets: pd.DataFrame) -> pd.DataFrame:
    """Give each accepted image the subset of its patient."""
    return image_split.split_images(image_manifest, patient_subsets)


def assign_folds(
    image_manifest: pd.DataFrame,
    patient_subsets: pd.DataFrame,
    previous_patient_folds: pd.DataFrame | None,
    splitting: SplittingParameters,
) -> pd.DataFrame:
    """Assign each new patient to a fold of the cross-validation; earlier assignments stay."""
    return folds.assign_folds(
        image_manifest, patient_subsets, previous_patient_folds, folds=splitting.n_folds, seed=splitting.seed
    )


def check_leaks(
    split: pd.DataFrame,
    patient_folds: pd.DataFrame,
    image_manifest: pd.DataFrame,
    image_folder: Path,
    ingestion: IngestionParameters,
    splitting: SplittingParameters,
) -> LeakCheck:
    """Fail if a patient, an image or a near duplicate is in two subsets or in two folds."""
    quality = ingestion.quality
    check = partial(
        leaks.check_leaks,
        manifest=image_manifest,
        image_folder=image_folder,
        max_bits=quality.near_duplicate_bits,
        min_correlation=quality.near_duplicate_correlation,
    )
    found = check(split)
    if splitting.n_folds is None:
        return found
    of_folds = split.assign(subset=folds.folds_of_images(split, patient_folds, splitting.n_folds).astype(str))
    return {**found, "folds": check(of_folds)}


def describe_quality(image_manifest: pd.DataFrame, _leak_check: LeakCheck) -> dict[str, Any]:
    """Describe the QC metrics of the accepted images, for the decision rules of runs on this split."""
    return quality_reference.describe_quality(image_manifest)


def grow_pixel_arrays(
    split: pd.DataFrame,
    image_manifest: pd.DataFrame,
    known_exports: pd.DataFrame,
    image_folder: Path,
    pixel_folder: Path,
    backbones: dict[str, Any],
    splitting: SplittingParameters,
    _leak_check: LeakCheck,
    _quality_reference: dict[str, Any],
) -> dict[str, dict[str, Any]]:
    """Decode new images at the input size of every backbone; record whether any image is synthetic."""
    # Kedro builds Pydantic models of whole parameter groups only, not of the values of a dictionary
    checked = TypeAdapter(dict[str, BackboneParameters]).validate_python(backbones)
    arrays = pixels.grow_pixel_arrays(
        split,
        image_manifest,
        image_folder,
        pixel_folder,
        sizes=[backbone.size for backbone in checked.values()],
        workers=splitting.workers,
    )
    synthetic = image_split.holds_synthetic(split, image_manifest, contracts.known_exports.validate(known_exports))
    return {size: {**array, "synthetic": synthetic} for size, array in arrays.items()}


def tabulate_distribution(split: pd.DataFrame, splitting: SplittingParameters, _leak_check: LeakCheck) -> pd.DataFrame:
    """Tabulate Table 1 of this catalogue beside that of the paper."""
    return distribution.tabulate_distribution(split, splitting.fractions)
