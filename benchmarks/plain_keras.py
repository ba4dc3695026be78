"""A good plain training script with TensorFlow and Keras only: the comparison for `benchmarks/training.py`.

    python benchmarks/plain_keras.py out.json [--folder images] [--images 960] [--weights <file>]

It reads 1024² grey PNGs from class folders (`train/<class>/`, `validation/<class>/`; synthetic ones by default) in
every epoch through `tf.data`, in parallel and ahead of the model. It samples classes uniformly, weights them (Eq.
14), augments minority classes with Keras' own layers (Table 2), batch by batch, and unfreezes MobileNet as in
Algorithm 1. Unfreezings follow a fixed plan (`SCHEDULE`), so that both sides train the same epochs. The script uses
only the images of this project.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

Schedule = tuple[tuple[int, int], ...]

SCHEDULE: Schedule = (
    (0, 10),
    (3, 6),
    (6, 6),
    (9, 6),
    (12, 6),
    (14, 6),
)  # (m unfrozen groups, epochs); MobileNet has L = 14
DECAY = 0.1  # Eq. 12
LEARNING_RATE = 1e-4
DROPOUT = 0.2
SEED = 2024


class Images(NamedTuple):
    """Files of one subset and their classes."""

    paths: list[str]
    labels: np.ndarray


class Data(NamedTuple):
    """Data sets and class weights."""

    train: tf.data.Dataset
    validation: tf.data.Dataset
    class_weight: dict[int, float]


def images_of(folder: Path) -> Images:
    """List the images of a subset; classes in alphabetical order."""
    classes = sorted(path.name for path in folder.iterdir())
    paths = sorted(folder.glob("*/*.png"))
    return Images([str(path) for path in paths], np.array([classes.index(path.parent.name) for path in paths]))


def prepare(folder: Path, size: int, batch_size: int) -> Data:
    """Return the data sets: training sampled uniformly by class, validation in order."""
    train, validation = images_of(folder / "train"), images_of(folder / "validation")
    counts = np.bincount(train.labels)
    largest = int(counts.argmax())
    augment = augmentation()

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_png(tf.io.read_file(path), channels=1)
        return tf.image.resize(image, (size, size)), label

    def augmented(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        minority = tf.reshape(labels != largest, (-1, 1, 1, 1))
        return tf.where(minority, augment(images, training=True), images), labels

    showings = math.ceil(len(train.paths) / batch_size) * batch_size
    drawn = (
        evenly(train)
        .take(showings)
        .map(read, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .map(augmented, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
    in_order = (
        tf.data.Dataset.from_tensor_slices((validation.paths, validation.labels))
        .map(read, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )
    weights = len(train.labels) / (len(counts) * counts)  # Eq. 14
    return Data(drawn, in_order, dict(enumerate(weights.tolist())))


def evenly(images: Images) -> tf.data.Dataset:
    """Sample files uniformly by class, without end; each class is shuffled again after each pass."""
    paths = np.array(images.paths)
    classes = []
    for label in np.unique(images.labels):
        own = paths[images.labels == label]
        one = tf.data.Dataset.from_tensor_slices((own, np.full(len(own), label)))
        classes.append(one.shuffle(len(own), seed=SEED).repeat())
    return tf.data.Dataset.sample_from_datasets(classes, [1 / len(classes)] * len(classes), seed=SEED)


def augmentation() -> keras.Sequential:
    """Return the augmentation of Table 2 as Keras layers."""
    return keras.Sequential(
        [
            keras.layers.RandomRotation(10 / 360, fill_mode="constant", seed=SEED),
            keras.layers.RandomBrightness(0.2, value_range=(0, 255), seed=SEED),
            keras.layers.RandomContrast(0.1, value_range=(0, 255), seed=SEED),
        ]
    )


def build(size: int, classes: int, weights: str | None) -> tuple[keras.Model, keras.Model]:
    """Return the classifier and its backbone: grey to three channels, MobileNet's scaling, pooling, dropout, logits."""
    base = keras.applications.MobileNet(include_top=False, weights=weights, input_shape=(size, size, 3))
    image = keras.Input((size, size, 1))
    colour = keras.layers.Concatenate()([image, image, image])
    features = base(keras.applications.mobilenet.preprocess_input(colour), training=False)
    pooled = keras.layers.Dropout(DROPOUT)(keras.layers.GlobalAveragePooling2D()(features))
    return keras.Model(image, keras.layers.Dense(classes)(pooled)), base


def unfreeze(base: keras.Model, m: int) -> None:
    """Unfreeze the last m of MobileNet's fourteen blocks; batch normalisation stays frozen."""
    for layer in base.layers:
        stem = layer.name == "conv1"
        number = 0 if stem else int(layer.name.split("_")[2]) if layer.name.startswith("conv_") else -1
        is_normalisation = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = number > 13 - m and not is_normalisation


def fine_tune(
    data: Data, size: int, weights: str | None, schedule: Schedule, clock: Callable[[], float] = time.perf_counter
) -> Iterator[tuple[int, float]]:
    """Train as in Algorithm 1 with planned unfreezings; yield (m, seconds) after every epoch, validation included."""
    model, base = build(size, len(data.class_weight), weights)
    lowest, best, learning_rate = math.inf, model.get_weights(), LEARNING_RATE
    for stage, (m, epochs) in enumerate(schedule):
        start = clock()
        if stage:
            model.set_weights(best)
            learning_rate *= 1 - DECAY
        unfreeze(base, m)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"], jit_compile=False)
        for _ in range(epochs):
            model.fit(data.train, class_weight=data.class_weight, shuffle=False, verbose=0)
            found = model.evaluate(data.validation, verbose=0)[0]
            if found < lowest:
                lowest, best = found, model.get_weights()
            yield m, clock() - start
            start = clock()
    model.set_weights(best)


def run(folder: Path, size: int, batch_size: int, weights: str | None) -> dict[str, float]:
    """Train the whole schedule; return the seconds of each stage and of all."""
    stages = {f"m={m}": 0.0 for m, _ in SCHEDULE}
    for m, taken in fine_tune(prepare(folder, size, batch_size), size, weights, SCHEDULE):
        stages[f"m={m}"] += taken
    return {**stages, "whole": sum(stages.values())}


def main() -> None:
    """Train; print and write the seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--folder", type=Path, help="images in class folders; default: synthetic images")
    parser.add_argument("--images", type=int, default=960, help="synthetic training images; validation: an eighth more")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--weights", help="imagenet, or a file; default: random weights")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if arguments.folder is None:
            from made_up_study import make_images

            make_images(folder, {"train": arguments.images, "validation": arguments.images // 8})
        seconds = run(folder, arguments.size, arguments.batch_size, arguments.weights)
    for stage, taken in seconds.items():
        print(f"{stage:8} {taken:8.1f} s")
    arguments.output.write_text(json.dumps({"seconds": seconds}, indent=2) + "\n")


if __name__ == "__main__":
    main()
