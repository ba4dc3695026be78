"""Pipeline `label_audit`: from the split and its pixel arrays to suspect labels, and to the review page with them."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.label_audit.nodes import add_to_review, find_suspects


def create_pipeline() -> Pipeline:
    """Return the pipeline. Its page replaces the file of `review_page`, under another name: in one command with
    `ingestion` and `splitting`, two nodes may not have the same output, and the split waits for the first page.
    """
    return Pipeline(
        [
            Node(
                find_suspects,
                {
                    "split": "split",
                    "pixel_arrays": "pixel_arrays",
                    "pixel_folder": "pixel_folder",
                    "model_folder": "model_folder",
                    "backbones": "params:backbones",
                    "training": "params:training",
                    "label_audit": "params:label_audit",
                },
                ["label_suspects", "label_audit_table"],
                name="find_suspects",
                tags="gpu",
            ),
            Node(
                add_to_review,
                {
                    "label_suspects": "label_suspects",
                    "image_manifest": "image_manifest",
                    "excluded_images": "excluded_images",
                    "label_review": "label_review",
                    "compared_images": "compared_images",
                    "decision_outcomes": "decision_outcomes",
                    "records": "records",
                    "source_files": "source_files",
                    "image_folder": "image_folder",
                    "ingestion": "params:ingestion",
                    "ingestion_report": "params:ingestion_report",
                },
                "audited_review_page",
                name="add_to_review",
            ),
        ]
    )
