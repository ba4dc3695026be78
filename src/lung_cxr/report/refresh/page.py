"""The refresh report as one HTML page: counts, rejections, drift, quality and contact sheets."""

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from itertools import compress
from typing import Any

from lung_cxr import __version__
from lung_cxr.imaging.catalogue.process_image import READING_VERSION
from lung_cxr.parameters import IngestionParameters, IngestionReportParameters
from lung_cxr.report.html_page import Picture, picture, render_page
from lung_cxr.report.numbers import percent, plural
from lung_cxr.report.refresh import tables
from lung_cxr.report.refresh.contact_sheet import Catalogue, flagged_sheet, rejected_sheet
from lung_cxr.report.refresh.figures import draw_drift, draw_histograms
from lung_cxr.report.refresh.quality_thresholds import metrics_of
from lung_cxr.report.refresh.sentences import notices

TEMPLATE = "refresh/refresh_report.html.j2"
LIBRARIES = ("pydicom", "imagecodecs", "pillow", "numpy", "pandas", "scipy")


def render_refresh_report(
    facts: Mapping[str, Any],
    catalogue: Catalogue,
    ingestion: IngestionParameters,
    settings: IngestionReportParameters,
    icd10_version: str,
    made_at: datetime,
) -> str:
    """Return the page as HTML.

    Args:
        facts: Result of `gather_facts`: every count on the page.
        catalogue: Inputs of the contact sheets.
        ingestion: Parameters of the refresh.
        settings: Parameters of the page.
        icd10_version: Version of the map from codes to classes.
        made_at: Time of the report, UTC.
    """
    newest = [export["export"] for export in facts["exports"]][-settings.max_exports :]
    is_shown = [export["export"] in newest or export["changed"] for export in facts["exports"]]
    earlier = [export for export, shown in zip(facts["exports"], is_shown, strict=True) if not shown]
    return render_page(
        TEMPLATE,
        settings.title,
        made_at,
        headline=facts["headline"],
        notices=notices(facts, ingestion.max_fault_fraction),
        exports=tables.exports_table(list(compress(facts["exports"], is_shown))),
        earlier=tables.exports_table(earlier) if earlier else None,
        earlier_exports=len(earlier),
        classes=tables.classes_table(facts),
        faults=tables.reasons_table(facts, "fault", newest),
        out_of_scope=tables.reasons_table(facts, "out of scope", newest),
        flags=tables.flags_table(facts),
        drift=[_drift(entry, settings) for entry in reversed(facts["drift"])],
        drift_settings=settings.drift,
        least_distance=percent(settings.drift.min_distance),
        quality=tables.quality_table(facts),
        histograms=_histograms(catalogue, facts),
        rejected=rejected_sheet(catalogue, settings.max_rejected_thumbnails),
        flagged=flagged_sheet(catalogue, settings.max_flagged_thumbnails),
        settings=tables.settings_table(
            {"ingestion": ingestion.model_dump(), "ingestion_report": settings.model_dump()}
        ),
        icd10_version=icd10_version,
        method_version=READING_VERSION,
        versions=", ".join([f"lung_cxr {__version__}", *(f"{name} {version(name)}" for name in LIBRARIES)]),
    )


def _drift(entry: Mapping[str, Any], settings: IngestionReportParameters) -> dict[str, Any]:
    """Return table and figure of one export, or the reason why there is none."""
    comparisons, reason = entry["comparisons"], entry.get("reason", "")
    compared = (
        f"Drift of export {entry['export']}: {plural(entry['images'], 'image')} of "
        f"{plural(entry['patients'], 'patient')} against {entry['images_so_far']:,} of "
        f"{plural(entry['patients_so_far'], 'patient')} in earlier exports"
    )
    sides, level = ("Earlier catalogue", "This export"), settings.drift.significance
    return {
        "export": entry["export"],
        "reason": tables.sentence(reason) if reason else "",
        "table": tables.drift_table(comparisons, compared, sides, level) if comparisons else None,
        "picture": _drift_picture(entry, settings) if any(one["distance"] is not None for one in comparisons) else None,
    }


def _drift_picture(entry: Mapping[str, Any], settings: IngestionReportParameters) -> Picture:
    drifted = [one["variable"] for one in entry["comparisons"] if one["drifted"]]
    return picture(
        draw_drift(entry, settings.drift),
        f"Drift of export {entry['export']}. Bars: distance from the earlier catalogue, orange where it is drift. "
        "Ticks: 95 % quantile under chance. Dashed: smallest distance that is drift.",
        f"Bars of the distance of each variable from the earlier catalogue; drift: {', '.join(drifted) or 'none'}.",
    )


def _histograms(catalogue: Catalogue, facts: Mapping[str, Any]) -> Picture:
    beyond = ", ".join(f"{row['metric']} {row['beyond_limit']}" for row in facts["quality"])
    return picture(
        draw_histograms(catalogue.image_manifest, metrics_of(catalogue.image_manifest, catalogue.settings)),
        "Quality metrics of every readable image: accepted (blue) and rejected for any reason (orange). Dashed: "
        "threshold of rejection. Dotted: threshold of a flag. Counts are logarithmic; outermost bars collect 0.5 %.",
        f"Histograms of every quality metric with its threshold; images beyond it: {beyond}.",
    )
