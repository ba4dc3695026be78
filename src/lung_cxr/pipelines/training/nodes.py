"""Nodes of `training`: pass folders, tables and settings to `lung_cxr.training`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lung_cxr import contracts
from lung_cxr.parameters import BackboneParameters, ReferenceModelParameters, TrainingParameters
from lung_cxr.splitting.split import split_sha256
from lung_cxr.training.strategies.registry import StrategyParameters

if TYPE_CHECKING:  # importing Keras takes seconds
    from lung_cxr.training.data.feed import SplitImages
    from lung_cxr.training.reference.fit import ReferenceModel
    from lung_cxr.training.runs import Experiment


def train(
    split: pd.DataFrame,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    backbone: BackboneParameters,
    strategy: StrategyParameters,
    training: TrainingParameters,
) -> Iterator[dict[str, Any]]:
    """Train the runs of one grid point; yield the record of each seed when its run ends.

    The files of the runs are in `<experiment>/<backbone>/<strategy>` of `model_folder` and `output_folder`.
    """
    from lung_cxr.training.run.folders import RunFolders
    from lung_cxr.training.runs import train_seeds

    grid_point = Path(training.experiment, backbone.architecture, strategy.root.kind)
    experiment = experiment_on(split, pixel_arrays, pixel_folder, model_folder, backbone, strategy, training)
    yield from train_seeds(
        experiment, lambda seed: RunFolders(model_folder / grid_point, output_folder / grid_point, seed)
    )


def fit_reference_model(
    split: pd.DataFrame,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    backbone: BackboneParameters,
    reference: ReferenceModelParameters,
    training: TrainingParameters,
) -> Iterator[dict[str, Any]]:
    """Fit one reference model of one backbone; yield its record unless the stored one is up to date."""
    from lung_cxr.training.reference import fit
    from lung_cxr.training.run.folders import RunFolders

    grid_point = Path(training.experiment, backbone.architecture, reference.kind)
    yield from fit.fit_reference_model(
        reference_model(split, pixel_arrays, pixel_folder, model_folder, backbone, reference, training),
        lambda seed: RunFolders(model_folder / grid_point, output_folder / grid_point, seed),
    )


def reference_model(
    split: pd.DataFrame,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    backbone: BackboneParameters,
    reference: ReferenceModelParameters,
    training: TrainingParameters,
) -> "ReferenceModel":
    """Return a reference model of a backbone on the data of a split."""
    from lung_cxr.training.reference.fit import ReferenceModel
    from lung_cxr.training.run.file_names import FROZEN_FEATURES

    return ReferenceModel(
        backbone=backbone,
        settings=reference,
        training=training,
        images=images_of(split, pixel_folder, backbone),
        data_hashes=hashes_of_data(split, pixel_arrays, backbone.size),
        feature_folder=model_folder / backbone.architecture / FROZEN_FEATURES,
        synthetic=pixel_arrays[str(backbone.size)].get("synthetic"),
    )


def experiment_on(
    split: pd.DataFrame,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    backbone: BackboneParameters,
    strategy: StrategyParameters,
    training: TrainingParameters,
) -> "Experiment":
    """Return the experiment of a backbone with a strategy on the data of a split."""
    from lung_cxr.training.run.file_names import FROZEN_FEATURES
    from lung_cxr.training.runs import Experiment

    return Experiment(
        backbone_name=backbone.architecture,
        strategy_name=strategy.root.kind,
        backbone=backbone,
        strategy=strategy,
        training=training,
        images=images_of(split, pixel_folder, backbone),
        data_hashes=hashes_of_data(split, pixel_arrays, backbone.size),
        synthetic=pixel_arrays[str(backbone.size)].get("synthetic"),
        feature_folder=model_folder / backbone.architecture / FROZEN_FEATURES,
    )


def images_of(split: pd.DataFrame, pixel_folder: Path, backbone: BackboneParameters) -> "SplitImages":
    """Return the images of a split at the input size of a backbone."""
    return images_of_size(split, pixel_folder, backbone.size)


def images_of_size(split: pd.DataFrame, pixel_folder: Path, size: int) -> "SplitImages":
    """Return the images of a split at a size in pixels."""
    from lung_cxr.splitting.pixels import open_pixels, stored_quality
    from lung_cxr.training.data.feed import SplitImages

    return SplitImages(open_pixels(pixel_folder, size), contracts.split.validate(split), stored_quality(pixel_folder))


def hashes_of_data(split: pd.DataFrame, pixel_arrays: dict[str, dict[str, Any]], size: int) -> dict[str, str]:
    """Return the hashes that identify the data of a run.

    Raises:
        ValueError: The pixel array of this size is missing or belongs to another split.
    """
    array, of_split = pixel_arrays.get(str(size)), split_sha256(split)
    if array is None or array["split_sha256"] != of_split:
        found = f"arrays of {', '.join(pixel_arrays) or 'no size'}" if array is None else "one of another split"
        raise ValueError(
            f"training needs the pixel array of {size} px for this split, found {found}: "
            "run `kedro run --pipelines splitting` first"
        )
    return {"split_sha256": of_split, "pixel_sha256": array["sha256"]}
