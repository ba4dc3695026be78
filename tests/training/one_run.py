"""One training run in a process of its own, which may be told to kill itself: `one_run.py <folder> [<moment> <epoch>]`.

`kill -9` at a given moment of a given epoch; nothing in the process is asked, told or flushed.
"""

import io
import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from merged_parameters import merged, parameters_of_test_environment

from lung_cxr.datasets import RunsDataset
from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.data.feed import EpochFeed, SplitImages
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run import checkpoint
from lung_cxr.training.run.file_names import FROZEN_FEATURES
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.runs import Experiment, train_seeds
from lung_cxr.training.strategies.registry import StrategyParameters

SEED = 7
EPOCHS = 8
STRATEGY = {
    "dynamic": {"patience": 1, "step": 7, "at_full_depth": "continue"},
    "crt": {"representation_epochs": 4, "representation_patience": 9, "stop_patience": None},
}
TRAINING = {
    "dynamic": {},
    "crt": {"loss": "ldam_drw", "loss_weights": "effective_number", "loss_settings": {"reweighting_epoch": 3}},
}
MOMENTS = (
    "while a batch is fetched",
    "before its checkpoint",
    "while its checkpoint is written",
    "after its checkpoint",
)


def experiment(folder: Path) -> Experiment:
    """Return 40 images of noise, and the quarter of a MobileNet of conf/test in two or three stages."""
    labels = [DISEASES[number % 7] for number in range(40)]
    keys = [f"{number:032x}" for number in range(40)]
    subsets = ["train"] * 28 + ["validation"] * 7 + ["test"] * 5
    split = pd.DataFrame({"image_id": keys, "patient_key": keys, "label": labels, "subset": subsets})
    pixels = np.random.default_rng(1).integers(0, 256, (40, 32, 32), dtype=np.uint8)
    backbones, training = (parameters_of_test_environment(f"parameters_{of}.yml") for of in ("backbones", "training"))
    name = os.environ.get("STRATEGY", "dynamic")
    strategy = training["strategies"][name] | STRATEGY[name]
    changes = {"max_epochs": EPOCHS, "augmentation": {"bank": 2, "unchanged_share": 0.3}, **TRAINING[name]}
    return Experiment(
        backbone_name="mobilenet",
        strategy_name=name,
        backbone=BackboneParameters(**backbones["backbones"]["mobilenet"]),
        strategy=StrategyParameters(strategy),
        training=TrainingParameters(**merged(training["training"], changes)),
        images=SplitImages(pixels, split),
        data_hashes={"split_sha256": "1" * 64, "pixel_sha256": "2" * 64},
        feature_folder=folder / "models" / FROZEN_FEATURES,
    )


def die() -> None:
    """Take the way of `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def plan_death(moment: str, epoch: int) -> None:
    """Let the process kill itself at a moment of an epoch."""
    train, fetch, save, savez = (
        FineTuning.train_epoch,
        EpochFeed.__getitem__,
        checkpoint.CheckpointFolder.save,
        np.savez,
    )
    now = {"epoch": 0}

    def at(this: str) -> bool:
        return moment == this and now["epoch"] == epoch

    def train_epoch(self):
        now["epoch"] = self.schedule.epoch + 1
        return train(self)

    def fetch_batch(self, index):
        if index == 2 and at(MOMENTS[0]):
            die()
        return fetch(self, index)

    def save_checkpoint(self, state):
        if at(MOMENTS[1]):
            die()
        save(self, state)
        if at(MOMENTS[3]):
            die()

    def write_half(stream, **arrays):
        if not at(MOMENTS[2]):
            return savez(stream, **arrays)
        whole = io.BytesIO()
        savez(whole, **arrays)
        stream.write(whole.getvalue()[: whole.tell() // 2])
        stream.flush()
        return die()

    FineTuning.train_epoch = train_epoch
    EpochFeed.__getitem__ = fetch_batch
    checkpoint.CheckpointFolder.save = save_checkpoint
    checkpoint.np.savez = write_half


def main(folder: Path, *death: str) -> None:
    """Do the run or the rest of it, and store its record as the node and its dataset do."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    if death:
        plan_death(death[0], int(death[1]))
    dataset = RunsDataset(filepath=str(folder / "outputs"))
    for record in train_seeds(experiment(folder), lambda seed: RunFolders(folder / "models", folder / "outputs", seed)):
        dataset.save(record)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
