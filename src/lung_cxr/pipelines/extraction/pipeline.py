"""Pipeline `extraction`: one node, because a snapshot appears completely or not at all."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.extraction.nodes import extract


def create_pipeline() -> Pipeline:
    """Return the pipeline. In one command with `ingestion`, it runs first."""
    return Pipeline(
        [
            Node(
                extract,
                {
                    "emr_queries": "emr_queries",
                    "exports_folder": "exports_folder",
                    "emr": "params:emr",
                    "ingestion": "params:ingestion",
                    "extraction": "params:extraction",
                },
                "raw_exports",
                name="extract",
            )
        ]
    )
