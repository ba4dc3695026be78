"""Pretrain the demo's MobileNet on drawings; `python tools/pretrain_demo_weights.py` writes the weights file.

The demo shows transfer learning without a download and without a radiograph of a real person. ImageNet's place is
taken by drawings of patients that the demo's hospital does not have (other seeds), and by body parts. The network
learns three tasks at once, none of which names a disease:

1. Which part and view is drawn: chest PA, AP or lateral, hand, knee, skull, pelvis, test pattern.
2. How the image was turned (0, 90, 180 or 270 degrees) and whether black and white were exchanged.
3. The ten measures of the drawn chest (`synthetic.phantom.anatomy.Chest`), on upright frontal images.

The frontal chests show the signs of all seven diseases, as patients of a hospital do, but no label says which one.
The file holds the weights of `MobileNet(include_top=False, alpha=0.25)`; the three heads are discarded.

The file in the package was made by the experiment from which this script was written. A sample of drawings, the first
140 batches and the initial backbone weights were compared and are equal; the script has not been run to its end.
"""

import logging
from collections.abc import Iterator
from dataclasses import astuple

import cv2
import keras
import numpy as np
from joblib import Parallel, delayed
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.standardise import pad_to_square
from lung_cxr.models.backbones import TF_SCALING
from lung_cxr.models.initial_weights import DEMO
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.body_parts import PARTS, draw_other_part
from lung_cxr.synthetic.phantom.frontal import draw_radiograph
from lung_cxr.synthetic.phantom.lateral import draw_lateral

SEEDS = {
    "frontal": 777001,
    "lateral": 777002,
    "other": 777003,
}  # the demo has 20230601
FRONTAL, LATERAL, OTHER = 5600, 900, 2000  # images drawn
DRAWN_SIDE, SIDE = 192, 96  # pixels: drawn, and as the demo trains
ALPHA = 0.25  # width of the MobileNet: 0.2 million weights
EPOCHS, BATCH = 12, 64
LEARNING_RATE, WARM_UP = 3e-3, 200  # peak; batches of linear rise before the cosine decay
WEIGHT_DECAY = 1e-3
CHEST_PA, CHEST_AP, CHEST_LATERAL, FIRST_PART = range(4)  # classes of task 1
MEASURES = 10  # of a Chest

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]
Arrays = dict[str, NDArray]


def draw_images(frontal: int = FRONTAL, lateral: int = LATERAL, other: int = OTHER) -> Arrays:
    """Draw the pretraining set.

    Returns:
        `image` (N, 96, 96) uint8, `part` (N,) class of task 1, `measures` (N, 10) standardised, 0 where `is_frontal`
        (N,) is False.
    """
    jobs = [(_draw_frontal, n) for n in range(frontal)]
    jobs += [(_draw_lateral, n) for n in range(lateral)] + [(_draw_other, n) for n in range(other)]
    images, parts, measures = zip(*Parallel(n_jobs=-1)(delayed(draw)(n) for draw, n in jobs), strict=True)
    is_frontal = np.array(parts) < CHEST_LATERAL
    table = np.array(measures)
    table = (table - table[is_frontal].mean(axis=0)) / table[is_frontal].std(axis=0)
    table[~is_frontal] = 0
    return {
        "image": np.stack(images),
        "part": np.array(parts),
        "measures": table.astype(np.float32),
        "is_frontal": is_frontal,
    }


def _draw_frontal(number: int) -> tuple[Image, int, tuple[float, ...]]:
    generator = default_rng([SEEDS["frontal"], number])
    chest = draw_chest(generator, "FM"[number % 2])
    part = CHEST_AP if number % 8 < 2 else CHEST_PA
    view = "AP" if part == CHEST_AP else "PA"
    drawn = draw_radiograph(generator, chest, DISEASES[number % len(DISEASES)], view, DRAWN_SIDE)
    return _stored(drawn.pixels), part, astuple(chest)


def _draw_lateral(number: int) -> tuple[Image, int, tuple[float, ...]]:
    generator = default_rng([SEEDS["lateral"], number])
    chest = draw_chest(generator, "FM"[number % 2])
    return _stored(draw_lateral(generator, chest, DRAWN_SIDE).pixels), CHEST_LATERAL, astuple(chest)


