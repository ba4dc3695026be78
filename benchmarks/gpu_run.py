"""MobileNet on real images on one GPU: are its numbers right, and how long does a real dynamic run take?

    KERAS_BACKEND=jax PYTHONPATH=src python benchmarks/gpu_run.py correctness|dynamic out.json --data .gpu [--tiny]

- **correctness**: loss and gradients of three training steps in float32, on the GPU and on this machine's CPU; then the
  losses in mixed bfloat16 beside float32. Expected: relative differences of the losses under 1e-4, of the norm of the
  gradients' difference under 1e-2, and under 5e-2 for the losses in bfloat16.
- **dynamic**: one run of the project's own loop (`training/runs.py`) with the settings of conf/base and a batch size of
  16, to its end: epochs, seconds, validation loss, and the history.
"""

import argparse
import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from lung_cxr.diseases import DISEASES
from lung_cxr.models.classifier import Classifier, build_classifier
from lung_cxr.models.freezing import unfreeze_groups
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.run.environment import describe_environment
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.runs import Experiment, train_run
from lung_cxr.training.strategies.registry import StrategyParameters

Image.MAX_IMAGE_PIXELS = None  # our own file: all images below each other
SEED, SIZE = 2024, 224
CONF = Path(__file__).parents[1] / "conf/base"


def load_images(data: Path, size: int) -> SplitImages:
    """Return the packed images and their split."""
    pixels = np.asarray(Image.open(data / f"pixels_{size}.png")).reshape(-1, size, size)
    split = pd.read_csv(data / "split.csv", dtype={"image_id": "str", "patient_key": "str"})
    return SplitImages(pixels, split)


def settings(**changes: Any) -> tuple[TrainingParameters, StrategyParameters]:
    """Return the settings of conf/base with changes: of training, and of dynamic fine-tuning."""
    document = yaml.safe_load((CONF / "parameters_training.yml").read_text(encoding="utf-8"))
    training = {**document["training"], "experiment": "", "load_time_repeats": 0, **changes}
    return TrainingParameters.model_validate(training), StrategyParameters.model_validate(
        document["strategies"]["dynamic"]
    )


def backbone_parameters(data: Path, size: int) -> BackboneParameters:
    """Return MobileNet with the packed weights."""
    document = yaml.safe_load((CONF / "parameters_backbones.yml").read_text(encoding="utf-8"))
    weights = str(data / "mobilenet_imagenet_notop.weights.h5")
    return BackboneParameters.model_validate({**document["backbones"]["mobilenet"], "size": size, "weights": weights})


def three_steps(data: Path, images: SplitImages, device: jax.Device, precision: str) -> tuple[list[float], np.ndarray]:
    """Return losses of three SGD steps at m = L on fixed batches, and the gradients of the first step as one vector."""
    keras.config.set_dtype_policy(precision)
    with jax.default_device(device), jax.default_matmul_precision("highest"):
        classifier: Classifier = build_classifier(
            backbone_parameters(data, images.pixels.shape[1]), dropout=0.0, head="gap", seed=SEED
        )
        unfreeze_groups(classifier, len(classifier.groups))
        model, rows = classifier.model, images.rows("train")[:48].reshape(3, 16)
        labels = np.array([DISEASES.index(label) for label in images.split["label"]])
        trainable = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]

        def loss_of(weights: list[jax.Array], pixels: np.ndarray, targets: np.ndarray) -> jax.Array:
            logits, _ = model.stateless_call(weights, fixed, pixels[..., None], training=True)
            log_p = jax.nn.log_softmax(logits.astype("float32"))
            return -jax.numpy.take_along_axis(log_p, targets[:, None], axis=1).mean()

        step, losses, first = jax.jit(jax.value_and_grad(loss_of)), [], np.zeros(0)
        for batch in rows:
            loss, gradients = step(trainable, np.asarray(images.pixels[batch]), labels[batch])
            losses.append(float(loss))
            if not first.size:
                first = np.concatenate([np.asarray(gradient, dtype=np.float64).ravel() for gradient in gradients])
            trainable = [weight - 1e-3 * gradient for weight, gradient in zip(trainable, gradients, strict=True)]
    keras.config.set_dtype_policy("float32")
    return losses, first


