"""Ctrl-C and long epochs: a run stopped between two batches goes on as if nothing had happened."""

import itertools
import os
import signal

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.run.interruption import Interrupted, MidEpochCheckpoint, StopRequest
from lung_cxr.training.strategies.registry import strategy_of


@pytest.fixture(autouse=True)
def _signals_that_are_not_ignored():
    """As in a terminal: what runs in a script's background begins with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


BATCHES = 6  # 48 training images, 8 a batch


@pytest.fixture
def fine_tuning(backbone, tiny_classifier, images, training_parameters, strategy_parameters, tmp_path):
    def make(name, **changes):
        keras.utils.set_random_seed(7)
        training = training_parameters(max_epochs=3, learning_rate=1e-2, **changes)
        return FineTuning(
            classifier=tiny_classifier(dropout=0.5),
            strategy=strategy_of(strategy_parameters("full").root, backbone),
            images=images,
            training=training,
            seed=7,
            checkpoints=CheckpointFolder(tmp_path / name),
            report=lambda rows: None,
        )

    return make


@pytest.fixture
def signal_at(monkeypatch):
    """Send this process a signal while it trains its n-th batch."""
    trained, end = itertools.count(1), MidEpochCheckpoint.on_train_batch_end

    def plan(number, at):
        def end_and_send(self, batch, logs=None):
            if next(trained) == at:
                os.kill(os.getpid(), number)
            end(self, batch, logs)

        monkeypatch.setattr(MidEpochCheckpoint, "on_train_batch_end", end_and_send)

    return plan


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_in_an_epoch_goes_on_with_its_next_batch(fine_tuning, signal_at, number):
    undisturbed = fine_tuning("undisturbed")
    undisturbed.run()
    before = signal.getsignal(number)
    signal_at(number, BATCHES + 2)
    with pytest.raises(Interrupted, match="run the same command to resume"):
        fine_tuning("stopped").run()
    assert signal.getsignal(number) is before
    left = fine_tuning("stopped").checkpoints.load()
    assert (left.epoch, left.progress.batches) == (1, 2)

    rest = fine_tuning("stopped")
    rest.run()
    history, its_history = (pd.DataFrame(run.history).drop(columns="seconds") for run in (undisturbed, rest))
    pd.testing.assert_frame_equal(its_history, history, rtol=1e-5)
    for value, its_value in zip(undisturbed.weights(), rest.weights(), strict=True):
        np.testing.assert_allclose(its_value, value, rtol=1e-4, atol=1e-5)


def test_within_a_long_epoch_checkpoints_are_written_every_so_many_minutes(fine_tuning, monkeypatch):
    saved, save = [], CheckpointFolder.save

    def watched(self, checkpoint):
        saved.append((checkpoint.epoch, checkpoint.progress.batches))
        save(self, checkpoint)

    monkeypatch.setattr(CheckpointFolder, "save", watched)
    fine_tuning("long", checkpoint_minutes=1e-9).run()
    parts = [(epoch, batch) for epoch in range(3) for batch in range(1, BATCHES)]
    ends = [(epoch, 0) for epoch in (1, 2, 3)]
    assert sorted(saved) == sorted(parts + ends)


def test_a_second_request_ends_the_process_as_usual():
    stop = StopRequest()
    with stop.by_signals():
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.made
        with pytest.raises(KeyboardInterrupt) as caught:
            os.kill(os.getpid(), signal.SIGINT)
    assert caught.type is KeyboardInterrupt
