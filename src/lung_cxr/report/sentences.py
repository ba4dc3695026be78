"""The answer in a sentence or two, and what must be said before it. Every claim is made from the numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.evaluation.undefined import Numbers
from lung_cxr.experiments import STRATEGIES, Run
from lung_cxr.report.evaluations import FAILED, FINISHED, NOT_TRAINED, OTHER_SPLIT
from lung_cxr.report.labels import DYNAMIC, TRADITIONAL, backbone_title, run_title
from lung_cxr.report.numbers import p_value, percent, percent_interval, plural, points, points_interval
from lung_cxr.report.tables.against_majority import against_majority
from lung_cxr.report.tables.reference_models import against_frozen_features, lost_to_yardsticks

SIGNIFICANT = 0.05  # section IV.G


def headline(
    evaluations: Mapping[str, Any],
    over_backbones: Mapping[str, Numbers],
    pairs: Sequence[Mapping[str, Any]],
    synthetic: bool,
) -> str:
    """Return the answer to the question of the report, in plain text.

    Args:
        evaluations: What `evaluate_grid` returned.
        over_backbones: The paired test of each metric, percentage points.
        pairs: Comparison of each backbone that has both strategies, percentage points.
        synthetic: Whether any image is made up.
    """
    finished = finished_runs(evaluations)
    if not finished:
        return "No run has finished on the present split: there is nothing to compare yet."
    comparable = [pair for pair in pairs if pair["accuracy_difference"] is not None]
    if len(comparable) > 1:
        answer = f"{_over_backbones(over_backbones)} {_best(finished)}"
    elif comparable:
        answer = _one_backbone(finished, comparable[0])
    else:
        answer = f"{_best(finished)} {_no_comparison(pairs)}"
    judged = [row for row in finished if len(comparable) != 1 or row["backbone"] == comparable[0]["backbone"]]
    beaten = [against(judged, evaluations) for against in (against_majority, against_frozen_features)]
    said = ["Synthetic data, no real patient." if synthetic else "", answer, *beaten]
    return " ".join(text for text in said if text)


def finished_runs(evaluations: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the runs that have numbers."""
    return [row for row in evaluations["runs"] if row["status"] == FINISHED]


