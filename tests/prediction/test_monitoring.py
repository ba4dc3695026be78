"""Rows of the monitoring table: quiet months, a changed detector, small batches, and what a row must not hold."""

from datetime import UTC, datetime
from functools import cache

import numpy as np
import pandas as pd
import pytest

from lung_cxr.contracts import QC_METRICS, WATCHED
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.decision_rule import fit_decision_rule, training_shares
from lung_cxr.evaluation.feature_distance import describe_distances
from lung_cxr.evaluation.quality_reference import describe_quality, rejected_by_quality
from lung_cxr.experiments import Run
from lung_cxr.parameters import MonitoringParameters
from lung_cxr.prediction.monitoring import Batch, monitoring_row, outside
from made_up_runs import RULE_SETTINGS, made_up_manifest, made_up_run, made_up_split

SETTINGS = MonitoringParameters(false_alarm_rate=0.01, batch_correlation=0.01, min_images=20)
RUN = "mobilenet/dynamic/seed_7"
AT = datetime(2026, 11, 28, tzinfo=UTC)


@cache
def study():
    """A run, its rule, and its images with QC metrics and distances; some are blurred and therefore rejected."""
    split = made_up_split(images=4000)
    predictions = made_up_run(Run("mobilenet", "dynamic"), split, seed=1, skill=2.0).predictions
    rng, size = np.random.default_rng(2), len(split)
    metrics = {f"qc_{name}": rng.lognormal(size=size) for name in QC_METRICS}
    manifest = made_up_manifest(split).assign(**metrics)
    manifest.loc[rng.random(size) < 0.05, ["qc_status", "qc_reasons"]] = ["rejected", "blurred"]
    images = predictions.merge(manifest.drop(columns=["patient_key", "label"]), on="image_id")
    images["distance"] = rng.gamma(4, 0.05, len(images))
    validation = images.loc[images["subset"] == "validation", "distance"].to_numpy()
    rule = fit_decision_rule(
        predictions, RULE_SETTINGS, training_shares({}), describe_distances(validation), describe_quality(manifest)
    )
    images.loc[images["qc_status"] == "rejected", [*PROBABILITY_COLUMNS, "distance"]] = np.nan
    return rule, images[images["subset"] == "test"].drop(columns="patient_key")


def row_of(images, rule=None, **settings):
    changed = SETTINGS.model_copy(update=settings)
    row = monitoring_row(Batch("predict", images, RUN, "a" * 64, rule or study()[0]), changed, AT)
    return row.astype(dict.fromkeys(row.select_dtypes("Float64").columns, float))


def month(number: int, size: int) -> pd.DataFrame:
    return study()[1].sample(size, random_state=number)


def alarms(images, **further) -> list[str]:
    return outside(row_of(images, **further).iloc[0])


def test_twelve_quiet_months_raise_no_alarm_and_each_quantity_has_limits():
    sizes = [25, 40, 60, 80, 100, 120, 150, 200, 250, 300, 400, 500]
    rows = [row_of(month(number, size)).iloc[0] for number, size in enumerate(sizes)]
    assert [outside(row) for row in rows] == [[]] * 12
    for row in rows[2:]:
        for name in WATCHED:
            assert row[f"{name}_low"] <= row[f"{name}_expected"] <= row[f"{name}_high"], name
    assert rows[-1]["qc_contrast_high"] < rows[0]["qc_contrast_high"], "narrower for a larger batch"


def test_a_changed_detector_raises_an_alarm_of_the_quantities_that_it_changes():
    images = month(1, 120)
    sharper = images.assign(qc_sharpness=1.8 * images["qc_sharpness"] + 0.5)
    assert alarms(sharper) == ["qc_sharpness"]
    farther = images.assign(distance=1.6 * images["distance"])
    assert set(alarms(farther)) == {"distance", "unlike_training"}
    blurred = images.assign(qc_status="rejected", qc_reasons="blurred")
    assert alarms(blurred) == ["rejected"], "no image is accepted, and still the alarm is raised"
    of_one_class = images.copy()
    of_one_class.loc[:, list(PROBABILITY_COLUMNS)] = images[list(PROBABILITY_COLUMNS)].to_numpy()[:, ::-1]
    assert {"share_pneumonia", "share_atelectasis"} <= set(alarms(of_one_class))


def test_values_are_those_of_the_images():
    images = month(3, 200)
    row, accepted = row_of(images).iloc[0], images[images["qc_status"] == "accepted"]
    rule = study()[0]
    assert (row["files"], row["images"]) == (200, len(accepted))
    assert np.isnan(row["patients"])
    assert row["mean_qc_contrast"] == pytest.approx(accepted["qc_contrast"].mean())
    assert row["rejected"] == pytest.approx(1 - len(accepted) / 200)
    assert row["unlike_training"] == pytest.approx((accepted["distance"] > rule["distance"]["threshold"]).mean())
    assert row["share_pneumonia"] == pytest.approx(
        (accepted[list(PROBABILITY_COLUMNS)].idxmax(axis=1) == "p_pneumonia").mean()
    )
    assert row["low_confidence"] <= row["referred"] <= row["low_confidence"] + row["unlike_training"]
    assert row["distance"] == pytest.approx(0.5, abs=0.1)


def test_a_small_batch_is_counted_but_not_described_and_no_row_holds_a_key():
    row = row_of(month(1, 15))
    assert (row["files"].item(), row["images"].item() <= 15) == (15, True)
    assert row[[name for name in row if name.startswith(("mean_", "share_", "qc_", "referred"))]].isna().all(axis=None)
    text = row_of(month(1, 60)).to_csv()
    assert not any(key in text for key in study()[1]["image_id"])


def test_patients_count_once_and_widen_the_limits():
    images = month(1, 200)
    known = row_of(images.assign(patient_key=np.arange(200) // 4)).iloc[0]
    assert known["patients"] == images.assign(p=np.arange(200) // 4).query("qc_status == 'accepted'")["p"].nunique()
    assert known["qc_contrast_high"] > row_of(images).iloc[0]["qc_contrast_high"]


def test_an_older_rule_gives_values_without_the_limits_that_need_its_reference():
    rule = {name: value for name, value in study()[0].items() if name not in ("quality", "decisions")}
    row = row_of(month(1, 100), rule).iloc[0]
    assert np.isfinite(row["mean_qc_contrast"])
    assert np.isnan(row["qc_contrast_low"])
    assert np.isfinite(row["distance_low"])
    assert np.isfinite(row["share_pneumonia"])
    assert np.isnan(row["share_pneumonia_low"])
    assert np.isfinite(row["rejected"])
    assert np.isnan(row["rejected_low"])


def test_only_images_that_their_metrics_can_judge_count_as_rejected():
    images = pd.DataFrame(
        {
            "qc_status": ["accepted", "rejected", "rejected", "rejected"],
            "qc_reasons": ["redacted", "blurred;redacted", "not_frontal", "unreadable"],
        }
    )
    assert rejected_by_quality(images).tolist() == [False, True]
