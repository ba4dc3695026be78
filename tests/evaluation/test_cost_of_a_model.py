"""Load time and size of a model of a few hundred bytes. One cold process: seconds, most of them Keras's import."""

import logging
import math
import subprocess

import pytest

from lung_cxr.evaluation import timing
from lung_cxr.evaluation.timing import artefact_sizes, measure_load_time


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    import keras
    import numpy as np

    image = keras.Input((8, 8, 1), dtype="uint8")
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(7)(features))
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 8, 8, 1), "uint8"), np.zeros((2, 7)), verbose=0)  # gives the optimiser a state
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return path


def test_weights_are_counted_without_the_optimisers_state(tiny_model):
    sizes = artefact_sizes(tiny_model)
    assert sizes["weights_mb"] * 1e6 == 4 * (7 + 7)  # float32: 1 × 7 kernel and 7 biases
    assert sizes["size_mb"] * 1e6 == tiny_model.stat().st_size


def test_no_repeats_no_times_but_sizes(tiny_model):
    cost = measure_load_time(tiny_model, repeats=0, predictions=3)
    assert math.isnan(cost["load_time_s"])
    assert "load_time_repeats is 0" in cost["load_time_s_reason"]
    assert "load_time_repeats is 0" in cost["single_image_p95_ms_reason"]
    assert cost["size_mb"] > 0


def test_the_reason_for_no_time_names_no_folder(tiny_model, monkeypatch, caplog):
    def fails(path, predictions):
        raise subprocess.CalledProcessError(
            1, "python", stderr=f"Traceback …\nValueError: not found: filepath={path}\n"
        )

    monkeypatch.setattr(timing, "_cold_start", fails)
    with caplog.at_level(logging.WARNING):
        cost = measure_load_time(tiny_model, repeats=1, predictions=3)
    expected = "a cold process ended with code 1: ValueError: not found: filepath=model.keras"
    assert cost["load_time_s_reason"] == expected
    assert str(tiny_model) in caplog.text


def started(*further):
    return {"import_s": 2.0, "load_s": 1.0, "first_prediction_s": 0.5, "further_predictions_s": list(further)}


def test_percentiles_are_of_the_predictions_of_all_processes_together(tiny_model, monkeypatch):
    starts = iter([started(0.1, 0.2), started(0.3, 0.4), started(0.5)])
    asked = []

    def starts_again(path, predictions):
        asked.append(predictions)
        return next(starts)

    monkeypatch.setattr(timing, "_cold_start", starts_again)
    cost = measure_load_time(tiny_model, repeats=3, predictions=2)
    assert asked == [2, 2, 2]
    assert cost["single_image_p50_ms"] == pytest.approx(300)
    assert cost["single_image_p95_ms"] == pytest.approx(480)  # 0.8 of the way from 400 to 500
    assert cost["load_time_s"] == 3.0


def test_no_further_image_no_percentile_but_a_load_time(tiny_model, monkeypatch):
    monkeypatch.setattr(timing, "_cold_start", lambda path, predictions: started())
    cost = measure_load_time(tiny_model, repeats=1, predictions=0)
    assert math.isnan(cost["single_image_p50_ms"])
    assert cost["single_image_p50_ms_reason"] == "not measured: single_image_predictions is 0"
    assert cost["load_time_s"] == 3.0


@pytest.mark.slow
def test_a_cold_process_is_timed_in_three_parts_and_its_further_images_by_themselves(tiny_model):
    cost = measure_load_time(tiny_model, repeats=1, predictions=20)
    assert cost["load_time_s"] == pytest.approx(cost["import_s"] + cost["load_s"])
    assert cost["import_s"] > cost["load_s"] > 0  # a tiny model: Keras itself is what takes time
    assert 1000 * cost["first_prediction_s"] > cost["single_image_p95_ms"], "the first one builds the function"
    assert cost["single_image_p95_ms"] >= cost["single_image_p50_ms"] > 0


@pytest.mark.slow
def test_a_model_that_does_not_load_costs_no_results(tiny_model, tmp_path):
    import zipfile

    broken = tmp_path / "broken.keras"
    with zipfile.ZipFile(tiny_model) as good, zipfile.ZipFile(broken, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, b"{}" if name == "config.json" else good.read(name))
    cost = measure_load_time(broken, repeats=1, predictions=3)
    assert math.isnan(cost["load_time_s"])
    assert "ended with code 1" in cost["load_time_s_reason"]


@pytest.mark.slow
def test_a_model_that_holds_code_is_not_run(tmp_path):
    import keras

    touched = tmp_path / "the code ran"
    image = keras.Input((8, 8, 1))
    code = keras.layers.Lambda(lambda values, path=str(touched): [open(path, "w").close(), values][1])  # noqa: PTH123
    keras.Model(image, code(image)).save(tmp_path / "model.keras")
    touched.unlink()  # building it ran it
    cost = measure_load_time(tmp_path / "model.keras", repeats=1, predictions=3)
    assert math.isnan(cost["load_time_s"])
    assert not touched.exists()
