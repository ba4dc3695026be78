"""One step: exports as a hospital would send them, and what was planted in them."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.synthetic_hospital.nodes import write_exports


def create_pipeline() -> Pipeline:
    """Return the pipeline; where ingestion runs with it, it waits for the exports."""
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
