"""Facts of a refresh: the machine-readable report, and the source of every count on the page.

It holds no data of single images or patients: no key, path or folder name; exports are ordinal numbers. "Before" means
the catalogue at the last report, so an interrupted refresh reports all of its work when it ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.drift import measure_drift
from lung_cxr.evaluation.undefined import json_ready
from lung_cxr.imaging.catalogue.summary import notes_on_tables
from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE
from lung_cxr.parameters import IngestionParameters, IngestionReportParameters
from lung_cxr.report.refresh.advice import MEANINGS, advice
from lung_cxr.report.refresh.changes import changed_settings, is_changed
from lung_cxr.report.refresh.quality_thresholds import PREFIX, metric_columns, metric_values, metrics_of
from lung_cxr.report.refresh.sentences import headline

FIRST_EXPORT = "no comparison: no earlier export has an accepted image"
NO_IMAGES = "the export has no accepted image"


@dataclass(frozen=True)
class Refreshed:
    """Results of a refresh.

    Attributes:
        known_exports: `contracts.known_exports`.
        rejected: Rows of `contracts.rejected_records` and `rejected_images` together.
        image_manifest: `contracts.image_manifest`.
        summary: Counts of `summarise`.
        file_counts: Number of files by action: `exports` by ordinal, and `total`.
        reported: `reported_counts` of the last report; None for the first report.
        settings: Parameters of the refresh by their dotted names.
    """

    known_exports: pd.DataFrame
    rejected: pd.DataFrame
    image_manifest: pd.DataFrame
    summary: Mapping[str, Any]
    file_counts: Mapping[str, Any]
    reported: Mapping[str, Any] | None
    settings: Mapping[str, Any] = field(default_factory=dict)


def gather_facts(
    refreshed: Refreshed, ingestion: IngestionParameters, settings: IngestionReportParameters
) -> dict[str, Any]:
    """Return the machine-readable report, ready for JSON.

    Returns:
        `headline`; `first` (no report before); `synthetic` (exports); `new_exports` (ordinals); `withdrawn_rows`;
        `catalogue` (accepted images and patients now, images before and the difference); `files` (by action);
        `exports`, one entry each, with its counts at the last report; `changed_exports` (known ones, ordinals);
        `changed_settings` (name → before and now); `settings`; `classes` before and after; `reasons` with counts by
        export, meaning and advice; `flags`; `label_review` (labels for the board, by reason); `quality` by metric;
        `drift`, one entry for each new export or else the latest, with `comparisons` (see `measure_drift`) or a
        `reason` for none.
    """
    accepted = refreshed.image_manifest[refreshed.image_manifest["qc_status"] == "accepted"]
    known = sorted(refreshed.known_exports["export"].tolist())
    new = [number for number in known if str(number) not in _before(refreshed, "exports")]
    counts = _counts_of_patients(accepted)
    exports = [_export(number, refreshed, counts, number in new) for number in known]
    facts = {
        "first": refreshed.reported is None,
        "synthetic": int(refreshed.known_exports["synthetic"].sum()),
        "new_exports": new,
        "withdrawn_rows": sum(refreshed.summary["withdrawn"].values()),
        "patient_lists": refreshed.summary.get("patient_lists", {}),
        "catalogue": _catalogue(refreshed, accepted),
        "files": refreshed.file_counts["total"],
        "exports": exports,
        "changed_exports": [export["export"] for export in exports if export["changed"]],
        "changed_settings": changed_settings((refreshed.reported or {}).get("settings"), refreshed.settings),
        "settings": dict(refreshed.settings),
        "classes": _classes(refreshed, accepted),
        "reasons": _reasons(refreshed.rejected),
        "flags": _flags(accepted),
        "label_review": dict(refreshed.summary["label_review"]),
        "notes_on_tables": notes_on_tables(refreshed.summary),
        "quality": _quality(refreshed.image_manifest, ingestion),
        "drift": [_drift(number, accepted, settings) for number in new[-settings.max_exports :] or known[-1:]],
    }
    return json_ready({"headline": headline(facts), **facts})


def counts_to_keep(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts and settings that the next report calls "before"."""
    return {
        "settings": facts["settings"],
        "counts_of_exports": {
            str(export["export"]): {name: export[name] for name in ("rows", "faults", "out_of_scope")}
            for export in facts["exports"]
        },
        "exports": {str(export["export"]): export["accepted"] for export in facts["exports"]},
        "classes": {row["class"]: row["after"] for row in facts["classes"]},
    }


def _before(refreshed: Refreshed, counts: str) -> Mapping[str, int]:
    return {} if refreshed.reported is None else refreshed.reported[counts]


def _catalogue(refreshed: Refreshed, accepted: pd.DataFrame) -> dict[str, int]:
    before = sum(_before(refreshed, "classes").values())
    return {
        "images": len(accepted),
        "patients": int(accepted["patient_key"].nunique()),
        "images_before": before,
        "difference": len(accepted) - before,
    }


