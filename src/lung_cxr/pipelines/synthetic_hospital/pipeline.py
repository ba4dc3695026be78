"""One step: exports as a hospital would send them, and what was planted in them."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.synthetic_hospital.nodes import write_exports


def create_pipeline(**kwargs: object) -> Pipeline:
    """Return the pipeline `synthetic_hospital`."""
    del kwargs
    return Pipeline(
        [
            Node(
                func=write_exports,
                inputs=["exports_folder", "params:synthetic_hospital"],
                outputs="planted_truth",
                name="write_exports",
            ),
        ]
    )
