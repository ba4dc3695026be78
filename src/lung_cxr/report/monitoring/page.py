"""The page that watches the runs: the newest batch against its control limits, and the trend."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from lung_cxr.contracts import WATCHED
from lung_cxr.parameters import MonitoringParameters
from lung_cxr.prediction.monitoring import judged, outside
from lung_cxr.report.html_page import Picture, picture, render_page
from lung_cxr.report.key_figures import KeyFigure
from lung_cxr.report.labels import run_name
from lung_cxr.report.monitoring.figures import draw_control_charts
from lung_cxr.report.monitoring.titles import title_of, unit_of
from lung_cxr.report.numbers import NOTHING, percent, plural, three_digits
from lung_cxr.report.tables.table import Cell, Table, name_cell, text_cell

TEMPLATE = "monitoring/monitoring.html.j2"
CHARTED = 36  # newest batches of a run in its charts: three years of months
LISTED = 100  # newest batches in the table


def render_monitoring(batches: pd.DataFrame, settings: MonitoringParameters, made_at: datetime) -> str:
    """Return the page as HTML.

    Args:
        batches: `contracts.watched_batches`, at least one row.
        settings: Present settings; each row keeps the limits that it was made with.
        made_at: Time of the page, UTC.
    """
    floats = batches.astype(dict.fromkeys(batches.select_dtypes("Float64").columns, float))
    ordered = floats.sort_values("time", kind="stable", ignore_index=True)
    last_command = ordered[ordered["time"] == ordered["time"].iloc[-1]].to_dict(orient="records")
    newest = max(last_command, key=lambda row: len(outside(row)))  # of several runs, the one with most outside
    runs = [newest["run"], *(run for run in ordered["run"].unique()[::-1] if run != newest["run"])]
    charts = [(run_name(run), _charts(run, ordered[ordered["run"] == run].tail(CHARTED))) for run in runs]
    return render_page(
        TEMPLATE,
        "Model monitoring",
        made_at,
        notices=[*_other_alarms(newest, last_command), *_notices(newest, settings)],
        headline=_headline(newest),
        key_figures=_key_figures(newest, ordered[ordered["run"] == newest["run"]]),
        newest=_batch_table(newest),
        charts=charts[0],
        further_charts=charts[1:],
        batches=_batches_table(ordered.iloc[::-1].head(LISTED)),
        settings=settings,
        months=round(1 / settings.false_alarm_rate),
        spread=three_digits(settings.batch_correlation**0.5),
    )


def _headline(row: Mapping[str, Any]) -> str:
    of_batch = f"{row['time']:%Y-%m-%d}, {run_name(row['run'])}, {plural(row['images'], 'accepted image')}"
    known, found = judged(row), outside(row)
    if not known:
        return f"{of_batch}: no quantity could be compared with the training reference."
    if not found:
        return f"{of_batch}: all {len(known)} quantities are within the control limits."
    named = ", ".join(title_of(name) for name in found)
    return f"{of_batch}: {len(found)} of {len(known)} watched quantities outside the control limits: {named}."


def _other_alarms(newest: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the quantities outside the limits of other runs that were applied to the same images."""
    return [
        f"{run_name(row['run'])}: also outside the control limits: {', '.join(map(title_of, outside(row)))}."
        for row in rows
        if row is not newest and outside(row)
    ]


def _notices(row: Mapping[str, Any], settings: MonitoringParameters) -> list[str]:
    said = []
    if row["images"] < settings.min_images:
        said.append(
            f"The newest batch has {plural(row['images'], 'accepted image')} of {plural(row['files'], 'file')}. With "
            f"fewer than {settings.min_images}, only counts and rejections are stored; predict larger batches, for "
            "example once a week."
        )
    if missing := [name for name in WATCHED if pd.notna(row[name]) and name not in judged(row)]:
        said.append(
            f"{', '.join(map(title_of, missing))}: no training reference, so no limits. The decision rule of the run "
            "lacks it; run the pipelines splitting and training again (a run that is up to date is not trained)."
        )
    return said


