"""Claims of the paper, each with a verdict from our runs: rows of the evidence page."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pandas as pd

from lung_cxr.evaluation import out_of_fold
from lung_cxr.evaluation.out_of_fold import CrossValidation
from lung_cxr.evaluation.published import published_results
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, TRADITIONAL, backbone_title
from lung_cxr.report.numbers import decimal, decimal_interval, plural, points, points_interval
from lung_cxr.training.sweep.grid import SWEPT

Arm = tuple[str, str, str]  # experiment, backbone, strategy
BEST_BACKBONE = "mobilenet"  # of Table 4 of the paper
PERCENT = ("accuracy", "macro_f1")


def claims(by_fold: Mapping[Arm, pd.DataFrame], folds: CrossValidation, confidence: float) -> Iterator[dict[str, str]]:
    """Yield a verdict for each claim about accuracy and macro-F1 that finished arms can judge."""
    published = published_results().pivot(index="backbone", columns="strategy", values=list(PERCENT))
    for (name, backbone, _), metric in product(of_strategy(by_fold, DYNAMIC), PERCENT):
        dynamic, traditional = (by_fold.get((name, backbone, one)) for one in (DYNAMIC, TRADITIONAL))
        if traditional is not None:
            gain = f"higher {METRIC_TITLES[metric]} than traditional fine-tuning"
            paper = published.loc[backbone, (metric, DYNAMIC)] - published.loc[backbone, (metric, TRADITIONAL)]
            test = out_of_fold.compare_over_folds(dynamic, traditional, metric, folds, confidence)
            yield _claim(f"Dynamic fine-tuning of {backbone_title(backbone)} has a {gain}", name, metric, test, paper)
    for name, backbone, _ in of_strategy(by_fold, DYNAMIC):
        best = by_fold.get((name, BEST_BACKBONE, DYNAMIC))
        if backbone != BEST_BACKBONE and best is not None:
            test = out_of_fold.compare_over_folds(best, by_fold[name, backbone, DYNAMIC], "accuracy", folds, confidence)
            text = f"{backbone_title(BEST_BACKBONE)} is more accurate than {backbone_title(backbone)}"
            paper = published.loc[BEST_BACKBONE, ("accuracy", DYNAMIC)] - published.loc[backbone, ("accuracy", DYNAMIC)]
            yield _claim(text, name, "accuracy", test, paper)


def _claim(text: str, experiment: str, metric: str, test: Mapping[str, Any], paper: float) -> dict[str, str]:
    """Return the row of one claim of a positive difference; `paper` is its size in the paper, in percentage points."""
    low, high = 100 * test["ci_low"], 100 * test["ci_high"]
    size = "outside of the interval" if paper < low or paper > high else "within the interval"
    return {
        "claim": text,
        "settings": settings_title(experiment),
        "verdict": verdict(test["ci_low"], test["ci_high"]),
        "difference": difference_text(test, metric),
        "paper": f"{points(paper)}, {size}",
    }


def claims_of_settings(table: pd.DataFrame | None, experiment: str) -> Iterator[dict[str, str]]:
    """Yield for each backbone a verdict on p, k, decay and n of the environment: the lowest validation loss of all?"""
    if table is None or "loss_difference" not in table:  # none yet, or of an earlier version
        return
    finished = table[(table["strategy"] == DYNAMIC) & table["loss_difference"].notna()]
    for backbone, of_backbone in finished.groupby("backbone", sort=False):
        means = of_backbone.groupby([*SWEPT, "max_epochs", "own_settings"], as_index=False).mean(numeric_only=True)
        own, others = (means[means["own_settings"] == value] for value in (True, False))
        if others.empty:
            continue
        best = others.loc[others["loss_difference"].idxmin()]
        interval = decimal_interval(best["loss_difference_low"], best["loss_difference_high"])
        yield {
            "claim": f"{_settings(own.iloc[0])} have a lower validation loss than "
            f"{plural(len(others), 'other setting')} of {backbone_title(str(backbone))}",
            "settings": settings_title(experiment),
            "verdict": verdict(others["loss_difference_low"].min(), others["loss_difference_high"].min()),
            "difference": f"best other: {_settings(best)}, {decimal(best['loss_difference'])} nats {interval}, "
            f"{plural(int(best['validation_images']), 'validation image')}",
            "paper": "best of four values of each",
        }


def _settings(row: Any) -> str:
    return f"p = {row['patience']:g}, k = {row['step']:g}, decay {row['decay']:g} and n = {row['max_epochs']:g}"


def verdict(low: float, high: float) -> str:
    """Return the verdict on the claim that a difference with this interval is positive."""
    if low > 0:
        return "holds"
    return "does not hold" if high < 0 else "cannot tell"


def difference_text(test: Mapping[str, Any], metric: str) -> str:
    """Return a difference with its interval: percentage points, for the log loss nats."""
    if test["note"]:
        return f"{points(100 * test['mean'])}, {test['note']}"
    if metric in PERCENT:
        return f"{points(100 * test['mean'])} {points_interval(100 * test['ci_low'], 100 * test['ci_high'])}"
    return f"{decimal(test['mean'])} {decimal_interval(test['ci_low'], test['ci_high'])}"


def of_strategy(arms: Mapping[Arm, Any], strategy: str) -> list[Arm]:
    """Return the arms of one strategy, in their order."""
    return [arm for arm in arms if arm[2] == strategy]


def settings_title(experiment: str) -> str:
    """Return the name of an experiment's settings."""
    return experiment or "environment"
