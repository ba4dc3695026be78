"""The headline and the notices of the report, generated from the numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.evaluation.undefined import Numbers
from lung_cxr.experiments import STRATEGIES
from lung_cxr.report.labels import DYNAMIC, SYNTHETIC, TRADITIONAL, backbone_title
from lung_cxr.report.numbers import p_value, percent, percent_interval, plural, points, points_interval
from lung_cxr.report.rows import (
    DAMAGED,
    FAILED,
    NOT_TRAINED,
    OTHER_SPLIT,
    Row,
    best_by_validation_accuracy,
    evaluated_records,
    finished_runs,
    label_cues,
    row_title,
)
from lung_cxr.report.tables.reference_models import (
    against_frozen_features,
    against_majority,
    not_better_than_references,
)

SIGNIFICANT = 0.05  # section IV.G


def headline(
    evaluations: Mapping[str, Any],
    over_backbones: Mapping[str, Numbers],
    pairs: Sequence[Mapping[str, Any]],
    synthetic: bool,
) -> str:
    """Return the answer of the report as plain text.

    Args:
        evaluations: Result of `evaluate_grid`.
        over_backbones: Paired test of each metric, in percentage points.
        pairs: Comparison on each backbone that has both strategies, in percentage points.
        synthetic: Whether any image is synthetic.
    """
    finished = finished_runs(evaluations)
    if not finished:
        return "No run has finished on the present split: there is nothing to compare yet."
    if not evaluations["images"]["test"]:
        return (
            "The test set is empty: no run can be evaluated. Give it a share in splitting.fractions, or wait for "
            "more patients, and train again."
        )
    comparable = comparable_pairs(pairs)
    if len(comparable) > 1:
        answer = f"{_over_backbones(over_backbones)} {_best(finished)}"
    elif comparable:
        answer = _one_backbone(finished, comparable[0])
    else:
        answer = f"{_best(finished)} {_no_comparison(pairs)}"
    compared = [row for row in finished if len(comparable) != 1 or row["backbone"] == comparable[0]["backbone"]]
    references = [against(compared, evaluations) for against in (against_majority, against_frozen_features)]
    return " ".join(filter(None, [SYNTHETIC if synthetic else "", answer, *references]))


def comparable_pairs(pairs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the comparisons of a backbone's two strategies that have a difference."""
    return [pair for pair in pairs if pair["accuracy_difference"] is not None]


def notices(evaluations: Mapping[str, Any], known_exports: pd.DataFrame, unchecked_images: int) -> list[str]:
    """Return the warnings that stand above all numbers, most important first.

    Args:
        evaluations: Result of `evaluate_grid`.
        known_exports: `contracts.known_exports`.
        unchecked_images: Number of accepted images that were not checked for burned-in text.
    """
    runs, finished = evaluations["runs"], finished_runs(evaluations)
    warnings = sorted({warning for row in runs for warning in row["warnings"]})
    sentences = [
        synthetic_notice(known_exports),
        f"{plural(unchecked_images, 'accepted image')} not checked for burned-in text: this page shows none of them, "
        "but the catalogue may contain identifiers."
        if unchecked_images
        else "",
        _unfinished(runs),
        *(f"{row_title(row)} failed: {row['note']}" for row in runs if row["status"] == FAILED),
        *(f"{row_title(row)} is left out: {row['note']}" for row in runs if row["status"] == DAMAGED),
        *(f"{row_title(row)}: {row['note']}" for row in finished if row["note"]),
        _other_split(runs),
        *(text for row in finished for text in (_other_settings(row), _trained_on_other_split(row))),
        *warnings,
        *not_better_than_references(finished, evaluations),
        *_unequal_settings(finished),
        *label_cues(evaluations),
    ]
    return [text for text in sentences if text]


def _with_interval(metrics: Numbers, metric: str) -> str:
    interval = percent_interval(metrics[f"{metric}_low"], metrics[f"{metric}_high"])
    return f"{percent(metrics[metric])} {interval}".strip()


def _test_set(metrics: Numbers) -> str:
    return f"on {plural(metrics['images'], 'test image')} of {plural(metrics['patients'], 'patient')}"


def _best(finished: Sequence[Row]) -> str:
    row = best_by_validation_accuracy(finished)
    metrics = row["metrics"]
    subject = "Best run by validation accuracy" if len(finished) > 1 else "The only finished run"
    return (
        f"{subject}: {row_title(row)}, with {_with_interval(metrics, 'accuracy')} accuracy and "
        f"{_with_interval(metrics, 'macro_f1')} macro-F1 {_test_set(metrics)}."
    )


def _one_backbone(finished: Sequence[Row], pair: Mapping[str, Any]) -> str:
    rows = {row["strategy"]: row["metrics"] for row in finished if row["backbone"] == pair["backbone"]}
    dynamic, traditional = rows[DYNAMIC], rows[TRADITIONAL]
    seeds = _common_seeds(pair, dynamic, traditional)
    return (
        f"With {backbone_title(pair['backbone'])}, dynamic fine-tuning reached {_with_interval(dynamic, 'accuracy')} "
        f"accuracy and traditional fine-tuning {_with_interval(traditional, 'accuracy')}, {_test_set(dynamic)}. "
        f"Difference: {_gain(pair, 'accuracy')}{seeds}. Macro-F1: {percent(dynamic['macro_f1'])} and "
        f"{percent(traditional['macro_f1'])}; difference: {_gain(pair, 'macro_f1')}."
    )


