"""The row that one batch of images adds to `watched_batches`: its quantities, each with control limits.

A row holds counts, means and shares only: no image, no key, no date of an exam.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lung_cxr import contracts
from lung_cxr.evaluation.control_limits import Limits, mean_percentile, percentile_limits, share_limits
from lung_cxr.evaluation.decision_rule import Rule, decision_shares
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.quality_reference import rejected_by_quality
from lung_cxr.imaging.quality.qc_rules import QC_COLUMNS
from lung_cxr.parameters import MonitoringParameters
from lung_cxr.prediction.decide import decide

Row = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Images that one command predicted with one run.

    Attributes:
        pipeline: `predict` or `evaluate`.
        images: One row per file: `qc_status, qc_reasons`, QC metrics, network probabilities and `distance` (NaN where
            rejected or unknown); with `patient_key` the number of patients is known.
        run: Folder of the run below 06_models.
        model_sha256: SHA-256 of its model.
        rule: Its decision rule, with thresholds.
    """

    pipeline: str
    images: pd.DataFrame
    run: str
    model_sha256: str
    rule: Rule

    @property
    def accepted(self) -> pd.DataFrame:
        """Return the accepted images."""
        return self.images[self.images["qc_status"] == "accepted"]

    @property
    def patients(self) -> int | None:
        """Return the number of patients of the accepted images; None: unknown."""
        return int(self.accepted["patient_key"].nunique()) if "patient_key" in self.images else None


class Watched(NamedTuple):
    """A quantity of a batch.

    Attributes:
        value: Share or mean percentile, 0 to 1.
        expected: The same of the reference; None: no reference.
        reference_size: Independent images (patients) of the reference.
        size: Independent images of the batch.
    """

    value: float
    expected: float | None
    reference_size: int
    size: int

    def limits(self, is_share: bool, correlation: float, tail: float) -> Limits:
        """Return the control limits."""
        if is_share:
            return share_limits(self.expected or 0.0, self.reference_size, self.size, correlation, tail)
        return percentile_limits(self.reference_size, self.size, correlation, tail)


def monitoring_row(batch: Batch, settings: MonitoringParameters, at: datetime) -> pd.DataFrame:
    """Return one row of `contracts.watched_batches`.

    The false-alarm rate is divided by the number of quantities with a reference (Bonferroni; Holm's method would raise
    an alarm for the same batches). Images of one patient count once where the patients are known.

    Args:
        batch: The images, and the run that predicted them.
        settings: False-alarm rate, ordinary variation between batches, and smallest batch.
        at: Time of the prediction, UTC.
    """
    numbers = dict.fromkeys(list(contracts.watched_batches.columns)[8:], np.nan)
    enough = {name: one for name, one in _watched(batch).items() if one.size >= settings.min_images}
    tail = settings.false_alarm_rate / (2 * max(1, sum(one.expected is not None for one in enough.values())))
    for name, one in enough.items():
        numbers[name] = one.value
        if one.expected is not None:
            limits = one.limits(not _is_percentile(name), settings.batch_correlation, tail)
            numbers |= {f"{name}_expected": one.expected, f"{name}_low": limits.low, f"{name}_high": limits.high}
    if len(batch.accepted) >= settings.min_images:
        numbers |= {f"mean_{name}": batch.accepted[name].mean() for name in ("distance", *QC_COLUMNS)}
        numbers["referred"] = _share_referred(batch)
    counts = {"files": len(batch.images), "images": len(batch.accepted), "patients": batch.patients}
    of_run = {"pipeline": batch.pipeline, "run": batch.run, "model_sha256": batch.model_sha256}
    row = {"time": at, **of_run, **counts, "false_alarm_rate": settings.false_alarm_rate, **numbers}
    return contracts.watched_batches.validate(pd.DataFrame([row]))


def judged(row: Mapping[str, Any]) -> list[str]:
    """Return the quantities of a row that have a value and limits."""
    return [name for name in contracts.WATCHED if pd.notna(row[name]) and pd.notna(row[f"{name}_low"])]


def outside(row: Mapping[str, Any]) -> list[str]:
    """Return the quantities of a row that are outside their limits."""
    return [name for name in judged(row) if not row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]]


def _is_percentile(name: str) -> bool:
    return name == "distance" or name in QC_COLUMNS


def _watched(batch: Batch) -> dict[str, Watched]:
    """Return every quantity that is known, by name."""
    rule, accepted = batch.rule, batch.accepted
    by_metrics = rejected_by_quality(batch.images)
    quality = rule.get("quality") or {"metrics": {}, "patients": 0, "rejected": None}
    found = {"rejected": Watched(float(by_metrics.mean()), quality["rejected"], quality["patients"], len(by_metrics))}
    found |= _decided(batch)
    described = {f"qc_{name}": (quantiles, quality["patients"]) for name, quantiles in quality["metrics"].items()}
    if rule.get("distance"):
        described["distance"] = (rule["distance"]["quantiles"], rule["validation"]["patients"])
    for name, (quantiles, patients) in described.items():
        if len(values := accepted[name].dropna().to_numpy(float)):
            size = _independent(len(values), batch.patients)
            found[name] = Watched(mean_percentile(values, quantiles), 0.5, patients, size)
    return found


def _decided(batch: Batch) -> dict[str, Watched]:
    """Return class shares and reasons of referral beside those of the validation images."""
    rule, accepted = batch.rule, batch.accepted
    if accepted.empty:
        return {}
    reference, size = rule["validation"]["patients"], _independent(len(accepted), batch.patients)
    now, expected = decision_shares(probabilities(accepted), rule), rule.get("decisions", {})
    found = {name: Watched(value, expected.get(name), reference, size) for name, value in now.items()}
    distances = accepted["distance"].dropna()
    if rule.get("distance") and len(distances):
        far = float((distances > rule["distance"]["threshold"]).mean())
        found["unlike_training"] = Watched(far, rule["settings"]["unlike_training"], reference, size)
    return found


def _share_referred(batch: Batch) -> float:
    known = batch.accepted["distance"].to_numpy(float)
    decided = decide(probabilities(batch.accepted), known, batch.rule, "training")
    return float(np.mean([bool(reason) for reason in decided.refer_reasons]))


def _independent(images: int, patients: int | None) -> int:
    return images if patients is None else min(images, patients)
