"""Grad-CAM panels: which images, in which order, of which run, and what stands where there are none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.experiments import Run
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.models.saved_model import save_model
from lung_cxr.report.figures.grad_cam_panels import (
    GradCamSources,
    choose_images,
    draw_all_grad_cams,
    draw_grad_cam,
    may_be_shown,
)
from lung_cxr.report.rows import best_by_validation_loss
from made_up_runs import evaluated, made_up_manifest, made_up_run, made_up_split

DYNAMIC, PROBE = Run("mobilenet", "dynamic"), Run("mobilenet", "linear_probe")


def predictions_of(rows):
    """Predictions of test images from (label, predicted, confidence)."""
    table = pd.DataFrame(
        {"image_id": [f"{number:032x}" for number in range(len(rows))], "patient_key": "", "subset": "test"}
    )
    shares = np.empty((len(rows), 7))
    for share, (_, predicted, confidence) in zip(shares, rows, strict=True):
        share[:] = (1 - confidence) / 6
        share[predicted] = confidence
    labels = [DISEASES[label] for label, _, _ in rows]
    return table.assign(label=labels, **dict(zip(PROBABILITY_COLUMNS, shares.T, strict=True)))


def chosen(rows, most, hidden=()):
    predictions = predictions_of(rows)
    permitted = set(predictions["image_id"]) - {f"{number:032x}" for number in hidden}
    table = choose_images(predictions, permitted, most)
    return [int(image_id, 16) for image_id in table["image_id"]]


ROWS = [(0, 0, 0.6), (0, 1, 0.5), (0, 2, 0.9), (0, 0, 0.99), (0, 3, 0.7), (0, 0, 0.8), (2, 2, 0.5)]


def test_the_surest_mistakes_come_first_then_the_surest_that_were_right():
    assert chosen(ROWS, 4) == [2, 4, 3, 5, 6]
    assert chosen(ROWS, 1) == [2, 6], "a single place goes to a mistake"
    assert chosen(ROWS, 20) == [2, 4, 1, 3, 5, 0, 6]


def test_one_kind_takes_the_places_that_the_other_cannot_fill():
    only_right = [(0, 0, confidence) for confidence in (0.5, 0.9, 0.7)]
    assert chosen(only_right, 2) == [1, 2]
    assert chosen([(0, 1, 0.5), (0, 1, 0.6), (0, 1, 0.7), (0, 0, 0.4)], 4) == [2, 1, 0, 3]


def test_what_may_not_be_shown_is_not_chosen():
    assert chosen(ROWS, 4, hidden=[2, 3]) == [4, 1, 5, 0, 6]
    manifest = made_up_manifest(made_up_split(images=4))
    manifest["qc_reasons"] = ["", "enlarged;not_looked_at", "enlarged", ""]
    manifest.loc[3, "qc_status"] = "rejected"
    assert may_be_shown(manifest) == set(manifest["image_id"].iloc[[0, 2]])


def test_a_panel_shows_each_class_in_a_row_with_marks():
    shown = choose_images(predictions_of(ROWS), {f"{number:032x}" for number in range(7)}, 2)
    pixels = np.zeros((3, 8, 8), np.uint8)
    figure = draw_grad_cam("A run", shown, pixels, np.linspace(0, 1, 3 * 64).reshape(3, 8, 8))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:2] == ["✗ Tuberculosis, 90.0 %", "✓ Pneumonia, 99.0 %"]
    assert titles[4:6] == ["✓ Tuberculosis, 50.0 %", ""]
    assert [text.get_text() for text in figure.axes[2].texts] == ["no test image"]
    overlay = figure.axes[1].images[0].get_array()
    assert 0 < overlay.max() < 255, "black pixels under the strongest heat: the image stays visible"


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=120)


@pytest.fixture
def runs(split, tmp_path):
    """Two judged runs of one backbone, the probe better on validation; all images stored at 32 px."""
    made = {}
    for run, loss in ((DYNAMIC, 0.9), (PROBE, 0.8)):
        one = made_up_run(run, split, 2024, skill=1.0)
        one.record["parameters"]["backbone"]["size"] = 32
        one.record["best_val_loss"] = loss
        made[run] = [replace(one, folder=tmp_path / "outputs" / run.backbone / run.strategy / "seed_2024")]
    return made


@pytest.fixture
def places(split, tmp_path):
    store = ImageStore(tmp_path / "images")
    generator = np.random.default_rng(0)
    for image_id in split.loc[split["subset"] == "test", "image_id"]:
        path = store.folder / store.path(image_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (32, 32), np.uint8)).save(path)
    return GradCamSources(tmp_path / "models", tmp_path / "outputs", store, set(split["image_id"]))


def words(figure):
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts)


def save_tiny(places, run, head="head_pooling"):
    import keras

    image = keras.Input((32, 32, 1), dtype="uint8")
    features = keras.layers.Conv2D(4, 3, strides=8, activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    pooled = keras.layers.GlobalAveragePooling2D(name=head)(features)
    model = keras.Model(image, keras.layers.Dense(7, name="logits")(pooled))
    return save_model(model, places.models / run.backbone / run.strategy / "seed_2024/model.keras")


def test_the_best_run_on_validation_stands_for_its_backbone(runs, split):
    best = best_by_validation_loss(evaluated(runs, split), runs)
    assert {backbone: one.record["strategy"] for backbone, one in best.items()} == {"mobilenet": "linear_probe"}


def test_a_backbones_panels_come_from_its_saved_model(runs, places, split):
    runs[PROBE][0].record["model_sha256"] = save_tiny(places, PROBE)
    figures = draw_all_grad_cams(evaluated(runs, split), runs, places, 2)
    assert list(figures) == ["mobilenet.png"]
    assert (
        figures["mobilenet.png"]
        .get_suptitle()
        .startswith("MobileNet, linear probe, seed 2024, map of 4 × 4 positions: ")
    )
    assert len(figures["mobilenet.png"].axes) == 7 * 2 + 1  # images and colour bar


def test_without_panels_the_picture_says_why(runs, places, split):
    def said(images_per_class=2, runs=runs):
        ((name, figure),) = draw_all_grad_cams(evaluated(runs, split), runs, places, images_per_class).items()
        return f"{name}: {words(figure)}"

    assert said(runs={}) == "none.png: No run has finished yet."
    assert said(images_per_class=0).startswith("none.png: Turned off")
    assert "model.keras is missing" in said()
    save_tiny(places, PROBE, head="head_flatten")
    assert "head: gap" in said()
    runs[PROBE][0].record["model_sha256"] = "0" * 64
    assert "model.keras differs" in said()
