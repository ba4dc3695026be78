"""Measure training on a GPU for every backbone at its own size: images per second, share of the device's peak, cost of
the feed, and the extrapolated time of a run of the paper's size.

    KERAS_BACKEND=jax PYTHONPATH=src python benchmarks/gpu.py out.json [--backbones mobilenet …] [--tiny]

Weights are random (nothing is downloaded) and pixels are noise (a GPU's time does not depend on them). All pixels
are on the device: a step receives row numbers and augmentation parameters, and gathers and augments inside the
graph. Mixed precision (bfloat16), Adam; under JAX with XLA and several steps in one call.

Needs the Keras backend (`jax` or `torch`), keras, numpy, pydantic, PyYAML and this repository with `src` on the path;
neither Kedro nor TensorFlow nor a network. On a machine with a backend and its numpy, these wheels complete it: keras,
absl-py, rich, markdown-it-py, mdurl, pygments, namex, packaging, pydantic, annotated-types, typing-inspection,
typing-extensions (pure Python) and h5py, optree, ml-dtypes, pydantic-core, PyYAML (compiled).

- **bare**: the train step on one repeated batch.
- **epoch**: the rows and augmentation parameters of an epoch; epoch / bare is the share that the feed leaves.
- **share of peak**: operations of convolutions and matrices, counted from shapes (two per multiply-add; one forward
  pass of the whole network, and twice the unfrozen groups for the backward pass), divided by the device's bfloat16
  peak.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from lung_cxr.models.backbones import BACKBONES
from lung_cxr.models.classifier import Classifier, build_classifier
from lung_cxr.models.freezing import adapt_batch_normalisation, unfreeze_groups
from lung_cxr.models.layer_costs import cost_of
from lung_cxr.parameters import AugmentationParameters, BackboneParameters
from lung_cxr.training.data.augmentation_parameters import AugmentationSampler
from lung_cxr.training.data.class_weights import class_counts, loss_weights
from lung_cxr.training.data.gpu_dataset import gpu_training_model
from lung_cxr.training.data.sampling import SamplingOrder
from lung_cxr.training.run.environment import describe_environment

CONFIGURATION = Path(__file__).parents[1] / "conf/base/parameters_backbones.yml"
TRAINING_IMAGES = (8318, 1965, 856, 574, 324, 212, 85)  # Table 1, by class: 12,334
VALIDATION_IMAGES = 1540  # Table 1
EPOCHS = 100  # n of the paper
AUGMENTATION = AugmentationParameters(  # Table 2
    classes="all_but_largest", rotation=10, brightness=(0.8, 1.2), contrast=(0.9, 1.1), bank=None, unchanged_share=0
)
SEED = 2024
ORDER = ("mobilenet", "resnet50", "densenet121", "vgg16", "inceptionv3", "xception", "efficientnetv2s")
TINY = 80  # pixels: no backbone takes fewer than 75

# bfloat16 peak with dense matrices, FLOP/s, from NVIDIA's data sheets; the first name within the device's name counts
PEAKS = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A40": 150e12,
    "A10": 125e12,
    "RTX A6000": 155e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement.

    Attributes:
        images: Number of images in the data set.
        batch_size: Images.
        steps: Steps of a measured epoch.
        steps_per_execution: Steps in one call of the compiled function; PyTorch allows one.
        repeats: Number of measurements; bare and epoch alternate.
        jit_compile: Whether to use XLA, or torch.compile.
        precision: Keras dtype policy.
        size: Side of all inputs, pixels; None: the size in conf/base.
        peak: FLOP/s of the device; None: unknown.
    """

    images: int
    batch_size: int
    steps: int
    steps_per_execution: int
    repeats: int
    jit_compile: bool
    precision: str
    size: int | None
    peak: float | None


@dataclass(frozen=True)
class Study:
    """A synthetic data set with the class shares of Table 1 (training images)."""

    pixels: np.ndarray
    labels: np.ndarray

    @classmethod
    def of_size(cls, images: int, size: int) -> "Study":
        """Return a data set of noise, (images, size, size) uint8."""
        generator = np.random.default_rng(SEED)
        shares = np.array(TRAINING_IMAGES) / sum(TRAINING_IMAGES)
        labels = generator.choice(len(shares), images, p=shares)
        return cls(generator.integers(0, 256, (images, size, size), dtype=np.uint8), labels)


