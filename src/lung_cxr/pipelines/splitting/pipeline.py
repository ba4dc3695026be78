"""Splitting: image manifest → leak-checked split, pixel arrays and Table 1."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.pipelines.splitting.nodes import (
    assign_folds,
    assign_patients,
    check_leaks,
    describe_quality,
    grow_pixel_arrays,
    split_images,
    tabulate_distribution,
)


def create_pipeline() -> Pipeline:
    """Return the pipeline; every node that uses the split runs after the leak check."""
    return Pipeline(
        [
            Node(
                assign_patients,
                {
                    "image_manifest": "image_manifest",
                    "fault_check": "fault_check",
                    "previous_patient_subsets": "previous_patient_subsets",
                    "previous_split": "previous_split",
                    "splitting": "params:splitting",
                },
                "patient_subsets",
                name="assign_patients",
            ),
            Node(
                assign_folds,
                ["image_manifest", "patient_subsets", "previous_patient_folds", "params:splitting"],
                "patient_folds",
                name="assign_folds",
            ),
            Node(split_images, ["image_manifest", "patient_subsets"], "split", name="split_images"),
            Node(
                check_leaks,
                {
                    "split": "split",
                    "patient_folds": "patient_folds",
                    "image_manifest": "image_manifest",
                    "image_folder": "image_folder",
                    "ingestion": "params:ingestion",
                    "splitting": "params:splitting",
                },
                "leak_check",
                name="check_leaks",
            ),
            Node(describe_quality, ["image_manifest", "leak_check"], "quality_reference", name="describe_quality"),
            Node(
                grow_pixel_arrays,
                {
                    "split": "split",
                    "image_manifest": "image_manifest",
                    "known_exports": "known_exports",
                    "image_folder": "image_folder",
                    "pixel_folder": "pixel_folder",
                    "backbones": "params:backbones",
                    "splitting": "params:splitting",
                    "_leak_check": "leak_check",
                    "_quality_reference": "quality_reference",  # training reads it beside the arrays
                },
                "pixel_arrays",
                name="grow_pixel_arrays",
            ),
            Node(
                tabulate_distribution,
                ["split", "params:splitting", "leak_check"],
                "table1_distribution",
                name="tabulate_distribution",
            ),
        ]
    )
