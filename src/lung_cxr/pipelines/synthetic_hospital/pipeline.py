"""One node: write synthetic exports and the table of their true classes and planted defects."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.synthetic_hospital.nodes import write_exports


def create_pipeline() -> Pipeline:
    """Return the pipeline. In `demo`, ingestion runs after it."""
    return Pipeline(
        [
            Node(
                write_exports,
                ["exports_folder", "params:synthetic_hospital"],
                ["raw_exports", "planted_truth"],
                name="write_exports",
            ),
        ]
    )
