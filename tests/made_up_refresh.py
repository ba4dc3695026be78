"""A made-up catalogue of three exports with everything a refresh report shows, and the page made from it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.processed_image import ProcessedImage
from lung_cxr.parameters import IngestionParameters, IngestionReportParameters
from lung_cxr.report.refresh.contact_sheet import Catalogue
from lung_cxr.report.refresh.facts import Refreshed, gather_facts
from lung_cxr.report.refresh.page import render_refresh_report

SETTINGS = yaml.safe_load(
    (Path(__file__).parents[1] / "conf/base/parameters_ingestion.yml").read_text(encoding="utf-8")
)
INGESTION = IngestionParameters.model_validate(SETTINGS["ingestion"])
EXPORTS = (90, 60, 50)  # images of each
SPECIAL = {  # image → why it is not accepted, or its remark
    3: "blurred",
    4: "blurred;too_dark",
    5: "unchecked_pixels",
    6: "unreadable",
    7: "exact_duplicate",
    8: "inverted",
    9: "redacted;enlarged",
    160: "near_duplicate",
}
UNSEEN = 10  # stored, flagged, and not searched for text
NOTHING_STORED = ("unreadable",)
FLAGGED = ("inverted", "redacted;enlarged")


def report_settings(**changed: Any) -> IngestionReportParameters:
    """Return conf/base's settings with few draws."""
    values = dict(SETTINGS["ingestion_report"], **changed)
    values["drift"] = dict(values["drift"], n_resamples=1000)
    return IngestionReportParameters.model_validate(values)


def made_up_catalogue(folder: Path) -> Catalogue:
    """Store an image for each row of a manifest; those of export 3 come from older people."""
    images = sum(EXPORTS)
    rng = np.random.default_rng(0)
    export = np.repeat([1, 2, 3], EXPORTS)
    reasons = pd.Series("", index=range(images))
    reasons.loc[list(SPECIAL)] = list(SPECIAL.values())
    reasons.loc[UNSEEN] = "inverted"
    rejected = (reasons != "") & ~reasons.isin(FLAGGED) & (np.arange(images) != UNSEEN)
    stored = ~reasons.isin(NOTHING_STORED)
    ids = [f"{rng.integers(2**62):032x}" for _ in range(images)]
    patients = [f"{rng.integers(2**62):032x}" for _ in range(images)]
    patients[100] = patients[0]  # one who came again
    store = ImageStore(folder)
    pixels = [rng.integers(0, 256, (32, 32)).astype(np.uint8) for _ in range(images)]
    for image_id, image, is_stored in zip(ids, pixels, stored, strict=True):
        if is_stored:
            store.put(image_id, image)
    measured = {f"qc_{name}": np.nan for name in contracts.QC_METRICS}  # but for two
    metrics = pd.DataFrame(measured, index=range(images)).astype(float)
    metrics["qc_sharpness"] = np.where(reasons.str.startswith("blurred"), 1.25, rng.normal(10, 1, images))
    metrics["qc_contrast"] = rng.normal(200, 9, images)
    metrics = metrics.mask(~stored)
    manifest = pd.DataFrame(
        {
            "image_id": ids,
            "patient_key": patients,
            "study_key": ids,
            "label": rng.choice(np.array(DISEASES, dtype=object), images),
            "view": rng.choice(["PA", "AP"], images),
            "sex": rng.choice(["F", "M"], images),
            "age_years": np.where(export == 3, rng.integers(70, 90, images), rng.integers(20, 70, images)),
            "exam_day": pd.Timestamp("2020-01-01"),
            "export": export,
            "source_key": ids,
            "pixel_sha256": np.where(stored, "a" * 64, ""),
            "difference_hash": np.where(stored, "b" * 64, ""),
            "rows": np.where(stored, 2048, 0),
            "columns": np.where(stored, 1800, 0),
            **metrics.to_dict("series"),
            "qc_status": np.where(rejected, "rejected", "accepted"),
            "qc_reasons": reasons,
            "image_path": [store.path(i) if is_stored else "" for i, is_stored in zip(ids, stored, strict=True)],
        }
    )
    records = pd.DataFrame({"image_id": ids, "source_export": export, "table": 0, "row": np.arange(images) + 1})
    looked = [ProcessedImage(image_id, text_boxes=-1 if n == UNSEEN else 0) for n, image_id in enumerate(ids)]
    return Catalogue(contracts.image_manifest.validate(manifest), records, pd.DataFrame(looked), store, INGESTION)


def made_up_refresh(catalogue: Catalogue, reported: dict[str, Any] | None, **changed: Any) -> Refreshed:
    """Return what the pipeline would have counted; export 3 has two rows without a patient."""
    manifest = catalogue.image_manifest
    images = manifest[manifest["qc_status"] == "rejected"]
    rejected = pd.DataFrame({"export": images["export"], "reason_code": images["qc_reasons"].str.split(";").str[0]})
    records = pd.DataFrame({"export": [3, 3, 2], "reason_code": ["missing_patient_id"] * 2 + ["not_one_of_seven"]})
    rows = {str(number + 1): {"rows": count + 2} for number, count in enumerate(EXPORTS)}
    nothing = dict.fromkeys(("new", "changed", "remade", "unchanged", "absent", "vanished", "relabelled"), 0)
    files = {
        "1": nothing | {"unchanged": 88, "vanished": 2, "relabelled": 1},
        "2": nothing | {"unchanged": 60},
        "3": nothing | {"new": 50},
    }
    values = {
        "known_exports": pd.DataFrame(
            {"export": [1, 2, 3], "export_id": ["2026-01", "2026-02", "2026-03"], "synthetic": False}
        ),
        "rejected": pd.concat([records, rejected], ignore_index=True),
        "image_manifest": manifest,
        "summary": {
            "by_export": rows,
            "withdrawn": {"1": 2},
            "label_review": {"codes_disagree": 3},
            "exam_days_ambiguous": 1200,
        },
        "file_counts": {
            "exports": files,
            "total": {name: sum(one[name] for one in files.values()) for name in nothing},
        },
        "reported": reported,
    }
    return Refreshed(**values | changed)


BEFORE = {"exports": {"1": 85, "2": 60}, "classes": dict.fromkeys(DISEASES, 20)}


def made_up_page(catalogue: Catalogue, reported: dict[str, Any] | None = BEFORE) -> str:
    """Return the page of the refresh that brought export 3."""
    settings = report_settings(title="A <refresh> & more")
    facts = gather_facts(made_up_refresh(catalogue, reported), INGESTION, settings)
    return render_refresh_report(facts, catalogue, INGESTION, settings, "2026-01", datetime(2026, 1, 2, tzinfo=UTC))
