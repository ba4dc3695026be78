"""Ingestion: exports → pseudonymous records → standardised images → manifest."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.ingestion.nodes import (
    apply_qc,
    check_key,
    delete_orphans,
    number_exports,
    pseudonymise_records,
    standardise_images,
)
from lung_cxr.pipelines.ingestion.report_nodes import (
    check_faults,
    describe_refresh,
    fail_on_faults,
    number_rows,
    summarise_ingestion,
    write_refresh_report,
    write_review,
)
from lung_cxr.pipelines.ingestion.withdrawal_nodes import erase_withdrawn, report_withdrawals


def create_pipeline() -> Pipeline:
    """Return the pipeline. The first node checks the key, before any other node reads a file of the hospital."""
    return _patients_and_records() + _images() + _report_and_faults()


def _patients_and_records() -> Pipeline:
    """Return the nodes from exports to pseudonymous records; withdrawn patients are erased first."""
    return Pipeline(
        [
            Node(
                check_key,
                {
                    "pseudonymisation_key": "pseudonymisation_key",
                    "previous_key_fingerprint": "previous_key_fingerprint",
                    "previous_image_manifest": "previous_image_manifest",
                    "previous_split": "previous_split",
                    "raw_exports": "raw_exports",
                    "emr": "params:emr",
                },
                "key_fingerprint",
                name="check_key",
            ),
            Node(
                number_exports,
                ["raw_exports", "previous_known_exports", "key_fingerprint"],
                "known_exports",
                name="number_exports",
            ),
            Node(
                erase_withdrawn,
                {
                    "raw_exports": "raw_exports",
                    "raw_folder": "raw_folder",
                    "known_exports": "known_exports",
                    "pseudonymisation_key": "pseudonymisation_key",
                    "intermediate_folder": "intermediate_folder",
                    "primary_folder": "primary_folder",
                    "image_folder": "image_folder",
                    "refresh_journal": "refresh_journal",
                    "pixel_folder": "pixel_folder",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "reporting_folder": "reporting_folder",
                    "grad_cam_folder": "grad_cam_folder",
                    "emr": "params:emr",
                    "ingestion": "params:ingestion",
                },
                "withdrawals",
                name="erase_withdrawn",
            ),
            Node(report_withdrawals, ["withdrawals", "output_folder"], "withdrawal_report", name="report_withdrawals"),
            Node(
                pseudonymise_records,
                {
                    "raw_exports": "raw_exports",
                    "raw_folder": "raw_folder",
                    "known_exports": "known_exports",
                    "pseudonymisation_key": "pseudonymisation_key",
                    "previous_patient_subsets": "previous_patient_subsets",
                    "previous_image_manifest": "previous_image_manifest",
                    "previous_shared_images": "previous_shared_images",
                    "previous_clinical_notes": "previous_clinical_notes",
                    "previous_image_decisions": "previous_image_decisions",
                    "emr": "params:emr",
                    "icd10": "params:icd10",
                    "ingestion": "params:ingestion",
                    "_withdrawals": "withdrawals",
                },
                [
                    *("merged_patients", "shared_images", "row_identities", "image_decisions"),
                    *("records", "rejected_records", "excluded_images", "clinical_notes", "table_notes"),
                ],
                name="pseudonymise_records",
            ),
        ]
    )


def _images() -> Pipeline:
    """Return the nodes from image files to the manifest of accepted and rejected images."""
    return Pipeline(
        [
            Node(
                standardise_images,
                {
                    "records": "records",
                    "raw_exports": "raw_exports",
                    "known_exports": "known_exports",
                    "pseudonymisation_key": "pseudonymisation_key",
                    "image_decisions": "image_decisions",
                    "previous_source_files": "previous_source_files",
                    "previous_image_manifest": "previous_image_manifest",
                    "image_folder": "image_folder",
                    "refresh_journal": "refresh_journal",
                    "emr": "params:emr",
                    "ingestion": "params:ingestion",
                },
                ["source_files", "refresh_counts"],
                name="standardise_images",
            ),
            Node(
                apply_qc,
                {
                    "records": "records",
                    "excluded_images": "excluded_images",
                    "row_identities": "row_identities",
                    "image_decisions": "image_decisions",
                    "merged_patients": "merged_patients",
                    "source_files": "source_files",
                    "previous_image_manifest": "previous_image_manifest",
                    "previous_compared_images": "previous_compared_images",
                    "image_folder": "image_folder",
                    "refresh_journal": "refresh_journal",
                    "pixel_folder": "pixel_folder",
                    "pseudonymisation_key": "pseudonymisation_key",
                    "ingestion": "params:ingestion",
                },
                [
                    *("image_manifest", "rejected_images", "compared_images"),
                    *("label_review", "decision_outcomes", "header_check"),
                ],
                name="apply_qc",
            ),
            Node(
                number_rows,
                {
                    "records": "records",
                    "rejected_records": "rejected_records",
                    "rejected_images": "rejected_images",
                    "image_manifest": "image_manifest",
                    "known_exports": "known_exports",
                    "pseudonymisation_key": "pseudonymisation_key",
                },
                "row_numbers",
                name="number_rows",
            ),
            Node(delete_orphans, ["image_manifest", "refresh_counts", "image_folder"], None, name="delete_orphans"),
        ]
    )


def _report_and_faults() -> Pipeline:
    """Return the nodes of summary, pages and fault check.

    The check comes after the pages, so that a faulty export has them too. The split waits for the check.
    """
    return Pipeline(
        [
            Node(
                summarise_ingestion,
                {
                    "known_exports": "known_exports",
                    "records": "records",
                    "rejected_records": "rejected_records",
                    "image_manifest": "image_manifest",
                    "rejected_images": "rejected_images",
                    "label_review": "label_review",
                    "decision_outcomes": "decision_outcomes",
                    "table_notes": "table_notes",
                    "header_check": "header_check",
                    "refresh_counts": "refresh_counts",
                    "withdrawals": "withdrawals",
                    "icd10": "params:icd10",
                    "ingestion": "params:ingestion",
                },
                "ingestion_summary",
                name="summarise_ingestion",
            ),
            Node(
                describe_refresh,
                {
                    "known_exports": "known_exports",
                    "rejected_records": "rejected_records",
                    "rejected_images": "rejected_images",
                    "image_manifest": "image_manifest",
                    "ingestion_summary": "ingestion_summary",
                    "refresh_counts": "refresh_counts",
                    "previous_reported_counts": "previous_reported_counts",
                    "emr": "params:emr",
                    "icd10": "params:icd10",
                    "ingestion": "params:ingestion",
                    "ingestion_report": "params:ingestion_report",
                },
                ["refresh_report", "reported_counts"],
                name="describe_refresh",
            ),
            Node(
                write_refresh_report,
                {
                    "refresh_report": "refresh_report",
                    "image_manifest": "image_manifest",
                    "records": "records",
                    "source_files": "source_files",
                    "image_folder": "image_folder",
                    "icd10": "params:icd10",
                    "ingestion": "params:ingestion",
                    "ingestion_report": "params:ingestion_report",
                },
                "refresh_page",
                name="write_refresh_report",
            ),
            Node(
                write_review,
                {
                    "image_manifest": "image_manifest",
                    "excluded_images": "excluded_images",
                    "label_review": "label_review",
                    "compared_images": "compared_images",
                    "decision_outcomes": "decision_outcomes",
                    "previous_label_suspects": "previous_label_suspects",
                    "records": "records",
                    "source_files": "source_files",
                    "image_folder": "image_folder",
                    "raw_exports": "raw_exports",
                    "raw_folder": "raw_folder",
                    "known_exports": "known_exports",
                    "pseudonymisation_key": "pseudonymisation_key",
                    "emr": "params:emr",
                    "ingestion": "params:ingestion",
                    "ingestion_report": "params:ingestion_report",
                },
                "review_page",
                name="write_review",
            ),
            Node(
                check_faults,
                {
                    "ingestion_summary": "ingestion_summary",
                    "image_manifest": "image_manifest",
                    "ingestion": "params:ingestion",
                    "_refresh_page": "refresh_page",
                    "_review_page": "review_page",
                },
                "fault_check",
                name="check_faults",
            ),
            Node(fail_on_faults, "fault_check", None, name="fail_on_faults"),
        ]
    )
