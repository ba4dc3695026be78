"""The page of new images: sentence on top, and the meaning of the codes that occur."""

from datetime import UTC, datetime

import pandas as pd

from lung_cxr.prediction.decide import CALIBRATED_COLUMNS
from lung_cxr.report.predictions_page import render_predictions


def row(key, decision, refer_reason="", qc_reasons=""):
    known = {"file_key": key, "run": "mobilenet/dynamic/seed_7", "prevalence": "training", "predicted": "Pneumonia"}
    decided = {"decision": decision, "refer_reason": refer_reason, "qc_reasons": qc_reasons}
    return known | decided | dict.fromkeys(CALIBRATED_COLUMNS, 1 / 7) | {"prediction_set": "", "distance_percentile": 1}


def test_the_sentence_counts_referred_and_decided_files_and_codes_are_explained():
    table = pd.DataFrame(
        [
            row("a" * 32, "Pneumonia", qc_reasons="enlarged;inverted"),
            row("b" * 32, "refer", "unlike_training;low_confidence"),
            row("c" * 32, "refer", "low_confidence"),
        ]
    )
    page = render_predictions(table, ["a limit"], set(), datetime(2026, 1, 1, tzinfo=UTC))
    assert (
        "2 of 3 files referred to a clinician, some for several reasons (confidence below the threshold: 2; unlike the "
        "training images: 1). Decided: 1 (Pneumonia: 1)."
    ) in page
    assert "“enlarged”: the source is smaller than the stored image." in page
    assert "rotated" not in page, "only codes that occur are explained"
    assert "<h1>Predictions of MobileNet, dynamic, seed 7</h1>" in page
