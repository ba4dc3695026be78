import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.prediction.decide import decide
from lung_cxr.prediction.decision_table import decision_table
from lung_cxr.prediction.probabilities import StoredImages, UnfitModelError, predict_images, stored_images

RUN, SHA256 = "vgg16/dynamic/seed_7", "5" * 64
RULE = {
    "temperature": 1.0,
    "set_threshold": 0.5,
    "set_thresholds": dict.fromkeys(DISEASES, 0.5),
    "abstention_threshold": 0.3,
    "distance": None,
}
BRIGHTEST = 5  # every model here says this class, the surer the brighter the image


def model_of(side: int = 4, classes: int = 7, scale: float = 1 / 255) -> keras.Model:
    image = keras.Input((side, side, 1), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(scale)(image))
    logits = keras.layers.Dense(classes, kernel_initializer="zeros")
    model = keras.Model(image, logits(mean))
    if classes > BRIGHTEST:
        kernel = np.zeros((1, classes))
        kernel[0, BRIGHTEST] = 3
        logits.set_weights([kernel, np.zeros(classes)])
    return model


@pytest.fixture
def seen_of(tmp_path):
    """Store constant images of these grey values (None: rejected); return their table and store."""

    def make(greys):
        store, keys = ImageStore(tmp_path), [f"{number:032x}" for number in range(len(greys))]
        for key, grey in zip(keys, greys, strict=True):
            if grey is not None:
                store.put(key, np.full((16, 16), grey, np.uint8))
        is_good = [grey is not None for grey in greys]
        table = pd.DataFrame(
            {
                "file_key": keys,
                "qc_status": np.where(is_good, "accepted", "rejected"),
                "qc_reasons": np.where(is_good, "", "blurred"),
                "detail": "", "view": "PA", "rows": 16, "columns": 16, "source_key": "", "pixel_sha256": "",
                **{f"qc_{metric}": 0.5 for metric in contracts.QC_METRICS},
            }
        )  # fmt: skip
        return contracts.new_images_seen.validate(table), store

    return make


def tabulate(seen, model, store, batch_size):
    found = predict_images(model, stored_images(seen, store, model), None, batch_size)
    return decision_table(seen, *found, decide(*found, RULE, "training"), RUN, SHA256)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_each_row_has_its_own_images_probabilities_whatever_the_batch(seen_of, batch_size):
    greys = [0, None, 51, 255, None, 102, 153]
    seen, store = seen_of(greys)
    table = tabulate(seen, model_of(), store, batch_size)
    contracts.new_image_probabilities.validate(table)
    expected = [np.nan if grey is None else 1 / (1 + 6 * np.exp(-3 * grey / 255)) for grey in greys]
    assert np.allclose(table[PROBABILITY_COLUMNS[BRIGHTEST]], expected, atol=1e-6, equal_nan=True)
    assert np.allclose(
        probabilities(table).sum(axis=1), [1 if grey is not None else np.nan for grey in greys], equal_nan=True
    )
    assert table["predicted"].tolist() == ["" if grey is None else DISEASES[BRIGHTEST if grey else 0] for grey in greys]
    assert set(table["run"] + table["model_sha256"]) == {RUN + SHA256}


def test_nothing_accepted_is_no_error(seen_of):
    seen, store = seen_of([None, None])
    table = tabulate(seen, model_of(), store, 8)
    assert table[list(PROBABILITY_COLUMNS)].isna().all(axis=None)
    assert table[["decision", "refer_reason"]].to_numpy().tolist() == [["refer", "rejected_image"]] * 2


@pytest.mark.parametrize("model", [model_of(classes=3), keras.Sequential([keras.Input((5,)), keras.layers.Dense(7)])])
def test_a_model_of_something_else_is_refused(seen_of, model):
    seen, store = seen_of([9])
    with pytest.raises(UnfitModelError, match="expected square grey images"):
        tabulate(seen, model, store, 8)


def test_images_that_an_earlier_prediction_has_cleared_are_asked_for_by_the_whole_pipeline(seen_of):
    seen, store = seen_of([9, 10, None])
    store.remove(seen["file_key"][0])
    with pytest.raises(FileNotFoundError, match=r"1 of 2 accepted images.*--pipelines predict"):
        tabulate(seen, model_of(), store, 8)


def test_a_model_that_has_diverged_says_nothing(seen_of):
    seen, store = seen_of([9])
    with pytest.raises(UnfitModelError, match="diverged"):
        tabulate(seen, model_of(scale=np.inf), store, 8)


def test_the_last_image_that_fills_up_a_batch_is_decoded_once(seen_of, monkeypatch):
    seen, store = seen_of([10, 20])
    images = StoredImages([store.folder / store.path(key) for key in seen["file_key"]], 4)
    batch = images.batch(np.array([1, 0, 1, 1, 1]))
    assert batch.shape == (5, 4, 4, 1)
    assert batch.dtype == np.uint8
    assert batch[:, 0, 0, 0].tolist() == [20, 10, 20, 20, 20]