class RowFeed(keras.utils.PyDataset):
    """The first batches of an epoch, or one repeated batch: ((rows, augmentation), labels, loss weights).

    Args:
        study: Data set that the rows refer to.
        settings: Batch size and steps.
        epoch: Number of the epoch, from 1.
        repeated: Return the first batch every time.
    """

    def __init__(self, study: Study, settings: Settings, epoch: int, repeated: bool):
        super().__init__(workers=1, use_multiprocessing=False)
        self.batch_size, self.steps, self.repeated = settings.batch_size, settings.steps, repeated
        order = SamplingOrder(study.labels, "balanced", self.batch_size, SEED).of_epoch(epoch)
        self.rows = np.resize(order, self.steps * self.batch_size).astype(np.int32)
        self.augmentation = AugmentationSampler(AUGMENTATION, study.labels, SEED).of_epoch(self.rows, epoch, stage=0)
        self.labels = study.labels[self.rows]
        self.weights = loss_weights(class_counts(study.labels), "inverse_frequency").astype(np.float32)[self.labels]
        self.first = self._batch(0)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Any:
        return self.first if self.repeated else self._batch(index)

    def _batch(self, index: int) -> Any:
        batch = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return (self.rows[batch], self.augmentation[batch]), self.labels[batch], self.weights[batch]


