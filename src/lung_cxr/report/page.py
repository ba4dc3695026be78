"""The report of the training runs as one page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from lung_cxr.experiments import Run
from lung_cxr.report import data_tables, failure_tables, record_tables, result_tables
from lung_cxr.report.alike import judged_record
from lung_cxr.report.all_strategies import all_strategies_table, better_baselines
from lung_cxr.report.bar_figure import draw_bars
from lung_cxr.report.confusion_figure import draw_confusion
from lung_cxr.report.curve_figure import draw_curves
from lung_cxr.report.html_page import Picture, picture, render_page
from lung_cxr.report.limits import limits
from lung_cxr.report.numbers import percent
from lung_cxr.report.sentences import METRIC_TITLES, best_run, finished_runs, notices
from lung_cxr.report.titles import DYNAMIC, TRADITIONAL, backbone_title, run_title

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
        "pictures": _pictures(evaluations) if finished else None,
        "main_table": result_tables.comparison_table(evaluations, comparison),
        "table1": data_tables.distribution_table(sources.table1),
        "people": data_tables.people_table(sources.split, sources.image_manifest),
        "ingestion": data_tables.ingestion_table(sources.ingestion_summary),
        "weights": data_tables.weight_table(judged_record(best)) if best else None,
        "load_time_starts": load_time_starts(finished),
        "table3": result_tables.strategy_table(evaluations, TRADITIONAL),
        "table4": result_tables.strategy_table(evaluations, DYNAMIC),
        "all_strategies": all_strategies_table(evaluations),
        "class_tables": [
            (run_title(Run(row["backbone"], row["strategy"])), result_tables.class_table(row), row is best)
            for row in finished
        ],
        "parts_tables": [
            (run_title(Run(row["backbone"], row["strategy"])), failure_tables.parts_table(row), row is best)
            for row in finished
        ],
        "external": failure_tables.external_table(evaluations),
        "tests": result_tables.test_table(comparison),
        "backbone_tests": result_tables.backbone_test_table(comparison) if comparison["per_backbone"] else None,
        "runs": record_tables.runs_table(runs),
        "identities": record_tables.identity_table(runs),
        "settings": record_tables.settings_table(runs),
        "records": record_tables.record_texts(runs),
        "limits": limits(evaluations, sources.known_exports),
        "published": _published_numbers(comparison["published"]),
    }


def _pictures(evaluations: Mapping[str, Any]) -> dict[str, Picture]:
    """Return every figure with its words."""
    seeds = " Bars are means over the training seeds." if _several_seeds(evaluations) else ""
    bars = (
        "Dynamic (orange) and traditional fine-tuning (blue) on the test set, with intervals over patients."
        f"{seeds} Dashed: every image called the largest class."
    )
    return {
        "accuracy": picture(
            draw_bars(evaluations, "accuracy"),
            f"Fig. 3. Accuracy. {bars}",
            _in_words(evaluations, "accuracy"),
        ),
        "macro_f1": picture(
            draw_bars(evaluations, "macro_f1"),
            f"Fig. 4. Macro-F1. {bars}",
            _in_words(evaluations, "macro_f1"),
        ),
        "confusion": picture(
            draw_confusion(evaluations),
            "Fig. 5. Where the test images of each class went: each row is a true class and sums to 1; the diagonal is "
            "what was right. A dot: no test image of that class.",
            "Normalised confusion matrix of every finished run; the diagonals are the recalls of the tables by class.",
        ),
        "curves": picture(
            draw_curves(evaluations),
            "Losses over the epochs of each run's first seed. The green lines are unfreezings, the grey steps behind "
            "them the layer groups m of L that train, the dot is the epoch whose weights were kept. Training loss is "
            "weighted (Eq. 14) and under balanced sampling, validation loss is plain cross-entropy: compare their "
            "courses, not their heights.",
            "Training and validation loss over epochs with the unfreezing events, a panel per run.",
        ),
    }


def _published_numbers(published: Mapping[str, Any]) -> dict[str, str]:
    """Return the test that the paper prints, the same from its tables, and the t of its printed mean and SD."""
    printed, accuracy, macro_f1 = (published[name] for name in ("printed", "accuracy", "macro_f1"))
    t = printed["mean"] / (printed["sd"] / math.sqrt(printed["df"] + 1))
    return {
        "printed": "mean {mean}, standard deviation {sd}, t({df}) = {t}, p = {p}".format(**printed),
        "accuracy": _test_in_words(accuracy),
        "macro_f1": _test_in_words(macro_f1),
        "t_of_printed": f"{t:.2f}",
    }


def _test_in_words(test: Mapping[str, Any]) -> str:
    return "mean {mean:.3f}, standard deviation {sd:.3f}, t({df}) = {t:.3f}, p = {p:.4f}".format(**test)


def load_time_starts(finished: Sequence[Mapping[str, Any]]) -> str:
    """Return of how many starts a load time is the median, as far as the records tell; a timed run has at least one."""
    records = [record for row in finished for record in row["records"] if record["seed"] in row["seeds"]]
    repeats = sorted({record["load_time_repeats"] for record in records if record.get("load_time_repeats")})
    if not repeats:
        return ""
    if repeats == [1]:
        return ", measured once"
    return f", the median of {' or '.join(map(str, repeats))} starts"


def _several_seeds(evaluations: Mapping[str, Any]) -> bool:
    return any(len(row["seeds"]) > 1 for row in evaluations["runs"])


def _in_words(evaluations: Mapping[str, Any], metric: str) -> str:
    """Return a bar chart's values as a sentence."""
    values = [
        f"{backbone_title(row['backbone'])} {row['strategy']} {percent(row['metrics'][metric])}"
        for row in finished_runs(evaluations)
        if row["strategy"] in (DYNAMIC, TRADITIONAL)
    ]
    return f"Bars of test {METRIC_TITLES[metric]}: {', '.join(values) or 'no run has finished yet'}."
