"""Nodes of `label_audit`."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.parameters import (
    BackboneParameters,
    IngestionParameters,
    IngestionReportParameters,
    LabelAuditParameters,
    TrainingParameters,
)
from lung_cxr.pipelines.training.nodes import reference_model

log = logging.getLogger(__name__)


def find_suspects(
    split: pd.DataFrame,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    backbones: dict[str, Any],
    training: TrainingParameters,
    label_audit: LabelAuditParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the suspect labels of all subsets, and the expected number of errors by class."""
    from lung_cxr.training.label_audit.confident_learning import audit_labels, require_cleanlab
    from lung_cxr.training.label_audit.held_out_probabilities import held_out_probabilities

    require_cleanlab()  # before minutes of computing
    backbone = BackboneParameters.model_validate(backbones[label_audit.backbone])
    settings = label_audit.classifier
    model = reference_model(split, pixel_arrays, pixel_folder, model_folder, backbone, settings, training)
    probabilities = held_out_probabilities(model, label_audit.folds, label_audit.seed)
    found = audit_labels(split, probabilities, label_audit.max_suspects)
    for row in found.by_class.itertuples():
        recognised = f"{row.recognised:.0%} recognised"
        log.info("%s: %d images (%s), expected errors: %d", row.label, row.images, recognised, row.expected_errors)
    return found


def add_to_review(
    label_suspects: pd.DataFrame,
    image_manifest: pd.DataFrame,
    excluded_images: pd.DataFrame,
    label_review: pd.DataFrame,
    compared_images: pd.DataFrame,
    decision_outcomes: pd.DataFrame,
    records: pd.DataFrame,
    source_files: pd.DataFrame,
    image_folder: Path,
    ingestion: IngestionParameters,
    ingestion_report: IngestionReportParameters,
) -> str:
    """Return the review page of the last refresh with the suspect labels."""
    from lung_cxr.report.refresh.contact_sheet import Catalogue
    from lung_cxr.report.review.items import Review
    from lung_cxr.report.review.page import prepare_review

    suspects = label_suspects
    review = Review(image_manifest, excluded_images, label_review, compared_images, decision_outcomes, suspects)
    catalogue = Catalogue(image_manifest, records, source_files, ImageStore(image_folder), ingestion)
    _, render = prepare_review(review, catalogue, ingestion_report)
    return render()
