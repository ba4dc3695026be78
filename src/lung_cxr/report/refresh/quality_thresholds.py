"""Quality metrics on the page: values, thresholds and exceeded thresholds of every metric in the manifest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.parameters import IngestionParameters
from lung_cxr.report.numbers import three_digits

PREFIX = "qc_"
KINDS = ("min", "max", "flag")  # prefixes of a metric's parameters
TITLES = {
    "side": "Longer side of the source, pixels",
    "aspect_ratio": "Longer over shorter side",
    "sharpness": "Sharpness (SD of the Laplacian, of 255)",
    "contrast": "Contrast (P99 − P1 at 32 px, of 255)",
    "dark_fraction": "Share of black pixels",
    "bright_fraction": "Share of white pixels",
    "inversion": "Inverted grey values (score)",
    "rotation": "Rotated (score)",
    "lateral": "Lateral view (score)",
    "foreign": "Non-chest (score)",
    "turned_foreign": "Non-chest after rotation (score)",
}
PARAMETERS = {"foreign": "non_chest", "turned_foreign": "non_chest_rotated"}
"""Metrics whose parameters have another name."""


@dataclass(frozen=True)
class Metric:
    """One metric and its thresholds.

    Attributes:
        name: Name, e.g. `sharpness`; its parameters are `min_sharpness` and `max_sharpness`.
        least: Images below it are rejected; None: no such threshold.
        most: Images above it are rejected; None: no such threshold.
        flag: Accepted images above it are flagged; None: no such threshold.
    """

    name: str
    least: float | None
    most: float | None
    flag: float | None

    @property
    def title(self) -> str:
        """Return the title of the metric."""
        return TITLES.get(self.name, self.name.replace("_", " ").capitalize())

    def breach(self, value: float) -> str:
        """Return e.g. "sharpness 1.93 (at least 2.8)" for a value beyond a threshold, else ""."""
        number = f"{parameter_of(self.name).replace('_', ' ')} {three_digits(value)}"
        if self.least is not None and value < self.least:
            return f"{number} (at least {self.least:g})"
        if self.most is not None and value > self.most:
            return f"{number} (at most {self.most:g})"
        if self.flag is not None and value > self.flag:
            return f"{number} (flagged above {self.flag:g})"
        return ""


def metrics_of(manifest: pd.DataFrame, settings: IngestionParameters) -> list[Metric]:
    """Return every metric of the manifest with its thresholds, the two of the image's shape first."""
    names = ["side", "aspect_ratio", *(name.removeprefix(PREFIX) for name in metric_columns(manifest))]
    known = settings.quality.model_dump() | {"flag_inversion": settings.standardise.max_inversion}
    return [Metric(name, *(known.get(f"{kind}_{parameter_of(name)}") for kind in KINDS)) for name in names]


def parameter_of(metric: str) -> str:
    """Return the part of a metric's parameter names after `min_`, `max_` or `flag_`."""
    return PARAMETERS.get(metric, metric)


def metric_columns(manifest: pd.DataFrame) -> list[str]:
    """Return the manifest's columns with quality metrics."""
    return [
        name
        for name in manifest.columns
        if name.startswith(PREFIX) and pd.api.types.is_numeric_dtype(manifest[name].dtype)
    ]


def metric_values(manifest: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """Return a metric of every image; NaN where it was not measured."""
    longer = manifest[["rows", "columns"]].max(axis=1).astype(float)
    shorter = manifest[["rows", "columns"]].min(axis=1).astype(float)
    if name == "side":
        return longer.where(longer > 0, np.nan)
    if name == "aspect_ratio":
        return (longer / shorter.where(shorter > 0, 1)).where(longer > 0, np.nan)
    return manifest[f"{PREFIX}{name}"].astype(float)


def breaches(manifest: pd.DataFrame, settings: IngestionParameters) -> list[str]:
    """Return the exceeded thresholds of each image as text."""
    metrics = metrics_of(manifest, settings)
    columns = [metric_values(manifest, metric.name).tolist() for metric in metrics]
    return [
        "; ".join(filter(None, (metric.breach(value) for metric, value in zip(metrics, values, strict=True))))
        for values in zip(*columns, strict=True)
    ]
