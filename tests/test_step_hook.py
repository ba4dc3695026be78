"""The log of a command: the duration of long steps, and a line while a step is silent."""

import logging
import time

import pytest
from kedro.pipeline import Node, Pipeline

from lung_cxr import step_hook
from lung_cxr.step_hook import StepHook


@pytest.fixture
def nodes(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "lung_cxr")
    monkeypatch.setattr(step_hook, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(step_hook, "SHORT_STEP", 0.2)
    hook = StepHook()
    pipeline = Pipeline([Node(len, "a", "b", name="read"), Node(len, "b", "c", name="write")])
    hook.before_pipeline_run(pipeline=pipeline)
    yield hook, *pipeline.nodes
    logging.getLogger(step_hook.PACKAGE).removeHandler(hook._last_line)


def test_a_silent_step_shows_life_and_ends_with_its_duration(nodes, caplog):
    hook, read, write = nodes
    hook.before_dataset_loaded(node=read)
    time.sleep(0.25)
    hook.before_dataset_loaded(node=write)  # too short for a line
    hook.after_pipeline_run()
    assert caplog.messages == ["Step 1 of 2, read: running for 0 s"] * 2 + ["Step 1 of 2, read: 0 s"]


def test_a_step_that_logs_needs_no_sign_of_life(nodes, caplog):
    hook, read, _ = nodes
    hook.before_dataset_loaded(node=read)
    for _ in range(6):
        time.sleep(0.04)
        logging.getLogger("lung_cxr.imaging").info("working")
    hook.on_pipeline_error()
    assert caplog.messages == ["working"] * 6 + ["Step 1 of 2, read: 0 s"]
