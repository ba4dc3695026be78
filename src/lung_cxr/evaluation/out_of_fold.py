"""Results of a cross-validation: predictions of all folds pooled, their spread, and paired tests over folds.

Every patient is held out in exactly one fold, so the pooled predictions cover all of them. Intervals of the pooled
metrics resample patients. Folds share most of their training images: tests over folds use the correction of Nadeau and
Bengio (2003).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from lung_cxr.evaluation.holm import holm
from lung_cxr.evaluation.logit_adjustment import ADJUSTED, evaluate_adjustment
from lung_cxr.evaluation.metrics import classification_metrics
from lung_cxr.evaluation.paired_tests import corrected_resampled_t_test
from lung_cxr.evaluation.predictions import evaluate_seeds, probabilities
from lung_cxr.evaluation.undefined import Numbers, all_undefined

POOLED = ("accuracy", "macro_f1", "log_loss")
REFERENCE = "dynamic"  # each other strategy of a backbone is compared with it
SAME_SETTINGS = ("parameters", "precision", "method_version")

RESULT_COLUMNS = (
    *("backbone", "strategy", "rotated_subset", "folds", "seeds", "images", "patients"),
    *(f"{metric}{end}" for metric in POOLED for end in ("", "_low", "_high", "_fold_sd")),
    *ADJUSTED,
    *("status", "note"),
)
TEST_COLUMNS = (
    *("backbone", "strategy", "other_strategy", "metric", "folds", "mean", "sd", "t", "df", "p", "p_holm"),
    *("ci_low", "ci_high", "note"),
)

Folds = Mapping[int, Sequence[Any]]
OfSeeds = Mapping[int, Mapping[int, pd.DataFrame]]  # seed → fold → predictions
PointT = TypeVar("PointT", bound=tuple[str, ...])


@dataclass(frozen=True)
class CrossValidation:
    """The folds that runs must belong to.

    Attributes:
        splits: Fold → `split_sha256` of its split.
        rotated_subset: Subset that the folds rotate, `validation` or `test`.
        test_to_train: Held-out images per training image, mean over the folds.
        class_shares: Fold → (7,) share of each class among its training images.
    """

    splits: Mapping[int, str]
    rotated_subset: str
    test_to_train: float
    class_shares: Mapping[int, np.ndarray]


def pool_folds(
    runs: Mapping[tuple[str, str], Folds], folds: CrossValidation, bootstrap: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pooled results of each grid point, and the tests of dynamic fine-tuning against each other strategy.

    Args:
        runs: (backbone, strategy) → fold → `RunResult` of each seed.
        folds: The present folds; runs on other folds do not count.
        bootstrap: `n_resamples`, `confidence` and `seed`.

    Returns:
        `RESULT_COLUMNS`, one row per grid point: metrics of the pooled predictions with intervals over patients, and
        the SD over folds. `TEST_COLUMNS`, one row per pair and metric: differences dynamic − other in fractions (log
        loss in nats), with p-values adjusted by Holm over the rows of a metric. Metrics are means over seeds.
    """
    predicted = {point: _predictions(of_point, folds) for point, of_point in runs.items()}
    by_fold = metrics_by_fold(runs, folds)
    results = [
        _result(point, seeds, note, by_fold.get(point), folds, bootstrap) for point, (seeds, note) in predicted.items()
    ]
    tests = [
        {"backbone": backbone, "strategy": REFERENCE, "other_strategy": other, "metric": metric, "folds": len(table)}
        | compare_over_folds(by_fold[backbone, REFERENCE], table, metric, folds, bootstrap["confidence"])
        for (backbone, other), table in by_fold.items()
        if other != REFERENCE and (backbone, REFERENCE) in by_fold
        for metric in POOLED
    ]
    table = pd.DataFrame(tests, columns=list(TEST_COLUMNS))
    table["p_holm"] = table.groupby("metric")["p"].transform(lambda p: holm(p.astype(float).tolist()))
    return pd.DataFrame(results, columns=list(RESULT_COLUMNS)), table


def _held_out(predicted: OfSeeds, folds: CrossValidation) -> dict[int, dict[int, pd.DataFrame]]:
    """Return seed → fold → predictions of the rotated subset."""
    return {
        seed: {fold: frame[frame["subset"] == folds.rotated_subset] for fold, frame in frames.items()}
        for seed, frames in predicted.items()
    }


