"""Key rotation: one node, since all of it happens in place."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.key_rotation.nodes import rotate_key


def create_pipeline() -> Pipeline:
    """Return the pipeline; its output says that the catalogue has the new key."""
    return Pipeline(
        [
            Node(
                rotate_key,
                [
                    "pseudonymisation_key",
                    "new_pseudonymisation_key",
                    "previous_key_fingerprint",
                    "raw_exports",
                    "previous_known_exports",
                    "intermediate_folder",
                    "primary_folder",
                    "image_folder",
                    "refresh_journal",
                    "pixel_folder",
                    "output_folder",
                    "params:emr",
                    "params:ingestion",
                    "params:key_rotation",
                ],
                "key_fingerprint",
                name="rotate_key",
            )
        ]
    )
