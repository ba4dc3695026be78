"""Pipeline `reidentify`: one node, because no key may be stored beside its row outside 01_raw."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.reidentify.nodes import find_rows


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return Pipeline(
        [
            Node(
                find_rows,
                {
                    "pseudonymisation_key": "pseudonymisation_key",
                    "previous_key_fingerprint": "previous_key_fingerprint",
                    "raw_exports": "raw_exports",
                    "previous_known_exports": "previous_known_exports",
                    "intermediate_folder": "intermediate_folder",
                    "emr": "params:emr",
                    "reidentify": "params:reidentify",
                },
                "reidentified",
                name="find_rows",
            )
        ]
    )
