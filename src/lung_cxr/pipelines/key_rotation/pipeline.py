"""Key rotation: one node, because it rewrites all stored tables in place."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.key_rotation.nodes import rotate_key


def create_pipeline() -> Pipeline:
    """Return the pipeline; its output is the fingerprint of the new key."""
    return Pipeline(
        [
            Node(
                rotate_key,
                {
                    "pseudonymisation_key": "pseudonymisation_key",
                    "new_pseudonymisation_key": "new_pseudonymisation_key",
                    "previous_key_fingerprint": "previous_key_fingerprint",
                    "raw_exports": "raw_exports",
                    "raw_folder": "raw_folder",
                    "previous_known_exports": "previous_known_exports",
                    "refresh_journal": "refresh_journal",
                    "intermediate_folder": "intermediate_folder",
                    "primary_folder": "primary_folder",
                    "image_folder": "image_folder",
                    "pixel_folder": "pixel_folder",
                    "output_folder": "output_folder",
                    "reporting_folder": "reporting_folder",
                    "emr": "params:emr",
                    "ingestion": "params:ingestion",
                    "key_rotation": "params:key_rotation",
                },
                "key_fingerprint",
                name="rotate_key",
            )
        ]
    )
