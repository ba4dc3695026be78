"""Nodes of `splitting`: they hand tables and settings to `lung_cxr.splitting`."""

from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from lung_cxr import contracts
from lung_cxr.imaging.catalogue import fault_check
from lung_cxr.parameters import BackboneParameters, IngestionParameters, SplittingParameters
from lung_cxr.splitting import assign, distribution, leaks, pixels
from lung_cxr.splitting import split as image_split

LeakCheck = dict[str, int | float | None]


def assign_patients(
    image_manifest: pd.DataFrame,
    checked: dict[str, Any],
    previous: pd.DataFrame | None,
    parameters: SplittingParameters,
) -> pd.DataFrame:
    """Give every new patient its subset; those of earlier runs keep theirs. No broken export gets so far."""
    manifest = contracts.image_manifest.validate(image_manifest)
    fault_check.require_passed(checked, manifest)
    return assign.assign_patients(manifest, previous, seed=parameters.seed, fractions=parameters.fractions)


def split_images(image_manifest: pd.DataFrame, patient_subsets: pd.DataFrame) -> pd.DataFrame:
    """Give every accepted image its patient's subset."""
    return image_split.split_images(image_manifest, patient_subsets)


def check_leaks(
    split: pd.DataFrame, image_manifest: pd.DataFrame, image_folder: Path, ingestion: IngestionParameters
) -> LeakCheck:
    """Stop the run when a patient, an image or a near duplicate stands in two subsets."""
    quality = ingestion.quality
    return leaks.check_leaks(
        split,
        image_manifest,
        image_folder,
        max_bits=quality.near_duplicate_bits,
        min_correlation=quality.near_duplicate_correlation,
    )


def grow_pixel_arrays(
    split: pd.DataFrame,
    image_manifest: pd.DataFrame,
    leak_check: LeakCheck,  # noqa: ARG001  what was not checked is not built
    known_exports: pd.DataFrame,
    image_folder: Path,
    pixel_folder: Path,
    backbones: dict[str, Any],
    parameters: SplittingParameters,
) -> dict[str, dict[str, Any]]:
    """Decode what is new, at the input size of every backbone; say whether any image is made up."""
    # Kedro builds models of single parameter groups only, not of the values of a dictionary.
    checked = TypeAdapter(dict[str, BackboneParameters]).validate_python(backbones)
    arrays = pixels.grow_pixel_arrays(
        split,
        image_manifest,
        image_folder,
        pixel_folder,
        sizes=[backbone.size for backbone in checked.values()],
        workers=parameters.workers,
    )
    synthetic = image_split.holds_synthetic(split, image_manifest, contracts.known_exports.validate(known_exports))
    return {size: {**array, "synthetic": synthetic} for size, array in arrays.items()}


def tabulate_distribution(
    split: pd.DataFrame,
    leak_check: LeakCheck,  # noqa: ARG001  what was not checked is not reported
    parameters: SplittingParameters,
) -> pd.DataFrame:
    """Table 1 from our data beside the paper's."""
    return distribution.tabulate_distribution(split, parameters.fractions)
