"""The report of an external validation as one HTML page."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from lung_cxr.report.clinical import worst_gap
from lung_cxr.report.external_report import sentences, tables
from lung_cxr.report.figures.calibration_figures import draw_reliability
from lung_cxr.report.figures.captions import draw_clinical_pictures
from lung_cxr.report.figures.confusion_matrix import draw_confusion
from lung_cxr.report.html_page import picture, render_page
from lung_cxr.report.page import by_run
from lung_cxr.report.refresh.tables import drift_table
from lung_cxr.report.rows import best_external_run
from lung_cxr.report.tables import calibration, subgroup_tables
from lung_cxr.report.tables.sources_table import source_sentence, sources_table

TEMPLATE = "external_report/external_report.html.j2"
LEVEL = 0.05  # significance level of the drift


def render_external_report(
    evaluation: Mapping[str, Any], known_exports: pd.DataFrame, title: str, made_at: datetime
) -> str:
    """Return the page as HTML.

    Args:
        evaluation: Result of `evaluate_runs` and `stated`, read from JSON.
        known_exports: `contracts.known_exports` of this hospital.
        title: Title of the page.
        made_at: Time of the report, UTC.
    """
    rows = evaluation["runs"]
    best = best_external_run(evaluation)
    return render_page(
        TEMPLATE,
        title,
        made_at,
        notices=evaluation["notices"],
        headline=evaluation["headline"],
        key_figures=sentences.key_figures(evaluation),
        results=tables.results_table(evaluation),
        class_tables=by_run(rows, best, tables.classes_table),
        confusion=picture(
            draw_confusion(evaluation),
            "Normalised confusion matrix on the external test set (rows: true class). The diagonal is the recall.",
            "Normalised confusion matrix of every run; the diagonals are the recalls of the tables by class.",
        ),
        subgroup_tables=by_run(rows, best, subgroup_tables.subgroup_table),
        gap_sentence=worst_gap(best),
        gap_tables=by_run(rows, best, subgroup_tables.gap_table),
        source_sentence=source_sentence(evaluation, best),
        source_tables=by_run(rows, best, partial(sources_table, evaluation)),
        clinical_pictures=draw_clinical_pictures(best),
        rule_sentence=sentences.rule_sentence(evaluation),
        recalibration=by_run(rows, best, tables.recalibration_table),
        reliability=picture(
            draw_reliability(evaluation),
            "Reliability diagram: accuracy by confidence. Dotted: the network; coloured: scaled by the decision rule "
            "of the training site. Dot area: number of images in the bin.",
            "Reliability diagrams, one panel per run.",
        ),
        sets_tables=by_run(rows, best, calibration.sets_table),
        abstention=calibration.abstention_table(evaluation),
        operating_points=by_run(rows, best, calibration.operating_points_table),
        shares=tables.shares_table(best),
        shift=tables.shift_table(evaluation),
        drift=evaluation["drift"]
        and drift_table(
            evaluation["drift"],
            "External test set against the internal test set of the first run",
            (tables.INTERNAL, tables.EXTERNAL),
            LEVEL,
        ),
        runs=tables.runs_table(rows),
        limitations=sentences.limitations(evaluation, known_exports),
    )
