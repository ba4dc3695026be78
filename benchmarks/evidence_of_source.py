"""Write the evidence for the paper's claims within one source of the public collection.

    LUNG_CXR_PUBLIC_ROOT=… python benchmarks/evidence_of_source.py nih evidence_nih.md

In that collection the class is confounded with the source, so a model may recognise the source instead of the disease
(see `public_sources.py`). This is the page `evidence.md` of the pipeline `reporting`, on the held-out images of one
source; the models were trained on all sources.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from lung_cxr.pipelines.reporting.cross_validation_nodes import pool_folds
from public_sources import sources

FOLDS = 5


def only(runs: dict[str, Any], images: pd.Index) -> dict[str, Any]:
    """Restrict the predictions of all runs to these images, in place; return the runs."""
    for folds in (folds for grid in runs.values() for folds in grid.values()):
        for run in (run for seeds in folds.values() for run in seeds if run.finished):
            run.__dict__["predictions"] = run.predictions[run.predictions["image_id"].isin(images)]
    return runs


def main() -> None:
    """Write the page."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("source", help="prefix of the collection's patient numbers, such as nih")
    arguments.add_argument("out", type=Path)
    given = arguments.parse_args()
    of_image = sources(Path(os.environ["LUNG_CXR_PUBLIC_ROOT"]))
    bootstrap_project(Path.cwd())
    settings = {"splitting": {"outer_folds": FOLDS}}
    with KedroSession.create(project_path=Path.cwd(), env="public_cxr", runtime_params=settings) as session:
        catalog = session.load_context().catalog
        page = pool_folds(
            catalog.load("split"),
            catalog.load("patient_folds"),
            only(catalog.load("cross_validation_runs"), of_image.index[of_image == given.source]),
            catalog.load("params:splitting"),
            catalog.load("params:reporting"),
            catalog.load("params:ensembles"),
            experiment="",
            sensitivity=None,
        )[2]
    given.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
