"""Evaluation of every run of the grid on the present test set: the only source of tables, figures and sentences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.logit_adjustment import ADJUSTED, evaluate_adjustment
from lung_cxr.evaluation.majority_class import class_shares, majority_predictions
from lung_cxr.evaluation.metrics import METRICS
from lung_cxr.evaluation.predictions import compare_predictions, evaluate_predictions
from lung_cxr.evaluation.redaction import redaction_by_class
from lung_cxr.evaluation.sources import evaluate_sources, sources_of_images
from lung_cxr.evaluation.subgroups import subgroups_of_images
from lung_cxr.evaluation.undefined import Numbers, all_undefined, json_ready
from lung_cxr.experiments import LOGISTIC_REGRESSION, Run
from lung_cxr.parameters import DriftParameters, ReportingParameters
from lung_cxr.report.comparable_seeds import RunResults, comparable_seeds
from lung_cxr.report.labels import DYNAMIC, TRADITIONAL
from lung_cxr.report.rows import OTHER_SPLIT
from lung_cxr.report.run_evaluation import evaluate_run, median_costs, problem_of, rows_of
from lung_cxr.splitting.split import split_sha256
from lung_cxr.training.run.run_rules import Rules


def evaluate_grid(
    results: Mapping[Run, Sequence[RunResults]],
    split: pd.DataFrame,
    settings: ReportingParameters,
    image_manifest: pd.DataFrame,
    rules: Rules,
    references: Mapping[Run, pd.DataFrame] | None = None,
    ensembles: Mapping[str, RunResults] | None = None,
    external: Mapping[str, Any] | None = None,
    drift: DriftParameters | None = None,
) -> dict[str, Any]:
    """Evaluate all runs on the test images of the present split.

    Args:
        results: Every run of the grid → results of its seeds; an empty sequence where it was never started.
        split: `contracts.split`.
        settings: Bootstrap, confidence level, and definition of the subgroups.
        image_manifest: `contracts.image_manifest`.
        rules: Decision rules of the runs.
        references: Reference model → its `contracts.predictions`; None where there is none.
        ensembles: Name of an ensemble → its results; None where there is none.
        external: External validation of these runs (`evaluate_runs` of the other hospital); None: there is none.
        drift: Test of redacted text by class; None: it is not tested.

    Returns:
        JSON-ready: `images` and `patients` by subset; `majority_class` and its metrics under `majority`; metrics of the
        logistic regressions by backbone under `frozen_features`, and of all reference models under `references`
        (`backbone`, `strategy`, `metrics`, `adjustment`), and of `ensembles`; `runs` in the order of the grid (see
        `evaluate_run`), each with `adjustment`, `trained_otherwise` (seeds left out because their settings or data
        differ from the newest) and `other_split` (evaluated seeds that were trained on another split with the same
        test images); `pairs` (dynamic against traditional by backbone); `external` as given; `redaction` (result of
        `redaction_by_class` on all images of the split or None); `sources` (result of `evaluate_sources`).
    """
    test, present_split, bootstrap = split[split["subset"] == "test"], split_sha256(split), settings.bootstrap
    labels = split[split["subset"] == "train"].set_index("image_id")["label"]
    shares = class_shares(labels)
    of_test = image_manifest[image_manifest["image_id"].isin(test["image_id"])]
    of_split = image_manifest[image_manifest["image_id"].isin(split["image_id"])]
    sources = sources_of_images(of_split)
    subgroups = subgroups_of_images(of_test, settings.age_bands, settings.exam_periods, sources["image_size"])
    tested = {run: _on_this_test_set(seeds, test) for run, seeds in results.items()}
    current = {run: {one.record["seed"]: one for one in comparable_seeds(seeds)} for run, seeds in tested.items()}
    evaluations = {
        **_counts(split),
        **bootstrap,
        "conformal_coverage": rules.settings.coverage,
        "target_accuracy": rules.settings.target_accuracy,
        "rule_out_sensitivity": rules.settings.sensitivity,
        **_reference_models(split, references or {}, test, shares, bootstrap),
        "ensembles": [
            _evaluate_ensemble(name, one, test, shares, bootstrap) for name, one in (ensembles or {}).items()
        ],
        "runs": [
            evaluate_run(run, results[run], current[run], subgroups, settings, rules)
            | _adjusted(current[run], shares)
            | _left_out(tested[run], current[run].values(), present_split)
            for run in results
        ],
        "pairs": _pairs(current, bootstrap),
        "external": external,
        "redaction": None if drift is None else redaction_by_class(of_split, drift),
        "sources": evaluate_sources(test, sources, labels, **bootstrap),
    }
    return json_ready(evaluations)


def _counts(split: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return `images` and `patients` by subset."""
    groups = split.groupby("subset")
    return {
        "images": groups.size().reindex(SUBSETS, fill_value=0).to_dict(),
        "patients": groups["patient_key"].nunique().reindex(SUBSETS, fill_value=0).to_dict(),
    }


