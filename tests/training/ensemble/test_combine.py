"""Ensembles of tiny stored runs: the mean network, the greedy soup, and what cannot be combined."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.datasets import EnsembleRunsDataset
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.models.saved_model import load_checked_model, save_model
from lung_cxr.parameters import EnsembleParameters
from lung_cxr.prediction.trained_run import find_run
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.ensemble.combine import Workplace, combine_runs
from lung_cxr.training.ensemble.members import EnsembleError
from lung_cxr.training.ensemble.network import mean_network
from lung_cxr.training.ensemble.soup import greedy_soup
from lung_cxr.training.validation import log_softmax, tabulate_predictions

HASHES = {"split_sha256": "1" * 64, "pixel_sha256": "2" * 64}


def small_network(seed, size=32):
    image = keras.Input((size, size, 1), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
    x = keras.layers.Conv2D(4, 3, strides=2, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))(x)
    x = keras.layers.Flatten()(x)
    logits = keras.layers.Dense(7, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1))(x)
    return keras.Model(image, logits, name="mobilenet")


def softmax(network, pixels):
    return np.exp(log_softmax(network.predict(pixels[..., None], verbose=0).astype(float)))


@pytest.fixture(scope="module")
def sized_pixels(pixels):
    """The images at 32 and at 16 pixels, as the splitting pipeline stores them."""
    small = pixels.reshape(len(pixels), 16, 2, 16, 2).mean(axis=(2, 4))
    return {32: pixels, 16: np.round(small).astype(np.uint8)}


@pytest.fixture
def stored(tmp_path, sized_pixels, split, training_parameters):
    """Store runs, then combine them."""

    def run(name, seed, size=32, split_sha256="1" * 64, predicted=split):
        network = small_network(seed, size)
        folder = tmp_path / "07" / name
        folder.mkdir(parents=True)
        sha256 = save_model(network, tmp_path / "06" / name / "model.keras")
        table = tabulate_predictions(network, SplitImages(sized_pixels[size], predicted), 8)
        table.to_parquet(folder / "predictions.parquet")
        parameters = {"backbone": {"size": size}, "strategy": {"kind": "dynamic"}, "training": {"head": "gap"}}
        record = {"status": "finished", "seed": seed, "model_sha256": sha256, "method_version": 1}
        record |= {"parameters": parameters, "split_sha256": split_sha256}
        (folder / "run_record.json").write_text(json.dumps(record))
        return network

    def combine(**settings):
        ensembles = {"both": EnsembleParameters(**{"combine": "mean", "flips": False, **settings})}
        place = Workplace(
            tmp_path / "06",
            tmp_path / "07",
            training_parameters(),
            lambda size: SplitImages(sized_pixels[size], split),
            lambda _: HASHES,
        )
        (record,) = list(combine_runs(ensembles, place)) or [None]
        folder = tmp_path / "07/ensemble/both"
        if record is not None:
            EnsembleRunsDataset(filepath=str(tmp_path / "07/ensemble")).save(record)
        return record, pd.read_parquet(folder / "predictions.parquet")

    return SimpleNamespace(run=run, combine=combine, models=tmp_path / "06", outputs=tmp_path / "07")


def test_the_mean_of_seeds_is_the_mean_of_their_probabilities(stored, pixels, split):
    networks = [stored.run(f"mobilenet/dynamic/seed_{seed}", seed) for seed in (3, 4)]
    record, predictions = stored.combine(runs=["mobilenet/dynamic/seed_*"])
    contracts.predictions.validate(predictions)
    held_out = (split["subset"] != "train").to_numpy()
    expected = np.mean([softmax(network, pixels[held_out]) for network in networks], axis=0)
    np.testing.assert_allclose(predictions[list(PROBABILITY_COLUMNS)].to_numpy(float), expected, atol=1e-5)
    assert record["members"] == ["mobilenet/dynamic/seed_3", "mobilenet/dynamic/seed_4"]
    assert record["metrics"]["test"]["accuracy"] is not None
    loaded = load_checked_model(stored.models / "ensemble/both/model.keras", record["model_sha256"])
    np.testing.assert_allclose(softmax(loaded, pixels[held_out]), expected, atol=1e-5)
    assert find_run("ensemble/both", stored.models, stored.outputs).model_sha256 == record["model_sha256"]
    (found,) = EnsembleRunsDataset(filepath=str(stored.outputs / "ensemble")).load().values()
    pd.testing.assert_frame_equal(found.predictions, contracts.predictions.validate(predictions))
    assert "Ensemble (mean) of the runs" in (stored.models / "ensemble/both/model_card.md").read_text()
    assert stored.combine(runs=["mobilenet/dynamic/seed_*"])[0] is None, "up to date"
    assert stored.combine(runs=["mobilenet/dynamic/seed_3"])[0] is not None, "other members"


def test_members_of_other_input_sizes_get_reduced_images(stored, sized_pixels):
    large, small = stored.run("vgg16/dynamic/seed_3", 3), stored.run("mobilenet/dynamic/seed_3", 4, size=16)
    expected = (softmax(large, sized_pixels[32]) + softmax(small, sized_pixels[16])) / 2
    network = mean_network([large, small], flips=False)
    assert network.input_shape == (None, 32, 32, 1)
    difference = np.abs(softmax(network, sized_pixels[32]) - expected)
    assert difference.mean() < 0.05, "the bilinear reduction is near the area mean"


def test_flips_average_over_mirror_images(pixels):
    network = small_network(3)
    expected = (softmax(network, pixels) + softmax(network, pixels[:, :, ::-1])) / 2
    np.testing.assert_allclose(softmax(mean_network([network], flips=True), pixels), expected, atol=1e-5)


def test_folds_with_one_test_set_have_no_validation_images(stored, split):
    for fold in (1, 2):
        stored.run(f"mobilenet/dynamic/fold_{fold}/seed_3", fold, split_sha256=f"{fold}" * 64)
    record, predictions = stored.combine(runs=["mobilenet/dynamic/fold_*/seed_3"])
    assert set(predictions["subset"]) == {"test"}
    assert record["logit_adjustment_tau"] is None


def test_runs_that_cannot_be_combined_are_named(stored, split):
    with pytest.raises(EnsembleError, match="no finished run matches 'vgg16/dynamic/seed_3'; expected a pattern of no"):
        stored.combine(runs=["vgg16/dynamic/seed_3"])
    moved = split.assign(subset=split["subset"].replace({"validation": "test", "test": "validation"}))
    stored.run("mobilenet/dynamic/seed_3", 3, predicted=moved)
    with pytest.raises(EnsembleError, match="mobilenet/dynamic/seed_3 was tested on other images"):
        stored.combine(runs=["mobilenet/dynamic/*"])


def test_a_greedy_soup_is_stored_as_one_network(stored, pixels):
    stored.run("mobilenet/dynamic/seed_3", 3)
    stored.run("mobilenet/dynamic/seed_4", 4)
    record, _ = stored.combine(runs=["mobilenet/dynamic/*"], combine="greedy_soup")
    loaded = load_checked_model(stored.models / "ensemble/both/model.keras", record["model_sha256"])
    assert loaded.count_params() == small_network(3).count_params()
    assert set(record["members"]) <= {"mobilenet/dynamic/seed_3", "mobilenet/dynamic/seed_4"}


class OneWeight:
    """A network of one weight; its loss is the distance to 1."""

    def set_weights(self, weights):
        self.value = float(weights[0][0])


def soup_of(*values):
    model = OneWeight()
    chosen = greedy_soup(model, [[np.array([value])] for value in values], lambda network: abs(network.value - 1))
    return chosen, model.value


def test_a_greedy_soup_keeps_what_does_not_raise_the_validation_loss():
    assert soup_of(3.0, 0.5, 1.5) == ([1, 2], 1.0)  # alone: 2, 0.5, 0.5; with the third run the mean is exact
    assert soup_of(1.0, 9.0) == ([0], 1.0)
    with pytest.raises(EnsembleError, match="different shapes"):
        greedy_soup(OneWeight(), [[np.zeros(1)], [np.zeros(2)]], lambda _: 0.0)
