"""Parity and size of the exported network of every backbone: ONNX by onnxruntime against Keras.

Bar: max |Δp| ≤ 1e-4 and no predicted class changes. Size: the ONNX file beside the weights that it must hold.

    LUNG_CXR_WEIGHTS=<folder> python benchmarks/bundle_parity.py out.json

Backbones have the sizes of conf/base and ImageNet weights where they are at hand (`auto`), else random weights; the
output names them. The classes are a random layer on the standardised pooled features, so that the probabilities of the
images differ widely. The images are drawn radiographs, mirrored ones too.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml
from PIL import Image
from rich.console import Console
from rich.table import Table

from ingestion import CONFIGURATION, draw_image
from lung_cxr.bundle.engines import load_network
from lung_cxr.bundle.export import export_network
from lung_cxr.diseases import DISEASES
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.pooled_features import with_pooled_features
from lung_cxr.parameters import BackboneParameters
from lung_cxr.splitting.stored_images import resize

BAR = 1e-4


def draw_images(size: int, drawn: list[np.ndarray]) -> np.ndarray:
    """Return drawn radiographs and their mirror images, (14, size, size, 1) uint8."""
    resized = np.stack([resize(Image.fromarray((255 * one).astype(np.uint8)), size) for one in drawn])
    return np.concatenate([resized, resized[:, :, ::-1]])[..., None]


def spread_probabilities(model: keras.Model, images: np.ndarray) -> None:
    """Give the classes random weights on the standardised pooled features: logits of the images have a spread of 3."""
    features = np.asarray(with_pooled_features(model).predict(images, verbose=0)[1])
    spread = features.std(axis=0) + 1e-3 * features.std() + 1e-12
    logits = model.get_layer("logits")
    drawn = np.random.default_rng(1).normal(size=logits.kernel.shape)
    kernel = 3 * drawn / np.sqrt(len(drawn)) / spread[:, None]
    logits.set_weights([kernel, -features.mean(axis=0) @ kernel])


def measure(name: str, settings: dict[str, Any], drawn: list[np.ndarray], folder: Path) -> dict[str, Any]:
    """Return parity and size of one backbone."""
    parameters = BackboneParameters.model_validate(settings | {"weights": "auto"})
    classifier = build_classifier(parameters, dropout=0.2, head="gap", seed=0)
    model, images, file = classifier.model, draw_images(parameters.size, drawn), folder / f"{name}.onnx"
    spread_probabilities(model, images)
    export_network(model, file)
    expected = np.asarray(keras.ops.softmax(model.predict(images, batch_size=7, verbose=0)))
    found, _ = load_network(file)(images)
    return {
        "size": parameters.size,
        "weights": classifier.weights_source,
        "images": len(images),
        "mean_confidence": float(expected.max(axis=1).mean()),
        "predicted_classes": len({*expected.argmax(axis=1)}),
        "largest_difference": float(np.abs(found - expected).max()),
        "changed_classes": int((found.argmax(axis=1) != expected.argmax(axis=1)).sum()),
        "onnx_mb": file.stat().st_size / 1e6,
        "weights_mb": 4 * model.count_params() / 1e6,
    }


def main() -> None:
    """Measure every backbone, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    chosen = parser.parse_args()
    text = (CONFIGURATION / "parameters_backbones.yml").read_text(encoding="utf-8")
    drawn, measured = [draw_image(seed) for seed in range(len(DISEASES))], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in yaml.safe_load(text)["backbones"].items():
            measured[name] = measure(name, settings, drawn, Path(folder))
            keras.backend.clear_session()
    chosen.output.write_text(json.dumps({"bar": BAR, "measured": measured}, indent=1) + "\n", encoding="utf-8")
    table = Table("", *next(iter(measured.values())))
    for name, row in measured.items():
        table.add_row(name, *(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