def best_run(finished: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the run with the highest test accuracy, macro-F1 deciding a tie."""
    return max(finished, key=lambda row: (row["metrics"]["accuracy"] or 0, row["metrics"]["macro_f1"] or 0))


def notices(evaluations: Mapping[str, Any], known_exports: pd.DataFrame, unchecked_images: int) -> list[str]:
    """Return what a reader must know before any number, most important first."""
    runs = evaluations["runs"]
    warnings = sorted({warning for row in runs for warning in row["warnings"]})
    said = [
        _synthetic(known_exports),
        f"{plural(unchecked_images, 'image')} accepted without a look for burned-in text: this page shows none of "
        "them, but the catalogue may hold identifiers."
        if unchecked_images
        else "",
        _unfinished(runs),
        *(f"{_title(row)} failed: {row['note']}" for row in runs if row["status"] == FAILED),
        *(f"{_title(row)}: {row['note']}" for row in runs if row["status"] == FINISHED and row["note"]),
        _other_split(runs),
        *(text for row in finished_runs(evaluations) for text in (_trained_otherwise(row), _trained_elsewhere(row))),
        *warnings,
        *lost_to_yardsticks(finished_runs(evaluations), evaluations),
        *_unequal_settings(finished_runs(evaluations)),
    ]
    return [text for text in said if text]


def _title(row: Mapping[str, Any]) -> str:
    return run_title(Run(row["backbone"], row["strategy"]))


def _with_interval(metrics: Numbers, metric: str) -> str:
    interval = percent_interval(metrics[f"{metric}_low"], metrics[f"{metric}_high"])
    return f"{percent(metrics[metric])} {interval}".strip()


def _test_set(metrics: Numbers) -> str:
    return f"on {plural(metrics['images'], 'test image')} of {plural(metrics['patients'], 'patient')}"


def _best(finished: Sequence[Mapping[str, Any]]) -> str:
    row = best_run(finished)
    metrics, adjective = row["metrics"], "Best run" if len(finished) > 1 else "Finished so far"
    return (
        f"{adjective}: {_title(row)}, with {_with_interval(metrics, 'accuracy')} accuracy and "
        f"{_with_interval(metrics, 'macro_f1')} macro-F1 {_test_set(metrics)}."
    )


def _one_backbone(finished: Sequence[Mapping[str, Any]], pair: Mapping[str, Any]) -> str:
    rows = {row["strategy"]: row["metrics"] for row in finished if row["backbone"] == pair["backbone"]}
    dynamic, traditional = rows[DYNAMIC], rows[TRADITIONAL]
    seeds = _common_seeds(pair, dynamic, traditional)
    return (
        f"{backbone_title(pair['backbone'])} reached {_with_interval(dynamic, 'accuracy')} accuracy with dynamic "
        f"fine-tuning against {_with_interval(traditional, 'accuracy')} with traditional fine-tuning, "
        f"{_test_set(dynamic)}: {_gain(pair, 'accuracy')}{seeds}. Macro-F1: {percent(dynamic['macro_f1'])} against "
        f"{percent(traditional['macro_f1'])}, {_gain(pair, 'macro_f1')}."
    )


def _common_seeds(pair: Mapping[str, Any], dynamic: Numbers, traditional: Numbers) -> str:
    """Return over which seeds a difference is taken, where each strategy's own mean is over others too."""
    if pair["seeds"] == dynamic["seeds"] == traditional["seeds"]:
        return ""
    return f", over the {plural(pair['seeds'], 'training seed')} that both have"


def _gain(pair: Mapping[str, Any], metric: str) -> str:
    """Return e.g. "+2.9 points [−1.2, 7.0] (patient bootstrap, p = 0.170: not distinguishable from chance)"."""
    low, high = pair[f"{metric}_difference_low"], pair[f"{metric}_difference_high"]
    amount = f"{points(pair[f'{metric}_difference'])} points {points_interval(low, high)}".strip()
    return f"{amount} ({verdict(pair[f'{metric}_bootstrap_p'], 'patient bootstrap')})"


def _no_comparison(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Return why no backbone has a comparison."""
    if not pairs:
        return "No backbone has both strategies finished, so there is no comparison yet."
    reasons = [f"{backbone_title(pair['backbone'])}: {pair['accuracy_difference_reason']}" for pair in pairs]
    return f"There is no comparison yet. {'; '.join(reasons)}."


def _over_backbones(tests: Mapping[str, Numbers]) -> str:
    accuracy, macro_f1 = tests["accuracy"], tests["macro_f1"]
    return (
        f"Over {accuracy['n']} backbones, dynamic minus traditional fine-tuning is on average "
        f"{_mean_gain(accuracy, 'accuracy')} and {_mean_gain(macro_f1, 'macro-F1')}."
    )


def _mean_gain(test: Numbers, metric: str) -> str:
    amount = f"{points(test['mean'])} points of {metric} {points_interval(test['ci_low'], test['ci_high'])}".strip()
    return f"{amount} ({verdict(test['p'], 'paired t-test')})"


def verdict(p: float | None, test: str) -> str:
    """Return in words what a p-value allows to say."""
    if p is None:
        return f"{test} undefined"
    words = "distinguishable" if p < SIGNIFICANT else "not distinguishable"
    return f"{test}, {p_value(p)}: {words} from chance"


def _synthetic(known_exports: pd.DataFrame) -> str:
    made_up, of = int(known_exports["synthetic"].sum()), len(known_exports)
    if not made_up:
        return ""
    which = "All data are" if made_up == of else f"{made_up} of {of} exports are"
    return f"{which} synthetic: drawn by a program, no patient behind them. The numbers say that the software works."


def _unfinished(runs: Sequence[Mapping[str, Any]]) -> str:
    missing = [row for row in runs if row["status"] == NOT_TRAINED]
    if not missing:
        return ""
    compared = [row for row in runs if row["strategy"] in STRATEGIES]
    return f"{len(missing)} of {plural(len(compared), 'run')} not yet trained; the tables have rows that say so."


def _other_split(runs: Sequence[Mapping[str, Any]]) -> str:
    stale = [_title(row) for row in runs if row["status"] == OTHER_SPLIT]
    if not stale:
        return ""
    return f"Left out, because tested on another split than the present one: {'; '.join(stale)}. Train again."


def _trained_otherwise(row: Mapping[str, Any]) -> str:
    if not row["trained_otherwise"]:
        return ""
    return (
        f"{_title(row)}: {_seeds(row['trained_otherwise'])} left out, because trained with other settings, data or "
        f"code than the newest; judged: {_seeds(row['seeds'])}. Train again."
    )


def _trained_elsewhere(row: Mapping[str, Any]) -> str:
    if not row["other_split"]:
        return ""
    return (
        f"{_title(row)} was trained on another split than the present one; the test images are the same. "
        "Train again to judge what the present split gives."
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _unequal_settings(finished: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return where runs of one backbone were not trained alike, so that their difference is not the strategy's."""
    records = [record for row in finished for record in row["records"] if record["seed"] in row["seeds"]]
    unequal = {
        one["backbone"]
        for one in records
        for other in records
        if (one["backbone"], one["seed"]) == (other["backbone"], other["seed"])
        and _shared_settings(one) != _shared_settings(other)
    }
    return [
        f"{backbone_title(backbone)}: its runs differ in more than the strategy (see the run records below); "
        "their difference is not the strategy's alone."
        for backbone in sorted(unequal)
    ]


def _shared_settings(record: Mapping[str, Any]) -> list[Any]:
    """Return what all strategies of a backbone should have in common."""
    parameters = record["parameters"]
    names = ("split_sha256", "pixel_sha256", "initial_weights_sha256", "backend", "precision", "method_version")
    return [parameters["backbone"], parameters["training"], *(record.get(name) for name in names)]
