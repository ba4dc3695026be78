"""Ingestion: exports → pseudonymous records → standardised images → manifest."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.ingestion.nodes import (
    check_faults,
    check_key,
    describe_refresh,
    erase_withdrawn,
    fail_on_faults,
    judge_images,
    merge_patients,
    number_exports,
    pseudonymise_records,
    report_withdrawals,
    standardise_images,
    summarise_ingestion,
    sweep_store,
    write_refresh_report,
)


def create_pipeline() -> Pipeline:
    """Return the pipeline; the key is checked before anything of the hospital's is read."""
    return _persons_and_records() + _images() + _report_and_faults()


def _persons_and_records() -> Pipeline:
    """Exports to pseudonymous records; who withdrew is erased before anything else is done."""
    return Pipeline(
        [
            Node(
                check_key,
                ["pseudonymisation_key", "previous_key_fingerprint", "raw_exports"],
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
                [
                    "raw_exports",
                    "known_exports",
                    "pseudonymisation_key",
                    "intermediate_folder",
                    "primary_folder",
                    "image_folder",
                    "refresh_journal",
                    "pixel_folder",
                    "model_folder",
                    "output_folder",
                    "refresh_pages_folder",
                    "grad_cam_folder",
                    "params:emr",
                ],
                "withdrawals",
                name="erase_withdrawn",
            ),
            Node(report_withdrawals, ["withdrawals", "output_folder"], "withdrawal_report", name="report_withdrawals"),
            Node(
                merge_patients,
                ["raw_exports", "pseudonymisation_key", "previous_patient_subsets", "withdrawals", "params:emr"],
                "merged_patients",
                name="merge_patients",
            ),
            Node(
                pseudonymise_records,
                [
                    "raw_exports",
                    "known_exports",
                    "pseudonymisation_key",
                    "merged_patients",
                    "previous_clinical_notes",
                    "params:emr",
                    "params:icd10",
                ],
                ["records", "rejected_records", "excluded_images", "clinical_notes"],
                name="pseudonymise_records",
            ),
        ]
    )


def _images() -> Pipeline:
    """Files to stored images, each accepted or rejected."""
    return Pipeline(
        [
            Node(
                standardise_images,
                [
                    "records",
                    "raw_exports",
                    "known_exports",
                    "pseudonymisation_key",
                    "previous_source_files",
                    "previous_image_manifest",
                    "image_folder",
                    "refresh_journal",
                    "params:emr",
                    "params:ingestion",
                ],
                ["source_files", "refresh_counts"],
                name="standardise_images",
            ),
            Node(
                judge_images,
                [
                    "records",
                    "excluded_images",
                    "merged_patients",
                    "source_files",
                    "previous_image_manifest",
                    "previous_compared_images",
                    "image_folder",
                    "refresh_journal",
                    "params:ingestion",
                ],
                ["image_manifest", "rejected_images", "compared_images", "label_review"],
                name="judge_images",
            ),
            Node(sweep_store, ["image_manifest", "refresh_counts", "image_folder"], None, name="sweep_store"),
        ]
    )


def _report_and_faults() -> Pipeline:
    """What came of it: the page first, so that a broken export has one too; then the check that the split waits for."""
    return Pipeline(
        [
            Node(
                summarise_ingestion,
                [
                    "known_exports",
                    "records",
                    "rejected_records",
                    "image_manifest",
                    "rejected_images",
                    "label_review",
                    "refresh_counts",
                    "withdrawals",
                    "params:icd10",
                    "params:ingestion",
                ],
                "ingestion_summary",
                name="summarise_ingestion",
            ),
            Node(
                describe_refresh,
                [
                    "known_exports",
                    "rejected_records",
                    "rejected_images",
                    "image_manifest",
                    "ingestion_summary",
                    "refresh_counts",
                    "previous_reported_counts",
                    "params:ingestion",
                    "params:ingestion_report",
                ],
                ["refresh_report", "reported_counts"],
                name="describe_refresh",
            ),
            Node(
                write_refresh_report,
                [
                    "refresh_report",
                    "image_manifest",
                    "records",
                    "source_files",
                    "image_folder",
                    "params:icd10",
                    "params:ingestion",
                    "params:ingestion_report",
                ],
                "refresh_page",
                name="write_refresh_report",
            ),
            Node(
                check_faults,
                ["ingestion_summary", "image_manifest", "params:ingestion", "refresh_page"],
                "fault_check",
                name="check_faults",
            ),
            Node(fail_on_faults, "fault_check", None, name="fail_on_faults"),
        ]
    )
