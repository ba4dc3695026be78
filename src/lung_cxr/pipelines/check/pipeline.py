"""Check: exports and the last catalogue → findings, as JSON and as a page."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.check.nodes import check_exports, fail_on_findings, write_check_page


def create_pipeline() -> Pipeline:
    """Return the pipeline; the last node fails if a person should look, after the page is written."""
    return Pipeline(
        [
            Node(
                check_exports,
                {
                    "raw_exports": "raw_exports",
                    "raw_folder": "raw_folder",
                    "pseudonymisation_key": "pseudonymisation_key",
                    "previous_key_fingerprint": "previous_key_fingerprint",
                    "previous_known_exports": "previous_known_exports",
                    "previous_image_manifest": "previous_image_manifest",
                    "previous_shared_images": "previous_shared_images",
                    "previous_patient_subsets": "previous_patient_subsets",
                    "previous_image_decisions": "previous_image_decisions",
                    "previous_source_files": "previous_source_files",
                    "image_folder": "image_folder",
                    "refresh_journal": "refresh_journal",
                    "emr": "params:emr",
                    "icd10": "params:icd10",
                    "ingestion": "params:ingestion",
                },
                "check_report",
                name="check_exports",
            ),
            Node(write_check_page, "check_report", "check_page", name="write_check_page"),
            Node(fail_on_findings, ["check_report", "check_page"], None, name="fail_on_findings"),
        ]
    )
