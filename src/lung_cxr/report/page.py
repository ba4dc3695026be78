"""The report of the training runs as one page."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from lung_cxr.experiments import Run
from lung_cxr.report.comparable_seeds import judged_record
from lung_cxr.report.figures.captions import draw_pictures, draw_run_pictures, several_seeds
from lung_cxr.report.html_page import render_page
from lung_cxr.report.labels import METRIC_TITLES, TABLE_TITLES, run_title
from lung_cxr.report.limitations import limits
from lung_cxr.report.numbers import p_digits, reason_for
from lung_cxr.report.sentences import best_run, finished_runs, notices
from lung_cxr.report.tables import calibration, data, results, runs_table, subgroup_tables
from lung_cxr.report.tables.claim import claim_sentence, claim_table
from lung_cxr.report.tables.cost import cost_table
from lung_cxr.report.tables.numbered import numbered_tables
from lung_cxr.report.tables.strategies_table import all_strategies_table, better_baselines
from lung_cxr.report.tables.table import Table

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Sources:
    """What the page is made from.

    Attributes:
        evaluations: What `evaluate_grid` returned.
        comparison: What `compare_strategies` returned.
        table1: Table 1 as `splitting` tabulated it.
        split: `contracts.split`.
        image_manifest: `contracts.image_manifest`.
        known_exports: `contracts.known_exports`.
        ingestion_summary: What `ingestion` counted.
    """

    evaluations: Mapping[str, Any]
    comparison: Mapping[str, Any]
    table1: pd.DataFrame
    split: pd.DataFrame
    image_manifest: pd.DataFrame
    known_exports: pd.DataFrame
    ingestion_summary: Mapping[str, Any]


def render_report(sources: Sources, title: str, made_at: datetime) -> str:
    """Return the page as HTML.

    Args:
        sources: Everything it shows.
        title: Of the page.
        made_at: When it was made, UTC.
    """
    return render_page(TEMPLATE, title, made_at, **_content(sources))


def _content(sources: Sources) -> dict[str, Any]:
    """Return what the template puts in its places."""
    evaluations, comparison = sources.evaluations, sources.comparison
    finished, runs = finished_runs(evaluations), evaluations["runs"]
    best = best_run(finished) if finished else None
    unchecked = sources.ingestion_summary["flags"].get("not_looked_at", 0)
    return {
        "notices": [*notices(evaluations, sources.known_exports, unchecked), *better_baselines(evaluations)],
        "headline": comparison["headline"],
        "pictures": draw_pictures(evaluations) if finished else None,
        "run_pictures": draw_run_pictures(evaluations),
        "main_table": results.comparison_table(evaluations, comparison),
        "tables": numbered_tables(evaluations, sources.table1, bool(sources.known_exports["synthetic"].any())),
        "table_titles": TABLE_TITLES,
        "people": data.people_table(sources.split, sources.image_manifest),
        "ingestion": data.ingestion_table(sources.ingestion_summary),
        "weights": data.weight_table(judged_record(best)) if best else None,
        "several_seeds": several_seeds(evaluations),
        "costs": cost_table(evaluations, load_time_starts(finished)) if finished else None,
        "all_strategies": all_strategies_table(evaluations),
        "class_tables": _by_run(finished, best, results.class_table),
        "subgroup_tables": _by_run(finished, best, subgroup_tables.subgroup_table),
        "external": subgroup_tables.external_table(evaluations),
        "calibration": calibration.calibration_table(evaluations),
        "abstention": calibration.abstention_table(evaluations),
        "abstention_sentence": calibration.abstention_sentence(best, evaluations["target_accuracy"]) if best else "",
        "sets_tables": _by_run(finished, best, calibration.sets_table),
        "tests": results.test_table(comparison),
        "backbone_tests": results.backbone_test_table(comparison) if comparison["per_backbone"] else None,
        "runs": runs_table.runs_table(runs),
        "identities": runs_table.identity_table(runs, data.exports_of_split(sources.split, sources.image_manifest)),
        "settings": runs_table.settings_table(runs),
        "records": runs_table.record_texts(runs),
        "limits": limits(evaluations, sources.known_exports),
        "claim": claim_table(evaluations),
        "claim_sentence": claim_sentence(evaluations),
        "published": _published_numbers(comparison),
    }


def _by_run(
    finished: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None,
    table: Callable[[Mapping[str, Any]], Table],
) -> list[tuple[str, Table, bool]]:
    """Return a table of every finished run: its heading, the table, and whether it is open."""
    return [(run_title(Run(row["backbone"], row["strategy"])), table(row), row is best) for row in finished]


def _published_numbers(comparison: Mapping[str, Any]) -> dict[str, str]:
    """Return the test as the paper prints it, from its tables and ours, and the t of its printed mean and SD."""
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
    """Return a test's numbers, or why there is none."""
    if reason := reason_for(test, "p"):
        return reason
    p = p_digits(test["p"])
    equals = "" if p.startswith("<") else "= "
    return "mean {mean:.3f}, standard deviation {sd:.3f}, t({df}) = {t:.3f}, p ".format(**test) + equals + p


def load_time_starts(finished: Sequence[Mapping[str, Any]]) -> str:
    """Return of how many starts a load time is the median, as far as the records tell; a timed run has at least one."""
    records = [record for row in finished for record in row["records"] if record["seed"] in row["seeds"]]
    repeats = sorted({record["load_time_repeats"] for record in records if record.get("load_time_repeats")})
    if not repeats:
        return ""
    if repeats == [1]:
        return ", measured once"
    return f", the median of {' or '.join(map(str, repeats))} starts"