def _draw_other(number: int) -> tuple[Image, int, tuple[float, ...]]:
    generator = default_rng([SEEDS["other"], number, 7])
    part = int(generator.integers(len(PARTS)))
    return _stored(draw_other_part(generator, DRAWN_SIDE, part).pixels), FIRST_PART + part, (0.0,) * MEASURES


def _stored(pixels: NDArray[np.float32]) -> Image:
    """Return the image as the catalogue stores it: windowed, shrunk, padded to a square, (96, 96) uint8."""
    low, high = np.percentile(pixels, (1, 99))
    grey = (np.clip((pixels - low) / (high - low), 0, 1) * 255).astype(np.float32)
    rows, columns = (max(1, round(length * SIDE / max(pixels.shape))) for length in pixels.shape)
    small = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    return pad_to_square(np.rint(small).astype(np.uint8), SIDE)


def build_network() -> tuple[keras.Model, keras.Model]:
    """Return the backbone, and the network with three heads on it: grey float (B, 96, 96, 1) → outputs by task."""
    (scale, *_), (offset, *_) = TF_SCALING
    image = keras.Input((SIDE, SIDE, 1))
    scaled = keras.layers.Rescaling(scale, offset)(keras.layers.Concatenate()([image, image, image]))
    backbone = keras.applications.MobileNet(
        include_top=False, weights=None, alpha=ALPHA, input_tensor=scaled, input_shape=(SIDE, SIDE, 3)
    )
    features = keras.layers.Dropout(0.1)(keras.layers.GlobalAveragePooling2D()(backbone.output))
    widths = {"part": FIRST_PART + len(PARTS), "measures": MEASURES, "orientation": 8}
    heads = {task: keras.layers.Dense(width, name=task)(features) for task, width in widths.items()}
    return backbone, keras.Model(image, heads)


def batches(drawn: Arrays, generator: Generator) -> Iterator[tuple[NDArray, Arrays, Arrays]]:
    """Yield images, targets and sample weights of one batch after the other, without end."""
    count = len(drawn["image"])
    while True:
        for rows in np.array_split(generator.permutation(count), max(1, count // BATCH)):
            turned = np.where(generator.random(len(rows)) < 0.5, 0, generator.integers(0, 4, len(rows)))
            inverted = generator.random(len(rows)) < 0.25
            images = [
                _augmented(drawn["image"][row], int(turn), bool(flip), generator)
                for row, turn, flip in zip(rows, turned, inverted, strict=True)
            ]
            part = drawn["part"][rows]
            targets = {"part": part, "orientation": turned + 4 * inverted, "measures": drawn["measures"][rows]}
            weights = {
                "part": np.ones(len(rows)),
                "orientation": (part < FIRST_PART + len(PARTS) - 1).astype(float),  # a test pattern has no top
                "measures": (drawn["is_frontal"][rows] & (turned == 0)).astype(float),
            }
            yield np.stack(images)[..., None], targets, weights


def _augmented(image: Image, turns: int, inverted: bool, generator: Generator) -> NDArray[np.float32]:
    """Shift by up to 5 pixels, change contrast and brightness, turn and invert."""
    shift = generator.integers(-5, 6, 2)
    grey = np.roll(image, (int(shift[0]), int(shift[1])), (0, 1)).astype(np.float32)
    grey = np.clip((grey - 128) * generator.uniform(0.8, 1.2) + 128 + generator.uniform(-20, 20), 0, 255)
    grey = np.rot90(grey, turns)
    return 255 - grey if inverted else grey


def pretrain() -> None:
    """Draw, train and write the file of `DEMO`: about ten minutes of CPU time."""
    keras.utils.set_random_seed(5)
    drawn = draw_images()
    log.info("Drew %d images", len(drawn["image"]))
    backbone, network = build_network()
    steps = len(drawn["image"]) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps * EPOCHS, warmup_target=LEARNING_RATE, warmup_steps=WARM_UP
    )
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
        loss={"part": entropy, "orientation": entropy, "measures": "mse"},
        weighted_metrics={"part": ["accuracy"], "orientation": ["accuracy"], "measures": []},
    )
    network.fit(batches(drawn, default_rng(0)), steps_per_epoch=steps, epochs=EPOCHS, verbose=2)
    backbone.save_weights(DEMO.file)
    log.info("Wrote %s", DEMO.file)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    pretrain()
