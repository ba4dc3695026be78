import hashlib

import keras
import numpy as np
import pytest

from lung_cxr.models.saved_model import ModelFileError, load_checked_model, save_model, sha256_of_file


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def test_a_saved_model_comes_back_by_its_hash(model, tmp_path):
    path = tmp_path / "run/model.keras"
    sha256 = save_model(model, path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [found.name for found in path.parent.iterdir()] == ["model.keras"]
    ones = np.ones((1, 3), np.float32)
    assert np.array_equal(load_checked_model(path, sha256).predict(ones, verbose=0), model.predict(ones, verbose=0))


def test_another_file_is_refused_before_it_is_opened_as_a_model(model, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    sha256 = save_model(model, path)
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(ModelFileError, match=sha256[:12]):
        load_checked_model(path, sha256)


def test_code_in_a_model_is_not_run(tmp_path):
    image = keras.Input((3,))
    hostile = keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image))
    hostile.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"(?i)lambda"):
        load_checked_model(tmp_path / "model.keras", sha256_of_file(tmp_path / "model.keras"))
