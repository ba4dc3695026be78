"""Evaluation of trained runs on another hospital's images: the only source of the external report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.bundle.bundled_run import BundledRun
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.drift import measure_drift
from lung_cxr.evaluation.external import (
    COSTS,
    by_grid_point,
    cost_of_shift,
    differences_of_metrics,
    external_differences,
)
from lung_cxr.evaluation.internal_results import internal_results
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.predictions import evaluate_predictions, evaluate_seeds, frame_matrix, probabilities
from lung_cxr.evaluation.recalibration import evaluate_recalibration
from lung_cxr.evaluation.sources import evaluate_sources, sources_of_images
from lung_cxr.evaluation.subgroup_gaps import subgroup_gaps
from lung_cxr.evaluation.subgroups import evaluate_subgroups, subgroups_of_images
from lung_cxr.evaluation.uncertainty import evaluate_certainty
from lung_cxr.evaluation.undefined import Numbers, all_undefined, json_ready
from lung_cxr.parameters import DecisionRuleParameters, DriftParameters, ReportingParameters
from lung_cxr.prediction.trained_run import TrainedRun
from lung_cxr.report.refresh.facts import compared_variables
from lung_cxr.report.rows import FINISHED

Evaluated = TrainedRun | BundledRun
NO_CLASSES = "the classes of the internal test set are not known"
SIDES = ("the internal test set", "the external test set")


@dataclass(frozen=True)
class Settings:
    """Settings of the evaluation.

    Attributes:
        reporting: Bootstrap, confidence level and subgroups.
        rule: Targets of the decision rules.
        drift: Tests of the compared variables.
    """

    reporting: ReportingParameters
    rule: DecisionRuleParameters
    drift: DriftParameters


def evaluate_runs(
    predictions: pd.DataFrame,
    runs: Mapping[str, Evaluated],
    images: pd.DataFrame,
    training_images: pd.DataFrame | None,
    shared: Mapping[str, Any],
    feature_shifts: Mapping[str, Numbers],
    settings: Settings,
) -> dict[str, Any]:
    """Evaluate every run on the other hospital's images, beside its internal test set.

    Args:
        predictions: `contracts.external_predictions`.
        runs: Run → the trained run, or a bundle.
        images: Accepted images of the other hospital, rows of `contracts.image_manifest`.
        training_images: `contracts.image_manifest` of the training site; None: unknown.
        shared: Result of `find_shared`.
        feature_shifts: Run → `feature_shift` and `unlike_training`.
        settings: Settings of the evaluation.

    Returns:
        JSON-ready, with the keys of `evaluate_grid` where both have them: sizes, bootstrap and targets; `runs`, each as
        in `evaluate_run` on the other hospital's images, and with `internal` (metrics of the internal test set),
        `differences`, `cost`, `recalibration`, `feature_shift` and `class_shares`; `majority_class` with its metrics
        under `majority`; `drift` (`measure_drift` against the internal test set; empty for a bundle), `shared`, and
        `from_bundle`.
    """
    sources, reporting = sources_of_images(images), settings.reporting
    subgroups = subgroups_of_images(images, reporting.age_bands, reporting.exam_periods, sources["image_size"])
    rows = [
        {**point._asdict(), **_row(frames, runs, subgroups, feature_shifts, settings)}
        for point, frames in by_grid_point(predictions).items()
    ]
    first = next(iter(runs.values()))
    rule, from_bundle = first.rule(settings.rule), isinstance(first, BundledRun)
    return json_ready(
        {
            "images": {"test": len(images)},
            "patients": {"test": images["patient_key"].nunique()},
            **reporting.bootstrap,
            "conformal_coverage": rule["settings"]["coverage"],
            "target_accuracy": rule["settings"]["target_accuracy"],
            "rule_out_sensitivity": rule["settings"]["sensitivity"],
            "unlike_training": rule["settings"]["unlike_training"],
            **_majority(images, rule, settings),
            "runs": rows,
            "sources": evaluate_sources(images, sources, **reporting.bootstrap),
            "drift": _drift(first, images, training_images, settings.drift),
            "shared": shared,
            "from_bundle": from_bundle,
        }
    )


def _row(
    frames: Mapping[str, pd.DataFrame],
    runs: Mapping[str, Evaluated],
    subgroups: pd.DataFrame,
    feature_shifts: Mapping[str, Numbers],
    settings: Settings,
) -> dict[str, Any]:
    """Return the numbers of one grid point; where one training seed is evaluated, of the first."""
    members, external, bootstrap = [runs[name] for name in frames], list(frames.values()), settings.reporting.bootstrap
    first, rule = external[0], members[0].rule(settings.rule)
    truth, patients = label_indices(first["label"].tolist()), first["patient_key"].to_numpy(dtype=str)
    metrics = evaluate_seeds(external, **bootstrap)
    internal, differences = _beside_internal(members, external, metrics, bootstrap)
    here, there = internal["confusion"], np.sum([frame_matrix(frame) for frame in external], axis=0)
    return {
        "status": FINISHED,
        "note": "",
        "seeds": [run.seed for run in members],
        "folders": list(frames),
        "model_sha256": [run.model_sha256 for run in members],
        "metrics": metrics,
        "internal": internal["metrics"],
        "differences": differences,
        "validation": internal["validation"],
        "confusion": there,
        "cost": all_undefined(COSTS, NO_CLASSES) if here is None else cost_of_shift(np.array(here), there),
        "subgroups": evaluate_subgroups(external, subgroups, **bootstrap),
        "gaps": subgroup_gaps(external, subgroups, **bootstrap),
        "certainty": evaluate_certainty(first.assign(subset="test"), rule, **bootstrap),
        "recalibration": evaluate_recalibration(truth, probabilities(first), patients, rule, **bootstrap),
        "feature_shift": feature_shifts[members[0].run],
        "class_shares": {
            "training": rule.get("class_shares"),
            "internal": None if here is None else _shares(np.array(here)),
            "external": _shares(there),
        },
    }


def _beside_internal(
    members: Sequence[Evaluated], external: Sequence[pd.DataFrame], metrics: Numbers, bootstrap: Mapping[str, Any]
) -> tuple[dict[str, Any], Numbers]:
    """Return `internal_results` of one grid point, and the differences of the other hospital from them."""
    if isinstance(members[0], BundledRun):
        known = members[0].internal_results()
        return known, differences_of_metrics(known["metrics"], metrics)
    trained = [run for run in members if not isinstance(run, BundledRun)]
    test = _same_images({run.run: run.predictions("test") for run in trained})
    validation = [run.predictions("validation") for run in trained]
    return internal_results(test, validation, **bootstrap), external_differences(test, external, **bootstrap)


def _shares(confusion: np.ndarray) -> dict[str, float]:
    """Return the class shares of the images of a confusion matrix."""
    return dict(zip(DISEASES, confusion.sum(axis=1) / confusion.sum(), strict=True))


def _same_images(by_run: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the internal test predictions of all seeds of one grid point.

    Raises:
        ValueError: The seeds were tested on different images, or there is no test image.
    """
    tested = {frozenset(frame["image_id"]) for frame in by_run.values()}
    if len(tested) > 1 or not all(tested):
        found = "different test images" if len(tested) > 1 else "no test image"
        raise ValueError(
            f"evaluate.run: {', '.join(by_run)} have {found}; expected the same internal test set for all seeds of a "
            "backbone and strategy. Name runs of one split"
        )
    return list(by_run.values())


