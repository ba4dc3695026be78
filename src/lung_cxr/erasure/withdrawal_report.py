"""The report of an erasure: its counts, and the runs that used a withdrawn patient, with the remedy in the log."""

import logging
from pathlib import Path
from typing import Any

from lung_cxr.erasure.affected_runs import affected_runs

log = logging.getLogger(__name__)


def withdrawal_report(withdrawals: dict[str, Any], output_folder: Path) -> dict[str, Any]:
    """Return the counts of the erasure and every run that used a withdrawn patient; log them with the remedy."""
    runs = affected_runs(output_folder)
    if withdrawals["files"]:
        log.info("Lists of patients: %s", ", ".join(f"{place}: {n} rows" for place, n in withdrawals["files"].items()))
    trained = [run for run in runs if set(run["subsets"]) & {"train", "validation"}]
    if any(withdrawals["erased"].values()):
        counts = ", ".join(f"{name} {count}" for name, count in withdrawals["erased"].items())
        log.warning("Erased the data of withdrawn patients: %s", counts)
    if withdrawals["not_found"]:
        log.warning(
            "%d patient numbers of the withdrawal lists (linked numbers included) match no row and no image of the "
            "catalogue. Expected if they were erased before or never delivered; otherwise check their spelling",
            withdrawals["not_found"],
        )
    if withdrawals["same_pixels_left"]:
        log.warning(
            "%d images of other patient numbers have the same pixels as an erased image: check to whom they belong",
            withdrawals["same_pixels_left"],
        )
    if runs:
        log.warning(
            "%d runs used withdrawn patients (08_reporting/withdrawal_report.json), %d of them in training or "
            "validation. A model cannot unlearn a patient: run `kedro run --pipelines splitting,training,reporting`, "
            "then delete the folders of these runs in 06_models and 07_model_output, and all copies of their models",
            len(runs),
            len(trained),
        )
    return {**withdrawals, "affected_runs": runs}