def _counts_of_patients(accepted: pd.DataFrame) -> pd.DataFrame:
    """Return accepted images, patients, and patients with an image in an earlier export, by export."""
    pairs = accepted[["export", "patient_key"]].drop_duplicates()
    returning = pairs["export"] > pairs.groupby("patient_key")["export"].transform("min")
    return pd.DataFrame(
        {
            "accepted": accepted["export"].value_counts(),
            "patients": pairs["export"].value_counts(),
            "returning_patients": pairs.loc[returning, "export"].value_counts(),
        }
    )


def _export(number: int, refreshed: Refreshed, counts: pd.DataFrame, is_new: bool) -> dict[str, Any]:
    """Return rows, files, accepted images and rejections of one export."""
    of_images = counts.reindex([number]).fillna(0).astype(int).iloc[0]
    codes = refreshed.rejected.loc[refreshed.rejected["export"] == number, "reason_code"]
    counted = refreshed.summary["by_export"].get(str(number))
    export = {
        "export": number,
        "new": is_new,
        "rows": counted["rows"] if counted else 0,
        "present": counted is not None,
        "files": refreshed.file_counts["exports"].get(str(number), {}),
        "accepted": int(of_images["accepted"]),
        "accepted_before": _before(refreshed, "exports").get(str(number), 0),
        "patients": int(of_images["patients"]),
        "returning_patients": int(of_images["returning_patients"]),
        "faults": int(codes.isin(list(FAULTS)).sum()),
        "out_of_scope": int(codes.isin(list(OUT_OF_SCOPE)).sum()),
        "before": (refreshed.reported or {}).get("counts_of_exports", {}).get(str(number), {}),
    }
    return {**export, "changed": is_changed(export)}


def _classes(refreshed: Refreshed, accepted: pd.DataFrame) -> list[dict[str, Any]]:
    before, after = _before(refreshed, "classes"), accepted["label"].value_counts()
    return [{"class": name, "before": before.get(name, 0), "after": int(after.get(name, 0))} for name in DISEASES]


def _reasons(rejected: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the reasons that occur with their counts: faults first, then by falling count."""
    counts = rejected.groupby(["reason_code", "export"]).size()
    rows = []
    for kind, codes in (("fault", FAULTS), ("out of scope", OUT_OF_SCOPE)):
        found = [code for code in codes if code in counts.index.get_level_values(0)]
        for code in sorted(found, key=lambda code: -counts[code].sum()):
            by_export = {str(export): int(count) for export, count in counts[code].items()}
            rows.append(
                {"reason": code, "kind": kind, "count": sum(by_export.values()), "by_export": by_export}
                | {"meaning": MEANINGS[code], "advice": advice(code)}
            )
    return rows


def _flags(accepted: pd.DataFrame) -> list[dict[str, Any]]:
    counts = accepted["qc_reasons"].str.split(";").explode().value_counts()
    return [
        {"flag": code, "count": int(counts[code]), "meaning": meaning}
        for code, meaning in FLAGS.items()
        if code in counts
    ]


def _quality(manifest: pd.DataFrame, settings: IngestionParameters) -> list[dict[str, Any]]:
    """Return thresholds, number of images beyond them, and quantiles of each metric; None without a measurement."""
    rows = []
    for metric in metrics_of(manifest, settings):
        values = metric_values(manifest, metric.name).dropna()
        below = int((values < metric.least).sum()) if metric.least is not None else 0
        above = int((values > metric.most).sum()) if metric.most is not None else 0
        quantiles = values.quantile([0, 0.01, 0.5, 0.99, 1]).tolist() if len(values) else [None] * 5
        rows.append(
            {"metric": metric.name, "at_least": metric.least, "at_most": metric.most, "flagged_above": metric.flag}
            | {"measured": len(values), "beyond_limit": below + above}
            | dict(zip(("minimum", "p1", "median", "p99", "maximum"), quantiles, strict=True))
        )
    return rows


def _drift(number: int, accepted: pd.DataFrame, settings: IngestionReportParameters) -> dict[str, Any]:
    """Compare one export's accepted images with those of all earlier exports."""
    now, before = accepted[accepted["export"] == number], accepted[accepted["export"] < number]
    counts = {
        "export": number,
        "images": len(now),
        "patients": int(now["patient_key"].nunique()),
        "images_so_far": len(before),
        "patients_so_far": int(before["patient_key"].nunique()),
    }
    if before.empty or now.empty:
        return {**counts, "comparisons": [], "reason": FIRST_EXPORT if before.empty else NO_IMAGES}
    return {**counts, "comparisons": measure_drift(compared_variables(before), compared_variables(now), settings.drift)}


def compared_variables(images: pd.DataFrame) -> pd.DataFrame:
    """Return the compared variables: patient characteristics, class, view and every metric; unknown is a category."""
    metrics = ["side", *(name.removeprefix(PREFIX) for name in metric_columns(images))]
    return pd.DataFrame(
        {
            "patient_key": images["patient_key"],
            "label": images["label"],
            "view": images["view"],
            "sex": images["sex"],
            "age": images["age_years"],
            "age given": images["age_years"].notna().map({True: "yes", False: "no"}),
            **{name: metric_values(images, name) for name in metrics},
        }
    )
