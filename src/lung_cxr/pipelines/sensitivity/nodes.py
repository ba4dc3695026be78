"""Nodes of `sensitivity`: pass data and parameters to `lung_cxr.training`, and its results to `lung_cxr.report`."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.parameters import BackboneParameters, ReportingParameters, SensitivityParameters, TrainingParameters
from lung_cxr.pipelines.training.nodes import experiment_on
from lung_cxr.training.strategies.registry import StrategyParameters
from lung_cxr.training.sweep.grid import dynamic_grid_points, grid_points, traditional_grid_points

FOLDER = "sensitivity"  # below 06_models and 07_model_output

log = logging.getLogger(__name__)


def train_grid_points(
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
    """Train the grid points of one backbone if `sensitivity.backbones` names it; yield each record as its run ends."""
    if backbone.architecture not in sensitivity.backbones:
        log.info("%s: not in sensitivity.backbones; nothing to do", backbone.architecture)
        return
    from lung_cxr.training.run.folders import RunFolders
    from lung_cxr.training.sweep import sweep

    models, outputs = (folder / training.experiment / FOLDER for folder in (model_folder, output_folder))
    yield from sweep.train_grid_points(
        experiment_on(split, pixel_arrays, pixel_folder, model_folder, backbone, dynamic, training),
        dynamic_grid_points(sensitivity, dynamic, training),
        traditional_grid_points(sensitivity, traditional, training),
        lambda name, seed: RunFolders(models / name, outputs / name, seed),
    )


def tabulate_sensitivity(
    dynamic: StrategyParameters,
    traditional: StrategyParameters,
    training: TrainingParameters,
    sensitivity: SensitivityParameters,
    reporting: ReportingParameters,
    **results: dict[str, list[Any]],
) -> pd.DataFrame:
    """Return one row per backbone, grid point and seed.

    Args:
        dynamic, traditional, training, sensitivity: Parameters that define the grid points.
        reporting: Parameters of the intervals.
        results: For each backbone, name of the run → `RunResult` of its seeds.
    """
    from lung_cxr.report.tables.sensitivity_table import tabulate_grid_points

    grid = grid_points(sensitivity, dynamic, traditional, training)
    runs = {name: seeds for of_backbone in results.values() for name, seeds in of_backbone.items()}
    own = next((point.name for point in grid if (point.strategy, point.training) == (dynamic, training)), "")
    return tabulate_grid_points(runs, grid, own, sensitivity.backbones, training.seeds, reporting.bootstrap)


def draw_sensitivity(
    sensitivity_table: pd.DataFrame,
    dynamic: StrategyParameters,
    training: TrainingParameters,
    sensitivity: SensitivityParameters,
) -> dict[str, Any]:
    """Return file name → Matplotlib figure: one heat map per backbone."""
    from lung_cxr.report.figures.sensitivity_heat_maps import draw_heat_maps

    return draw_heat_maps(sensitivity_table, sensitivity, dynamic, training.max_epochs)