def _reference_models(
    split: pd.DataFrame,
    references: Mapping[Run, pd.DataFrame],
    test: pd.DataFrame,
    shares: np.ndarray,
    bootstrap: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the majority class and all reference models: `majority_class` to `references` of `evaluate_grid`."""
    majority = majority_predictions(split)
    fitted = [
        {**run._asdict(), **_evaluate_reference(predictions, test, shares, bootstrap)}
        for run, predictions in references.items()
    ]
    return {
        "majority_class": DISEASES[int(shares.argmax())],
        "majority": evaluate_predictions(majority[majority["subset"] == "test"], **bootstrap),
        "frozen_features": {
            row["backbone"]: row["metrics"] for row in fitted if row["strategy"] == LOGISTIC_REGRESSION
        },
        "references": fitted,
    }


def _adjusted(current: Mapping[int, RunResults], shares: np.ndarray) -> dict[str, Numbers]:
    """Return `adjustment`, the metrics of a finished run after logit adjustment."""
    if not current:
        return {}
    return {"adjustment": evaluate_adjustment([[(one.predictions, shares)] for one in current.values()])}


def _evaluate_reference(
    predictions: pd.DataFrame, test: pd.DataFrame, shares: np.ndarray, bootstrap: Mapping[str, Any]
) -> dict[str, Numbers]:
    """Return `metrics` and `adjustment` of a reference model; all undefined if it was tested on another test set."""
    of_test = predictions[predictions["subset"] == "test"]
    if _images_and_labels(of_test) == _images_and_labels(test):
        adjustment = evaluate_adjustment([[(predictions, shares)]])
        return {"metrics": evaluate_predictions(of_test, **bootstrap), "adjustment": adjustment}
    names = [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high", "_sd")]
    return {"metrics": all_undefined(names, OTHER_SPLIT), "adjustment": all_undefined(ADJUSTED, OTHER_SPLIT)}


def _evaluate_ensemble(
    name: str, one: RunResults, test: pd.DataFrame, shares: np.ndarray, bootstrap: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of an ensemble: members, `metrics`, `adjustment` and the `COSTS`."""
    assert one.predictions is not None  # the record is written after the predictions
    settings = one.record["parameters"]["strategy"]
    return {
        "name": name,
        "combine": settings["combine"],
        "flips": settings["flips"],
        "members": one.record["members"],
        **_evaluate_reference(one.predictions, test, shares, bootstrap),
        **median_costs([one.record]),
    }


def _pairs(current: Mapping[Run, Mapping[int, RunResults]], bootstrap: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare dynamic with traditional fine-tuning on every backbone that has both."""
    pairs = []
    for backbone in dict.fromkeys(run.backbone for run in current):
        dynamic, traditional = (current.get(Run(backbone, strategy), {}) for strategy in (DYNAMIC, TRADITIONAL))
        if dynamic and traditional:
            a, b = ({seed: rows_of(one, "test") for seed, one in side.items()} for side in (dynamic, traditional))
            pairs.append({"backbone": backbone} | compare_predictions(a, b, **bootstrap))
    return pairs


def _on_this_test_set(seeds: Sequence[RunResults], test: pd.DataFrame) -> list[RunResults]:
    """Return the finished seeds whose test images and labels are those of the present split."""
    expected = _images_and_labels(test)
    return [one for one in seeds if not problem_of(one) and _images_and_labels(rows_of(one, "test")) == expected]


def _left_out(tested: Sequence[RunResults], used: Iterable[RunResults], present_split: str) -> dict[str, list[int]]:
    """Return the seeds left out for other settings, and the evaluated seeds that were trained on another split."""
    records = [one.record for one in used]
    seeds = {record["seed"] for record in records}
    return {
        "trained_otherwise": [one.record["seed"] for one in tested if one.record["seed"] not in seeds],
        "other_split": [record["seed"] for record in records if record["split_sha256"] != present_split],
    }


def _images_and_labels(frame: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["image_id"], frame["label"], strict=True))
