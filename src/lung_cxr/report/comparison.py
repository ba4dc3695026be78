"""Comparison of dynamic with traditional fine-tuning: over backbones, on each backbone, and in the paper's tables."""

import math
from collections.abc import Mapping
from typing import Any

from lung_cxr.evaluation.holm import holm
from lung_cxr.evaluation.paired_tests import paired_test
from lung_cxr.evaluation.published import PRINTED_TEST, published_test
from lung_cxr.evaluation.undefined import Numbers, json_ready, undefined
from lung_cxr.report.sentences import headline

COMPARED = ("accuracy", "macro_f1")
TESTS_PER_BACKBONE = ("accuracy_bootstrap_p", "macro_f1_bootstrap_p", "mcnemar_p")


def compare_strategies(evaluations: Mapping[str, Any], synthetic: bool) -> dict[str, Any]:
    """Return all comparisons, in percentage points of dynamic − traditional.

    Args:
        evaluations: Result of `evaluate_grid`.
        synthetic: Whether any image is synthetic; the headline then says so.

    Returns:
        JSON-ready: `headline` (sentences); `over_backbones` (paired test of accuracy and of macro-F1); `per_backbone`
        with differences, intervals, p-values and `<name>_holm`, the p-values adjusted over the backbones (null with
        `<name>_holm_reason` where there is no test); `published`: the test as the paper prints it, and the same test
        on its tables.
    """
    confidence = evaluations["confidence"]
    pairs = _adjusted([_in_points(pair) for pair in evaluations["pairs"]])
    over_backbones = {metric: paired_test(_differences(pairs, metric), confidence) for metric in COMPARED}
    published = {metric: published_test(metric, confidence) for metric in COMPARED}
    comparison = json_ready(
        {
            "unit": "percentage points, dynamic minus traditional",
            "confidence": confidence,
            "n_resamples": evaluations["n_resamples"],
            "over_backbones": over_backbones,
            "per_backbone": pairs,
            "published": {"printed": PRINTED_TEST, **published},
        }
    )
    tests, gains = comparison["over_backbones"], comparison["per_backbone"]
    return {"headline": headline(evaluations, tests, gains, synthetic), **comparison}


def _in_points(pair: Mapping[str, Any]) -> Numbers:
    """Return a comparison with its differences in percentage points."""
    return {
        name: 100 * value if "_difference" in name and isinstance(value, float) else value
        for name, value in pair.items()
    }


def _differences(pairs: list[Numbers], metric: str) -> list[float]:
    values = [pair[f"{metric}_difference"] for pair in pairs]
    return [value for value in values if value is not None]


def _adjusted(pairs: list[Numbers]) -> list[Numbers]:
    """Add Holm-adjusted p-values; the p-values of one test over all backbones are one family."""
    adjusted = [dict(pair) for pair in pairs]
    for name in TESTS_PER_BACKBONE:
        raw = [float("nan") if pair[name] is None else pair[name] for pair in pairs]
        for pair, p in zip(adjusted, holm(raw), strict=True):
            holm_name = f"{name}_holm"
            pair.update(undefined(holm_name, pair[f"{name}_reason"]) if math.isnan(p) else {holm_name: p})
    return adjusted