def correctness(data: Path, size: int) -> dict[str, Any]:
    """Compare the default device with the CPU, and bfloat16 with float32."""
    images, device, cpu = load_images(data, SIZE), jax.devices()[0], jax.devices("cpu")[0]
    if size != SIZE:
        images = SplitImages(images.pixels[:, :: SIZE // size, :: SIZE // size][:, :size, :size], images.split)
    losses, gradients = three_steps(data, images, device, "float32")
    reference, expected = three_steps(data, images, cpu, "float32")
    half, _ = three_steps(data, images, device, "mixed_bfloat16")
    return {
        "device": device.device_kind,
        "losses": losses,
        "losses_cpu": reference,
        "losses_bfloat16": half,
        "loss_difference": max(abs(a / b - 1) for a, b in zip(losses, reference, strict=True)),
        "gradient_difference": float(np.linalg.norm(gradients - expected) / np.linalg.norm(expected)),
        "bfloat16_difference": max(abs(a / b - 1) for a, b in zip(half, losses, strict=True)),
    }


def dynamic(data: Path, size: int, tiny: bool) -> dict[str, Any]:
    """Train one dynamic run to its end."""
    images = load_images(data, SIZE)
    if tiny:
        keep = images.split.groupby("subset", sort=False).head(32).index.to_numpy()
        pixels = images.pixels[keep][:, :: SIZE // size, :: SIZE // size][:, :size, :size]
        images = SplitImages(np.ascontiguousarray(pixels), images.split.loc[keep].reset_index(drop=True))
    precision = "float32" if tiny else "mixed_bfloat16"
    training, strategy = settings(
        batch_size=16, precision=precision, steps_per_execution=4 if tiny else 32, **({"max_epochs": 3} if tiny else {})
    )
    with tempfile.TemporaryDirectory() as folder:
        models, outputs = Path(folder, "06_models"), Path(folder, "07_model_output")
        experiment = Experiment(
            backbone_name="mobilenet",
            strategy_name="dynamic",
            backbone=backbone_parameters(data, images.pixels.shape[1]),
            strategy=strategy,
            training=training,
            images=images,
            data_hashes={"split_sha256": "0" * 64, "pixel_sha256": "0" * 64},
            synthetic=False,
            feature_folder=models / "frozen_features",
        )
        started = time.perf_counter()
        record = train_run(experiment, SEED, RunFolders(models, outputs, SEED), "dynamic run on a GPU")
        seconds = time.perf_counter() - started
        history = pd.read_csv(outputs / f"seed_{SEED}" / "history.csv")
    if record is None:
        raise RuntimeError("Found a finished run in a new folder; expected none")
    kept = ("epochs", "best_epoch", "best_val_loss", "stop_reason", "unfreezings", "failure")
    return {
        **{name: record.get(name) for name in kept},
        "seconds": round(seconds, 1),
        "seconds_per_epoch": round(float(history["seconds"].median()), 2),
        "test": {name: record["metrics"]["test"][name] for name in ("accuracy", "macro_f1")},
        "history": history.to_dict("list"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["correctness", "dynamic"])
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--data", type=Path, required=True, help="folder that benchmarks/gpu_data.py wrote")
    parser.add_argument("--tiny", action="store_true", help="74 pixels, few images: whether it runs, not how fast")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d ms %(message)s")
    size = 74 if arguments.tiny else SIZE
    if arguments.part == "correctness":
        found = correctness(arguments.data, size)
    else:
        found = dynamic(arguments.data, size, arguments.tiny)
    result = {**describe_environment(), "load_average": os.getloadavg()[0], **found}
    arguments.output.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in found.items() if name != "history"}, indent=2, default=str))


if __name__ == "__main__":
    main()