def _predictions(runs: Folds, folds: CrossValidation) -> tuple[dict[int, dict[int, pd.DataFrame]], str]:
    """Return seed → fold → predictions, for seeds with all folds; and the reason if there are none."""
    found = [
        (fold, one)
        for fold, seeds in runs.items()
        for one in seeds
        if one.finished and one.record.get("split_sha256") == folds.splits.get(fold) and _is_readable(one)
    ]
    if len({repr([one.record.get(name) for name in SAME_SETTINGS]) for _, one in found}) > 1:
        return {}, "the folds were trained with different settings; run cross_validation again"
    by_seed: dict[int, dict[int, pd.DataFrame]] = {}
    for fold, one in found:
        by_seed.setdefault(one.record["seed"], {})[fold] = one.predictions
    complete = {seed: frames for seed, frames in by_seed.items() if len(frames) == len(folds.splits)}
    most = max(map(len, by_seed.values()), default=0)
    return complete, "" if complete else f"{most} of {len(folds.splits)} folds are finished"


def metrics_by_fold(runs: Mapping[PointT, Folds], folds: CrossValidation) -> dict[PointT, pd.DataFrame]:
    """Return grid point → metrics `POOLED` of each fold, (folds, 3), means over seeds; only with all folds finished."""
    predicted = {point: _predictions(of_point, folds)[0] for point, of_point in runs.items()}
    return {point: _by_fold(_held_out(seeds, folds)) for point, seeds in predicted.items() if seeds}


def compare_over_folds(
    one: pd.DataFrame, other: pd.DataFrame, metric: str, folds: CrossValidation, confidence: float
) -> Numbers:
    """Test the differences one − other of a metric over the folds.

    Args:
        one: Metrics of each fold, as of `metrics_by_fold`.
        other: The same of the other grid point.
        metric: One of `POOLED`.
        folds: The folds, for the correction for overlapping training sets.
        confidence: Level of the interval.

    Returns:
        Numbers of `corrected_resampled_t_test`, and as `note` the reason if the test is undefined.
    """
    numbers = corrected_resampled_t_test((one[metric] - other[metric]).tolist(), folds.test_to_train, confidence)
    return {**numbers, "note": numbers.get("p_reason", "")}


def _is_readable(run: Any) -> bool:
    """Return whether the predictions of a run exist and fulfil their contract."""
    try:
        return run.predictions is not None
    except Exception:  # a damaged file may raise any error
        return False


def _by_fold(seeds: OfSeeds) -> pd.DataFrame:
    """Return the metrics of each fold, means over seeds; (folds, metrics)."""
    rows = [
        {"fold": fold} | {metric: numbers[metric] for metric in POOLED}
        for frames in seeds.values()
        for fold, frame in frames.items()
        for numbers in [classification_metrics(frame["label"].tolist(), probabilities(frame))]
    ]
    return pd.DataFrame(rows).groupby("fold")[list(POOLED)].mean()


def _result(
    point: tuple[str, str],
    seeds: OfSeeds,
    note: str,
    by_fold: pd.DataFrame | None,
    folds: CrossValidation,
    bootstrap: Mapping[str, Any],
) -> Numbers:
    """Return the row of one grid point."""
    row = {"backbone": point[0], "strategy": point[1], "rotated_subset": folds.rotated_subset, "note": note}
    if by_fold is None:
        return {**row, "status": "incomplete"}
    held_out = _held_out(seeds, folds)
    pooled = evaluate_seeds([pd.concat(frames.values()) for frames in held_out.values()], **bootstrap)
    spread = {f"{metric}_fold_sd": float(np.std(by_fold[metric], ddof=1)) for metric in POOLED}
    return {**pooled, **_adjusted(seeds, folds), **row, **spread, "folds": len(by_fold), "status": "finished"}


def _adjusted(seeds: OfSeeds, folds: CrossValidation) -> Numbers:
    """Return the metrics after logit adjustment, whose τ the validation images of each fold choose."""
    if folds.rotated_subset != "test":
        return all_undefined(ADJUSTED, "the held-out images are those that would choose tau")
    return evaluate_adjustment(
        [[(frame, folds.class_shares[fold]) for fold, frame in frames.items()] for frames in seeds.values()]
    )
