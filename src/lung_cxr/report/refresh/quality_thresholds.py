"""Quality metrics as the page shows them: values, limits and what failed, for whatever metrics the manifest has."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.parameters import IngestionParameters

PREFIX = "qc_"
TITLES = {
    "side": "Longer side of the source, pixels",
    "aspect_ratio": "Longer over shorter side",
    "sharpness": "Sharpness (SD of the Laplacian, of 255)",
    "contrast": "Contrast (P99 − P1 at 32 px, of 255)",
    "dark_fraction": "Share of black pixels",
    "bright_fraction": "Share of white pixels",
    "inversion": "Black and white exchanged (score)",
    "rotation": "Turned (score)",
    "lateral": "Side view (score)",
    "foreign": "Not a chest (score)",
    "turned_foreign": "Not a chest once turned (score)",
}


@dataclass(frozen=True)
class Metric:
    """One metric and its limits.

    Attributes:
        name: E.g. `sharpness`; its parameters are `min_sharpness` and `max_sharpness`.
        least: Below it an image is rejected; None: no such limit.
        most: Above it an image is rejected; None: no such limit.
        flag: Above it an accepted image is flagged; None: no such limit.
    """

    name: str
    least: float | None
    most: float | None
    flag: float | None

    @property
    def title(self) -> str:
        """For people."""
        return TITLES.get(self.name, self.name.replace("_", " ").capitalize())

    def breach(self, value: float) -> str:
        """Return e.g. "sharpness 1.93 (at least 2.8)" where a limit is passed, else nothing."""
        said = f"{self.name.replace('_', ' ')} {value:.3g}"
        if self.least is not None and value < self.least:
            return f"{said} (at least {self.least:g})"
        if self.most is not None and value > self.most:
            return f"{said} (at most {self.most:g})"
        if self.flag is not None and value > self.flag:
            return f"{said} (flagged above {self.flag:g})"
        return ""


def metrics_of(manifest: pd.DataFrame, settings: IngestionParameters) -> list[Metric]:
    """Return every metric of the manifest with its limits, the two of the source's shape first."""
    names = ["side", "aspect_ratio", *(name.removeprefix(PREFIX) for name in metric_columns(manifest))]
    known = settings.quality.model_dump() | {"flag_inversion": settings.standardise.max_inversion}
    return [Metric(name, *(known.get(f"{kind}_{name}") for kind in ("min", "max", "flag"))) for name in names]


def metric_columns(manifest: pd.DataFrame) -> list[str]:
    """Return the manifest's columns of measurements."""
    return [
        name
        for name in manifest.columns
        if name.startswith(PREFIX) and pd.api.types.is_numeric_dtype(manifest[name].dtype)
    ]


def metric_values(manifest: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """Return a metric of every image, NaN where its file was not measured."""
    longer = manifest[["rows", "columns"]].max(axis=1).astype(float)
    shorter = manifest[["rows", "columns"]].min(axis=1).astype(float)
    if name == "side":
        return longer.where(longer > 0, np.nan)
    if name == "aspect_ratio":
        return (longer / shorter.where(shorter > 0, 1)).where(longer > 0, np.nan)
    return manifest[f"{PREFIX}{name}"].astype(float)


def breaches(manifest: pd.DataFrame, settings: IngestionParameters) -> list[str]:
    """Return for each image which limits it passes, in words."""
    metrics = metrics_of(manifest, settings)
    columns = [metric_values(manifest, metric.name).tolist() for metric in metrics]
    return [
        "; ".join(filter(None, (metric.breach(value) for metric, value in zip(metrics, values, strict=True))))
        for values in zip(*columns, strict=True)
    ]