def _key_figures(row: Mapping[str, Any], of_run: pd.DataFrame) -> list[KeyFigure]:
    alarms = sum(bool(outside(one)) for one in of_run.to_dict(orient="records"))
    referred = percent(None if pd.isna(row["referred"]) else row["referred"])
    return [
        KeyFigure("Outside the limits", f"{len(outside(row))} of {len(judged(row))}", "quantities, newest batch"),
        KeyFigure("Accepted images", f"{row['images']:,}", f"of {plural(row['files'], 'file')}{_patients(row)}"),
        KeyFigure("Referred", referred, "of the accepted images"),
        KeyFigure("Batches with an alarm", f"{alarms} of {len(of_run)}", f"of {run_name(row['run'])}"),
    ]


def _patients(row: Mapping[str, Any]) -> str:
    return "" if pd.isna(row["patients"]) else f", {plural(int(row['patients']), 'patient')}"


def _batch_table(row: Mapping[str, Any]) -> Table:
    """Return the newest batch, quantities outside their limits first."""
    found = outside(row)
    known = [*found, *(name for name in WATCHED if name not in found and pd.notna(row[name]))]
    return Table(
        "Newest batch, in percent. Mean percentile: 50 as in training; mean: in the metric's own unit.",
        ["Quantity", "Unit", "This batch", "Training", "Control limits", "Outside", "Mean"],
        [_quantity(row, name, name in found) for name in known],
    )


def _quantity(row: Mapping[str, Any], name: str, is_outside: bool) -> list[Cell]:
    now, expected, low, high = (100 * row[f"{name}{part}"] for part in ("", "_expected", "_low", "_high"))
    limits = NOTHING if pd.isna(low) else f"{low:.1f} to {high:.1f}"
    mean = row.get(f"mean_{name}")
    return [
        name_cell(title_of(name)),
        text_cell(unit_of(name)),
        Cell(f"{now:.1f}"),
        Cell(NOTHING if pd.isna(expected) else f"{expected:.1f}"),
        Cell(limits),
        Cell("above" if is_outside and now > high else "below" if is_outside else "", kind="decision"),
        Cell("" if mean is None or pd.isna(mean) else three_digits(mean)),
    ]


def _charts(run: str, batches: pd.DataFrame) -> Picture:
    rows = batches.to_dict(orient="records")
    alarms = sum(bool(outside(row)) for row in rows)
    return picture(
        draw_control_charts(batches),
        f"Control charts of {run_name(run)}, percent. Band: control limits; they are wider for a small batch. Orange: "
        "outside. Hollow: no training reference.",
        f"Control charts of {plural(len(rows), 'batch', 'batches')}, {alarms} with a quantity outside its limits.",
    )


def _batches_table(batches: pd.DataFrame) -> Table:
    return Table(
        f"The newest {LISTED} batches. Referred: share of the accepted images that the decision rule refers.",
        ["Time, UTC", "Pipeline", "Run", "Files", "Accepted", "Patients", "Referred", "Outside the limits"],
        [_batch(row) for row in batches.to_dict(orient="records")],
    )


def _batch(row: Mapping[str, Any]) -> list[Cell]:
    named = ", ".join(title_of(name) for name in outside(row)) or ("none" if judged(row) else "not compared")
    return [
        name_cell(f"{row['time']:%Y-%m-%d %H:%M}"),
        text_cell(row["pipeline"]),
        text_cell(row["run"]),
        Cell(f"{row['files']:,}"),
        Cell(f"{row['images']:,}"),
        Cell(NOTHING if pd.isna(row["patients"]) else f"{row['patients']:,.0f}"),
        Cell(NOTHING if pd.isna(row["referred"]) else f"{100 * row['referred']:.1f}"),
        Cell(named, kind="words"),
    ]
