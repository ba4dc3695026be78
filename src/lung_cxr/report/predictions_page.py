"""The page of new images: decisions with their reasons, referred images first, below the limits of the model card."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE
from lung_cxr.prediction.decide import CALIBRATED_COLUMNS, REFER, REFER_REASONS
from lung_cxr.report.html_page import render_page
from lung_cxr.report.labels import run_name
from lung_cxr.report.numbers import percent, plural

TEMPLATE = "predictions.html.j2"
MEANINGS = FAULTS | OUT_OF_SCOPE | FLAGS


def render_predictions(table: pd.DataFrame, limits: Sequence[str], overlays: Collection[str], made_at: datetime) -> str:
    """Return the page as HTML.

    Args:
        table: `contracts.new_image_probabilities`.
        limits: Statements of the model card.
        overlays: File keys of the images with an overlay in `overlays/` beside the page.
        made_at: Time of the prediction, UTC.
    """
    order = (table["decision"] != REFER).sort_values(kind="stable").index
    found = set(table["qc_reasons"].str.split(";").explode())
    rows = [_row(row, overlays) for row in table.loc[order].to_dict(orient="records")]
    return render_page(
        TEMPLATE,
        f"Predictions of {run_name(table['run'].iloc[0])}",
        made_at,
        notices=limits,
        headline=_headline(table),
        rows=rows,
        overlays=any(row["overlay"] for row in rows),
        prevalence=table["prevalence"].iloc[0],
        quality={_in_words(code): MEANINGS[code] for code in MEANINGS if code in found},
    )


def _headline(table: pd.DataFrame) -> str:
    referred = table[table["decision"] == REFER]
    reasons = Counter(code for codes in referred["refer_reason"] for code in codes.split(";"))
    said = "; ".join(f"{REFER_REASONS[code]}: {count:,}" for code, count in reasons.most_common())
    several = ", some for several reasons" if reasons.total() > len(referred) else ""
    decided = Counter(table.loc[table["decision"] != REFER, "decision"])
    classes = "; ".join(f"{name}: {count:,}" for name, count in decided.most_common())
    return (
        f"{len(referred):,} of {plural(len(table), 'file')} referred to a clinician{several}"
        + (f" ({said}). " if said else ". ")
        + (f"Decided: {decided.total():,} ({classes})." if decided else "None is decided.")
    )


def _row(row: dict[str, Any], overlays: Collection[str]) -> dict[str, Any]:
    known = row["predicted"] != ""
    calibrated = [row[column] for column in CALIBRATED_COLUMNS]
    top = calibrated.index(max(calibrated)) if known else None
    return {
        "file_key": row["file_key"],
        "overlay": row["file_key"] in overlays,
        "predicted": row["predicted"],
        "referred": row["decision"] == REFER,
        "decision": row["decision"],
        "reasons": "; ".join(REFER_REASONS[code] for code in row["refer_reason"].split(";") if code),
        "probability": "" if top is None else percent(calibrated[top]),
        "top": "" if top is None else DISEASES[top],
        "prediction_set": row["prediction_set"].replace(";", ", "),
        "percentile": "" if pd.isna(row["distance_percentile"]) else f"{row['distance_percentile']:.0f}",
        "quality": ", ".join(map(_in_words, row["qc_reasons"].split(";"))),
    }


def _in_words(code: str) -> str:
    return code.replace("_", " ")
