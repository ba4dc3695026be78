"""Every documented value of every setting trains and validates on the default backend, also with cached features."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from lung_cxr.models.keras_settings import use_standard_keras_settings
from lung_cxr.training import runs
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen import open_stage
from lung_cxr.training.frozen.cost_model import Machine
from lung_cxr.training.runs import train_seeds

SETTINGS = [
    {"precision": "mixed_bfloat16", "optimizer": "sgd", "loss_weights": "effective_number", "dropout": 0.0},
    {"precision": "mixed_bfloat16", "frozen_prefix": {"disk_gib": 0}, "batch_size": 64},  # more than there are images
    {"precision": "mixed_float16", "device_gib": 0, "checkpoint_minutes": None},
    {"jit_compile": False, "steps_per_execution": 3, "augmentation": {"classes": ["Tuberculosis"], "bank": 3}},
    {"sampling": "natural", "loss_weights": "none", "augmentation": {"classes": None}},
    {"learning_rate_schedule": "cosine", "ema_decay": 0.9, "jit_compile": True, "loss": "focal"},
    {"learning_rate_schedule": "warmup_cosine", "weight_decay": 0.1, "precision": "mixed_bfloat16", "loss": "ldam_drw"},
    {"ema_decay": 0.9, "precision": "mixed_float16", "loss": "logit_adjusted", "sampling": "natural"},
]


@pytest.fixture
def train(monkeypatch, tiny_classifier, experiment, folders, tmp_path):
    """Train one epoch a stage on a machine where the cache pays; return the record."""
    slow = Machine(flops=1e4, traffic=1e4, memory=1e12, disk=1e12)
    monkeypatch.setattr(runs, "build_classifier", tiny_classifier)
    monkeypatch.setattr(open_stage, "CPU", slow)

    def do(images=None, **changes):
        study = experiment(max_epochs=2, strategy_changes={"patience": 1, "step": 2}, **changes)
        study = replace(study, feature_folder=tmp_path / "features", images=images or study.images)
        (record,) = train_seeds(study, folders)
        assert record["status"] == "finished", record.get("failure")
        return record

    return do


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_a_documented_setting_trains(train, changes):
    record = train(**changes)
    assert record["epochs"] == 2
    assert np.isfinite(record["best_val_loss"])


@pytest.mark.parametrize("sampling", ["balanced", "natural"])
def test_training_images_of_one_class_train(train, images, sampling):
    split = images.split.copy()
    split.loc[split["subset"] == "train", "label"] = "Pneumonia"
    record = train(images=SplitImages(images.pixels, split), sampling=sampling)
    assert record["training_images"]["Pneumonia"] == 48


def test_other_global_settings_of_keras_change_no_number(train):
    expected = train()
    try:
        keras.config.set_floatx("float16")
        keras.config.set_epsilon(0.1)
        keras.config.set_image_data_format("channels_first")
        found = train(force=True)
    finally:
        use_standard_keras_settings()
    assert found["best_val_loss"] == pytest.approx(expected["best_val_loss"], rel=1e-6)
    assert found["final_train_loss"] == pytest.approx(expected["final_train_loss"], rel=1e-6)


GOLDEN = Path(__file__).with_name("test_golden_trajectory.py")


@pytest.mark.slow  # quick: the test above
def test_the_users_keras_settings_change_no_number(tmp_path):
    (tmp_path / "keras.json").write_text(
        '{"floatx": "float16", "epsilon": 0.1, "backend": "tensorflow", "image_data_format": "channels_first"}'
    )
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(GOLDEN)],
        env={**os.environ, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