def _majority(images: pd.DataFrame, rule: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the largest class of training and its metrics on the images; the class shares are its probabilities."""
    shares = rule.get("class_shares") or images["label"].value_counts(normalize=True).to_dict()
    values = np.array([shares.get(name, 0.0) for name in DISEASES])
    predicted = images[["image_id", "patient_key", "label"]].assign(
        **dict(zip(PROBABILITY_COLUMNS, values, strict=True))
    )
    return {
        "majority_class": DISEASES[int(values.argmax())],
        "majority": evaluate_predictions(predicted, **settings.reporting.bootstrap),
    }


def _drift(
    run: Evaluated, images: pd.DataFrame, training_images: pd.DataFrame | None, settings: DriftParameters
) -> list[dict[str, Any]]:
    """Compare the images with the internal test set: all variables, or the classes only where its manifest is unknown.

    A bundle holds no row of a test image: there is no comparison.
    """
    if isinstance(run, BundledRun):
        return []
    tested = run.predictions("test")
    if training_images is not None:
        known = training_images[training_images["image_id"].isin(tested["image_id"])]
        if len(known) == len(tested):
            return measure_drift(compared_variables(known), compared_variables(images), settings, SIDES)
    columns = ["patient_key", "label"]
    return measure_drift(tested[columns], images[columns], settings, SIDES)
