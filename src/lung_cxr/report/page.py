"""The report of the training runs as one HTML page."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from lung_cxr.report.clinical import most_missed, redaction_sentence, worst_gap
from lung_cxr.report.external_report.first_screen import first_screen
from lung_cxr.report.figures.captions import (
    draw_clinical_pictures,
    draw_method_picture,
    draw_pictures,
    draw_run_pictures,
)
from lung_cxr.report.html_page import render_page
from lung_cxr.report.key_figures import key_figures
from lung_cxr.report.labels import METRIC_TITLES, SYNTHETIC, TABLE_TITLES
from lung_cxr.report.limitations import limitations
from lung_cxr.report.numbers import p_digits, reason_for
from lung_cxr.report.rows import Row, best_by_validation_accuracy, finished_runs, first_record, row_title, several_seeds
from lung_cxr.report.sentences import notices
from lung_cxr.report.tables import (
    calibration,
    cross_validation_tables,
    dataset_tables,
    hypothesis_tests,
    results,
    runs_table,
    subgroup_tables,
)
from lung_cxr.report.tables.adjustment_table import adjustment_table
from lung_cxr.report.tables.claim import claim_sentence, claim_table
from lung_cxr.report.tables.cost import cost_table
from lung_cxr.report.tables.ensembles_table import ensembles_table
from lung_cxr.report.tables.manuscript import numbered_tables
from lung_cxr.report.tables.sources_table import source_sentence, sources_table
from lung_cxr.report.tables.strategies_table import better_baselines, strategies_table
from lung_cxr.report.tables.table import Table

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Sources:
    """Inputs of the page.

    Attributes:
        evaluations: Result of `evaluate_grid`.
        comparison: Result of `compare_strategies`.
        table1: Table 1 from the pipeline `splitting`.
        split: `contracts.split`.
        image_manifest: `contracts.image_manifest`.
        known_exports: `contracts.known_exports`.
        ingestion_summary: Counts of ingestion.
        pooled: Pooled results of the cross-validation, `out_of_fold.RESULT_COLUMNS`.
        fold_tests: Its tests, `out_of_fold.TEST_COLUMNS`.
    """

    evaluations: Mapping[str, Any]
    comparison: Mapping[str, Any]
    table1: pd.DataFrame
    split: pd.DataFrame
    image_manifest: pd.DataFrame
    known_exports: pd.DataFrame
    ingestion_summary: Mapping[str, Any]
    pooled: pd.DataFrame
    fold_tests: pd.DataFrame


def render_report(sources: Sources, title: str, made_at: datetime) -> str:
    """Return the page as HTML.

    Args:
        sources: Inputs of the page.
        title: Title of the page.
        made_at: Time of the report, UTC.
    """
    return render_page(TEMPLATE, title, made_at, **_content(sources))


def _content(sources: Sources) -> dict[str, Any]:
    """Return the variables of the template."""
    evaluations, comparison = sources.evaluations, sources.comparison
    finished, runs = finished_runs(evaluations), evaluations["runs"]
    best = best_by_validation_accuracy(finished) if finished else None
    unchecked = sources.ingestion_summary["flags"].get("not_looked_at", 0)
    return {
        "notices": [*better_baselines(evaluations), *notices(evaluations, sources.known_exports, unchecked)],
        "headline": _answer(comparison, best),
        "key_figures": key_figures(evaluations, comparison),
        "method_picture": draw_method_picture(evaluations),
        "pictures": draw_pictures(evaluations) if finished else None,
        "run_pictures": draw_run_pictures(evaluations),
        "main_table": results.comparison_table(evaluations, comparison),
        "tables": numbered_tables(evaluations, sources.table1, bool(sources.known_exports["synthetic"].any())),
        "table_titles": TABLE_TITLES,
        "patients": dataset_tables.people_table(sources.split, sources.image_manifest),
        "ingestion": dataset_tables.ingestion_table(sources.ingestion_summary),
        "weights": dataset_tables.weight_table(first_record(best)) if best else None,
        "several_seeds": several_seeds(evaluations),
        "ensembles": ensembles_table(evaluations),
        "costs": cost_table(evaluations) if finished else None,
        "strategies": strategies_table(evaluations),
        "pooled": cross_validation_tables.pooled_table(sources.pooled),
        "fold_tests": cross_validation_tables.fold_test_table(sources.fold_tests),
        "class_tables": by_run(finished, best, results.class_table),
        "subgroup_tables": by_run(finished, best, subgroup_tables.subgroup_table),
        "gap_sentence": worst_gap(best) if best else "",
        "gap_tables": by_run(finished, best, subgroup_tables.gap_table),
        "source_sentence": source_sentence(evaluations, best) if best else "",
        "source_tables": by_run(finished, best, partial(sources_table, evaluations)),
        "redaction": dataset_tables.redaction_table(evaluations["redaction"]),
        "redaction_sentence": redaction_sentence(evaluations["redaction"], best),
        "clinical_pictures": draw_clinical_pictures(best) if best else [],
        "external": first_screen(evaluations),
        "calibration": calibration.calibration_table(evaluations),
        "adjustment": adjustment_table(evaluations),
        "abstention": calibration.abstention_table(evaluations),
        "abstention_sentence": calibration.abstention_sentence(best, evaluations["target_accuracy"]) if best else "",
        "sets_tables": by_run(finished, best, calibration.sets_table),
        "operating_points": by_run(finished, best, calibration.operating_points_table),
        "tests": hypothesis_tests.test_table(comparison),
        "backbone_tests": hypothesis_tests.backbone_test_table(comparison) if comparison["per_backbone"] else None,
        "runs": runs_table.runs_table(runs),
        "lineage": runs_table.identity_table(
            runs, dataset_tables.exports_of_split(sources.split, sources.image_manifest)
        ),
        "settings": runs_table.settings_table(runs),
        "records": runs_table.record_texts(runs),
        "limitations": limitations(evaluations, sources.known_exports),
        "claim": claim_table(evaluations),
        "claim_sentence": claim_sentence(evaluations),
        "published": _published_numbers(comparison),
    }


def _answer(comparison: Mapping[str, Any], best: Row | None) -> str:
    """Return the headline without the notice of synthetic data, and the disease that the best run misses most often."""
    missed = most_missed(best) if best else ""
    return f"{comparison['headline'].removeprefix(f'{SYNTHETIC} ')} {missed}".strip()


def by_run(finished: Sequence[Row], best: Row | None, table: Callable[[Row], Table]) -> list[tuple[str, Table, bool]]:
    """Return a table of every finished run: title, table, and whether it is the open one (`best`)."""
    return [(row_title(row), table(row), row is best) for row in finished]


def _published_numbers(comparison: Mapping[str, Any]) -> dict[str, str]:
    """Return the paper's t-test as printed and recomputed from its tables, ours, and t of its printed mean and SD."""
    printed, accuracy, macro_f1 = (comparison["published"][name] for name in ("printed", "accuracy", "macro_f1"))
    t = printed["mean"] / (printed["sd"] / math.sqrt(printed["df"] + 1))
    return {
        "printed": "mean {mean}, standard deviation {sd}, t({df}) = {t}, p = {p}".format(**printed),
        "accuracy": _test_in_words(accuracy),
        "macro_f1": _test_in_words(macro_f1),
        **{f"our_{metric}": _test_in_words(comparison["over_backbones"][metric]) for metric in METRIC_TITLES},
        "t_of_printed": f"{t:.2f}",
    }


def _test_in_words(test: Mapping[str, Any]) -> str:
    """Return the numbers of a test, or the reason why it is undefined."""
    if reason := reason_for(test, "p"):
        return reason
    p = p_digits(test["p"])
    equals = "" if p.startswith("<") else "= "
    return "mean {mean:.3f}, standard deviation {sd:.3f}, t({df}) = {t:.3f}, p ".format(**test) + equals + p