def _common_seeds(pair: Mapping[str, Any], dynamic: Numbers, traditional: Numbers) -> str:
    """Return the number of seeds of a difference, where the means are over other seeds."""
    if pair["seeds"] == dynamic["seeds"] == traditional["seeds"]:
        return ""
    return f", over {plural(pair['seeds'], 'common training seed')}"


def _gain(pair: Mapping[str, Any], metric: str) -> str:
    """Return e.g. "+2.9 points [−1.2, 7.0] (patient bootstrap, p = 0.170: not significant)"."""
    low, high = pair[f"{metric}_difference_low"], pair[f"{metric}_difference_high"]
    amount = f"{points(pair[f'{metric}_difference'])} points {points_interval(low, high)}".strip()
    return f"{amount} ({significance(pair[f'{metric}_bootstrap_p'], 'patient bootstrap')})"


def _no_comparison(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Return why no backbone has a comparison."""
    if not pairs:
        return "No backbone has both strategies finished, so there is no comparison yet."
    reasons = [f"{backbone_title(pair['backbone'])}: {pair['accuracy_difference_reason']}" for pair in pairs]
    return f"There is no comparison yet. {'; '.join(reasons)}."


def _over_backbones(tests: Mapping[str, Numbers]) -> str:
    accuracy, macro_f1 = tests["accuracy"], tests["macro_f1"]
    return (
        f"Over {accuracy['n']} backbones, the mean difference dynamic minus traditional fine-tuning is "
        f"{_mean_gain(accuracy, 'accuracy')} and {_mean_gain(macro_f1, 'macro-F1')}."
    )


def _mean_gain(test: Numbers, metric: str) -> str:
    amount = f"{points(test['mean'])} points of {metric} {points_interval(test['ci_low'], test['ci_high'])}".strip()
    return f"{amount} ({significance(test['p'], 'paired t-test')})"


def significance(p: float | None, test: str) -> str:
    """Return e.g. "paired t-test, p = 0.016: significant"; the level is `SIGNIFICANT`."""
    if p is None:
        return f"{test} undefined"
    return f"{test}, {p_value(p)}: {'significant' if p < SIGNIFICANT else 'not significant'}"


def synthetic_notice(known_exports: pd.DataFrame) -> str:
    """Return the notice that exports are synthetic; "" where none is."""
    synthetic, total = int(known_exports["synthetic"].sum()), len(known_exports)
    if not synthetic:
        return ""
    subject = "All images are" if synthetic == total else f"{synthetic} of {total} exports are"
    return (
        f"{subject} synthetic, without real patients. The results show that the software works, nothing about medicine."
    )


def _unfinished(runs: Sequence[Row]) -> str:
    missing = [row for row in runs if row["status"] == NOT_TRAINED]
    if not missing:
        return ""
    grid = [row for row in runs if row["strategy"] in STRATEGIES]
    return f"{len(missing)} of {plural(len(grid), 'run')} not yet trained."


def _other_split(runs: Sequence[Row]) -> str:
    stale = [row_title(row) for row in runs if row["status"] == OTHER_SPLIT]
    if not stale:
        return ""
    return (
        f"Left out, because tested on another split than the present one: {'; '.join(stale)}. Train these runs again."
    )


def _other_settings(row: Row) -> str:
    if not row["trained_otherwise"]:
        return ""
    return (
        f"{row_title(row)}: {_seeds(row['trained_otherwise'])} left out, because settings, data or code differ from "
        f"the newest run; evaluated: {_seeds(row['seeds'])}. Train them again."
    )


def _trained_on_other_split(row: Row) -> str:
    if not row["other_split"]:
        return ""
    return (
        f"{row_title(row)} was trained on another split than the present one, with the same test images. Train it "
        "again to evaluate the present split."
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _unequal_settings(finished: Sequence[Row]) -> list[str]:
    """Return the backbones whose runs differ in more than the strategy."""
    records = [record for row in finished for record in evaluated_records(row)]
    unequal = {
        one["backbone"]
        for one in records
        for other in records
        if (one["backbone"], one["seed"]) == (other["backbone"], other["seed"])
        and _shared_settings(one) != _shared_settings(other)
    }
    return [
        f"{backbone_title(backbone)}: its runs differ in more than the strategy (see the run records), so the strategy "
        "alone does not explain their difference."
        for backbone in sorted(unequal)
    ]


def _shared_settings(record: Mapping[str, Any]) -> list[Any]:
    """Return the settings and data that all strategies of a backbone should share."""
    parameters = record["parameters"]
    names = ("split_sha256", "pixel_sha256", "initial_weights_sha256", "backend", "precision", "method_version")
    return [parameters["backbone"], parameters["training"], *(record.get(name) for name in names)]