def measure_backbone(name: str, settings: Settings, depths: Sequence[str]) -> dict[str, Any]:
    """Train one backbone at some of m = 0, L/2 and L; return its numbers, or the reason of a failure."""
    keras.utils.clear_session()
    block = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["backbones"][name]
    size = settings.size or block["size"]
    try:
        study = Study.of_size(settings.images, size)
        classifier = random_classifier({**block, "size": size, "weights": None}, study)
        model = gpu_training_model(classifier.model, study.pixels)
        L = len(classifier.groups)
        chosen = {"0": 0, "L/2": L // 2, "L": L}
        by_depth = {depth: measure_depth(classifier, model, chosen[depth], study, settings) for depth in depths}
    except Exception as error:  # for example out of memory; measure the other backbones
        return {"size": size, "failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    return {
        "size": size,
        "layer_groups": L,
        "resident_megabytes": round(study.pixels.nbytes / 1e6, 1),
        "depths": by_depth,
        "paper_run_extrapolated_hours": round(paper_run_hours(by_depth["L"]), 3) if "L" in by_depth else None,
    }


def random_classifier(block: dict[str, Any], study: Study) -> Classifier:
    """Build a backbone with random weights and adapt its batch normalisation."""
    classifier = build_classifier(BackboneParameters(**block), dropout=0.2, head="gap", seed=SEED)
    adapt_batch_normalisation(classifier, study.pixels[:32])
    return classifier


def measure_depth(
    classifier: Classifier, model: keras.Model, m: int, study: Study, settings: Settings
) -> dict[str, Any]:
    """Measure training at m unfrozen groups."""
    unfreeze_groups(classifier, m)
    model.compile(
        keras.optimizers.Adam(1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=settings.jit_compile,
        steps_per_execution=settings.steps_per_execution,
    )
    epochs = iter(range(1, settings.repeats + 3))

    def images_a_second(repeated: bool, settings: Settings = settings) -> float:
        feed = RowFeed(study, settings, next(epochs) if not repeated else 1, repeated)
        return settings.steps * settings.batch_size / seconds(lambda: model.fit(feed, shuffle=False, verbose=0))

    first_call = replace(settings, steps=settings.steps_per_execution)
    compiling = seconds(lambda: images_a_second(True, first_call))
    pairs = [(images_a_second(True), images_a_second(False)) for _ in range(settings.repeats)]
    bare, epoch = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    flops = training_flops(classifier, m)
    return {
        "first_call_seconds": round(compiling, 1),
        "bare_images_per_second": round(bare, 1),
        "epoch_images_per_second": round(epoch, 1),
        "feed_ratio": spread([one[1] / one[0] for one in pairs]),
        "gigaflop_per_image": round(flops / 1e9, 3),
        "share_of_peak": round(epoch * flops / settings.peak, 4) if settings.peak else None,
    }


def training_flops(classifier: Classifier, m: int) -> float:
    """Return the operations of one image: one forward pass, and twice the unfrozen layers for the backward pass."""
    L = len(classifier.groups)
    opened = [layer for group in classifier.groups[L - m :] for layer in group] + classifier.head_layers
    return cost_of([*classifier.backbone_layers, *classifier.head_layers]).flops + 2 * cost_of(opened).flops


def paper_run_hours(everything: dict[str, Any]) -> float:
    """Extrapolate to all 100 epochs at m = L, validation at a third of the cost of a training image."""
    images = sum(TRAINING_IMAGES) + VALIDATION_IMAGES / 3
    return EPOCHS * images / everything["epoch_images_per_second"] / 3600


def seconds(run: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median and range."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def markdown(result: dict[str, Any]) -> str:
    """Return the result as a Markdown table, one row for each backbone and depth."""
    lines = [
        f"{result['device']}, Keras {keras.__version__} on {result['backend']}, {result['settings']['precision']}, "
        f"batches of {result['settings']['batch_size']}, median of {result['settings']['repeats']}",
        "",
        "| backbone | px | m | images/s | epoch / bare | share of peak | paper's run, extrapolated, h |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for name, found in result["backbones"].items():
        if "failed" in found:
            lines.append(f"| {name} | {found['size']} | | {found['failed']} | | | |")
            continue
        for m, at in found["depths"].items():
            share = "" if at["share_of_peak"] is None else f"{100 * at['share_of_peak']:.1f} %"
            hours = f"{found['paper_run_extrapolated_hours']:.2f}" if m == "L" else ""
            lines.append(
                f"| {name} | {found['size']} | {m} | {at['epoch_images_per_second']:,.0f} | "
                f"{at['feed_ratio']['median']:.3f} | {share} | {hours} |"
            )
    return "\n".join(lines)


def peak_of(device: str) -> float | None:
    """Return the peak of a device, FLOP/s; None if the table lacks it."""
    return next((peak for name, peak in PEAKS.items() if name in device), None)


def settings_from(arguments: argparse.Namespace, device: str) -> Settings:
    """Return the settings of the command line. PyTorch takes one step per call and is compiled only on request."""
    torch, tiny = keras.backend.backend() == "torch", arguments.tiny
    return Settings(
        images=arguments.images or (64 if tiny else sum(TRAINING_IMAGES)),
        batch_size=4 if tiny else arguments.batch_size or 32,
        steps=arguments.steps or (4 if tiny else 192),
        steps_per_execution=1 if torch else (2 if tiny else 8),
        repeats=2 if tiny else arguments.repeats,
        jit_compile=arguments.jit == "on" or (arguments.jit == "auto" and not torch),
        precision=arguments.precision,
        size=TINY if tiny else None,
        peak=arguments.peak or peak_of(device),
    )


def profile_to(folder: Path | None) -> AbstractContextManager[None]:
    """Record a JAX profile in the folder; without a folder, do nothing."""
    if folder is None:
        return nullcontext()
    import jax

    return jax.profiler.trace(str(folder))


def main() -> None:
    """Measure the chosen backbones; print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--backbones", nargs="+", choices=list(BACKBONES), default=ORDER)
    parser.add_argument("--images", type=int, help="images on the device; default: 12,334")
    parser.add_argument("--batch-size", type=int, help="default: 32")
    parser.add_argument("--steps", type=int, help="steps of a measured epoch; default: 192; a multiple of 8")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--jit", choices=["auto", "on", "off"], default="auto")
    parser.add_argument("--peak", type=float, help="FLOP/s of a device that the table lacks")
    parser.add_argument("--depths", nargs="+", choices=["0", "L/2", "L"], default=["0", "L/2", "L"])
    parser.add_argument("--profile", type=Path, help="folder for a JAX profile of the measured epochs")
    parser.add_argument("--tiny", action="store_true", help="80 pixels, a few steps: a smoke test, not a measurement")
    arguments = parser.parse_args()
    around = describe_environment()
    settings = settings_from(arguments, around["device"])
    keras.config.set_dtype_policy(settings.precision)
    result = {
        **around,
        "backend": keras.backend.backend(),
        "settings": asdict(settings),
        "load_average": os.getloadavg()[0],
        "backbones": {},
    }
    with profile_to(arguments.profile):
        for name in arguments.backbones:
            result["backbones"][name] = measure_backbone(name, settings, arguments.depths)
            arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(markdown(result))


if __name__ == "__main__":
    main()
