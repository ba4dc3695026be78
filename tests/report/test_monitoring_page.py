"""The monitoring page after a command that applied several runs to the same images."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from matplotlib.figure import Figure

from lung_cxr.contracts import WATCHED, watched_batches
from lung_cxr.parameters import MonitoringParameters
from lung_cxr.report.labels import run_name
from lung_cxr.report.monitoring.page import render_monitoring

SETTINGS = MonitoringParameters(false_alarm_rate=0.01, batch_correlation=0.01, min_images=20)
EARLIER, NOW = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def batch(run, time, *high):
    """Return the row of a batch in which the quantities `high` are above their limits."""
    within = {"": 0.1, "_expected": 0.1, "_low": 0.0, "_high": 0.2}
    quantities = {f"{name}{part}": value for name in WATCHED for part, value in within.items()}
    facts = {"time": time, "pipeline": "evaluate", "run": run, "model_sha256": "a" * 64, "files": 50, "images": 40}
    known = facts | {"false_alarm_rate": 0.01, "referred": 0.5} | quantities | dict.fromkeys(high, 0.9)
    return {name: known.get(name, float("nan")) for name in watched_batches.columns}


@pytest.fixture
def render(monkeypatch):
    monkeypatch.setattr("lung_cxr.report.monitoring.page.draw_control_charts", lambda _: Figure())
    return lambda *rows: render_monitoring(watched_batches.validate(pd.DataFrame(rows)), SETTINGS, NOW)


def test_the_run_with_an_alarm_is_named_first_and_the_others_alarms_are_notices(render):
    runs = [f"mobilenet/{name}/seed_2024" for name in ("dynamic", "full", "traditional")]
    page = render(
        batch(runs[2], EARLIER, "rejected"),
        batch(runs[0], NOW, "distance"),
        batch(runs[1], NOW, "distance", "low_confidence"),
        batch(runs[2], NOW),
    )
    answer = page[page.index('<p class="answer">') :].split("</p>")[0]
    assert "2026-11-01, MobileNet, full, seed 2024, 40 accepted images: 2 of " in answer
    notice = page[page.index('class="notice"') :].split("</ul>")[0]
    assert "MobileNet, dynamic, seed 2024: also outside the control limits: Feature distance." in notice
    assert "traditional" not in notice, "its alarm is one of an earlier batch"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("mobilenet/dynamic/seed_7", "MobileNet, dynamic, seed 7"),
        ("tuned/vgg16/full/seed_7", "VGG16, full (tuned), seed 7"),
        ("ensemble/two", "ensemble/two"),
    ],
)
def test_a_run_is_named_in_words(folder, name):
    assert run_name(folder) == name
