"""Nodes of `sensitivity`: they hand data and settings to `lung_cxr.training`, and the results to `lung_cxr.report`."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.parameters import (
    BackboneParameters,
    SensitivityParameters,
    StrategyParameters,
    TrainingParameters,
)
from lung_cxr.pipelines.training.nodes import experiment_on
from lung_cxr.training.sweep.grid import all_settings, dynamic_settings, traditional_settings

FOLDER = "sensitivity"  # below 06_models and 07_model_output (DESIGN §5)

log = logging.getLogger(__name__)


def train_settings(
    split: pd.DataFrame,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    backbone: BackboneParameters,
    dynamic: StrategyParameters,
    traditional: StrategyParameters,
    training: TrainingParameters,
    sensitivity: SensitivityParameters,
) -> Iterator[dict[str, Any]]:
    """Do the runs of one backbone, if it was chosen; each record is saved as soon as its run ends."""
    if backbone.architecture not in sensitivity.backbones:
        log.info("%s: not among sensitivity.backbones, nothing to do", backbone.architecture)
        return
    from lung_cxr.training.run.folders import RunFolders
    from lung_cxr.training.sweep import sensitivity as analysis

    models, outputs = (folder / training.variant / FOLDER for folder in (model_folder, output_folder))
    yield from analysis.train_settings(
        experiment_on(split, pixel_arrays, pixel_folder, model_folder, backbone, dynamic, training),
        dynamic_settings(sensitivity, dynamic, training),
        traditional_settings(sensitivity, traditional, training),
        lambda name, seed: RunFolders(models / name, outputs / name, seed),
    )


def tabulate_sensitivity(
    dynamic: StrategyParameters,
    traditional: StrategyParameters,
    training: TrainingParameters,
    sensitivity: SensitivityParameters,
    **results: dict[str, list[Any]],
) -> pd.DataFrame:
    """Put what every setting came to into one table.

    Args:
        dynamic, traditional, training, sensitivity: What was to be tried.
        results: Name of the run → `RunResults` of its seeds, for each backbone.
    """
    from lung_cxr.report.tables.sensitivity_table import tabulate_settings

    settings = all_settings(sensitivity, dynamic, traditional, training)
    runs = {name: seeds for of_backbone in results.values() for name, seeds in of_backbone.items()}
    return tabulate_settings(runs, settings, sensitivity.backbones, training.seeds)


def draw_sensitivity(
    table: pd.DataFrame, dynamic: StrategyParameters, training: TrainingParameters, sensitivity: SensitivityParameters
) -> dict[str, Any]:
    """Matplotlib figures by file name: a heat map for each backbone."""
    from lung_cxr.report.figures.sensitivity_heat_maps import draw_heat_maps

    return draw_heat_maps(table, sensitivity, dynamic, training.max_epochs)
