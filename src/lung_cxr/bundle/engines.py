"""Run the exported network with onnxruntime, or with OpenVINO where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # its module imports Keras
    from lung_cxr.training.data.feed import Images

ENGINES = ("onnxruntime", "openvino")

Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
"""(n, size, size, 1) uint8 → probabilities (n, 7) and pooled features (n, d), or None for a network without them."""


def load_network(path: Path, engine: str = ENGINES[0], threads: int = 0) -> Network:
    """Return the network of a bundle.

    Args:
        path: ONNX file.
        engine: One of `ENGINES`.
        threads: Number of threads; 0: one per core.
    """
    return _openvino(path, threads) if engine == "openvino" else _onnxruntime(path, threads)


def in_batches(
    network: Network, images: Images, rows: np.ndarray, batch_size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return probabilities (n, 7) and pooled features (n, d) of images, or None for a network without them.

    Args:
        network: Result of `load_network`.
        images: Source of the images.
        rows: (n,) rows of the images, n > 0.
        batch_size: Images per batch.
    """
    outputs = [network(images.batch(rows[start : start + batch_size])) for start in range(0, len(rows), batch_size)]
    probabilities, features = zip(*outputs, strict=True)
    return np.concatenate(probabilities), None if features[0] is None else np.concatenate(features)


def _onnxruntime(path: Path, threads: int) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: _named(session.run(None, {name: images}))


def _openvino(path: Path, threads: int) -> Network:
    try:
        import openvino
    except ImportError:
        raise ImportError(
            "--engine openvino: OpenVINO is not installed. Install it (`pip install openvino`) or leave the option out"
        ) from None

    settings = {"INFERENCE_NUM_THREADS": threads} if threads else {}
    compiled = openvino.Core().compile_model(path, "CPU", {**settings, "INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: _named(list(compiled(images).values()))


def _named(outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    return outputs[0].astype(np.float64), outputs[1] if len(outputs) > 1 else None
