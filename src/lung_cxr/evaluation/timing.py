"""Deployment cost of a trained model: load time, latency per image, and size.

Load time and size are columns of Tables 3 and 4.
"""

import json
import logging
import os
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lung_cxr.evaluation.undefined import Numbers, all_undefined
from lung_cxr.messages import without_folders

COLD_START = Path(__file__).with_name("cold_start.py")
PARTS = ("import_s", "load_s", "first_prediction_s")
SINGLE_IMAGE = {"single_image_p50_ms": 50, "single_image_p95_ms": 95}  # percentile of each
DURATIONS = ("load_time_s", *PARTS, *SINGLE_IMAGE)
LONGEST_START = 900  # seconds; the paper's slowest model took 78
MEGABYTE = 1e6  # bytes; the paper does not define its megabyte

log = logging.getLogger(__name__)


def measure_load_time(model_path: Path, repeats: int, predictions: int) -> Numbers:
    """Return load time, latency of a single image, and sizes of a saved model.

    Each repeat is a new Python process with the current Keras backend, on the CPU: on a GPU in use by training, two
    processes would compete for it. The operating system's file cache is not emptied.

    Args:
        model_path: A `.keras` file.
        repeats: Number of processes; the median of each duration is reported.
        predictions: Number of further predictions of one image after the first, in each process.

    Returns:
        `load_time_s` (seconds until the model is in memory: import + load), its parts `import_s` (Keras and
        its backend) and `load_s`, `first_prediction_s` (one image, after loading), `single_image_p50_ms` and
        `single_image_p95_ms` (milliseconds of Keras' `predict` for one image after the first: percentiles of all
        processes' predictions together), and the numbers of `artefact_sizes`. A duration that was not measured, or
        whose process failed, is NaN with `<name>_reason`: a failed measurement does not fail the run.
    """
    sizes = artefact_sizes(model_path)
    if repeats == 0:
        return {**_no_durations("not measured: load_time_repeats is 0"), **sizes}
    try:
        starts = [_cold_start(model_path, predictions) for _ in range(repeats)]
    except subprocess.TimeoutExpired:
        return {**_no_durations(f"a cold process took longer than {LONGEST_START} s"), **sizes}
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or "").strip().splitlines() or ["no message"]
        reason = f"a cold process ended with code {error.returncode}: {lines[-1]}"
        log.warning("Load time was not measured: %s. The run keeps its results", reason)
        return {**_no_durations(without_folders(reason)), **sizes}
    totals = [start["import_s"] + start["load_s"] for start in starts]
    parts = {part: statistics.median(start[part] for start in starts) for part in PARTS}
    return {"load_time_s": statistics.median(totals), **parts, **_single_image(starts), **sizes}


def artefact_sizes(model_path: Path) -> Numbers:
    """Return `size_mb` (the file) and `weights_mb` (its weights without optimiser state), in 10⁶ bytes."""
    import h5py  # a dependency of Keras, needed only here

    with (
        zipfile.ZipFile(model_path) as archive,
        archive.open("model.weights.h5") as stream,
        h5py.File(stream, "r") as weights,
    ):
        weight_bytes = sum(_bytes_below(weights[name]) for name in weights if name != "optimizer")
    return {"size_mb": Path(model_path).stat().st_size / MEGABYTE, "weights_mb": weight_bytes / MEGABYTE}


def _bytes_below(node: Any) -> int:
    """Return the bytes of an HDF5 dataset, or of all datasets of a group."""
    if hasattr(node, "nbytes"):
        return int(node.nbytes)
    return sum(_bytes_below(node[name]) for name in node)


def _single_image(starts: Sequence[Mapping[str, Any]]) -> Numbers:
    """Return the percentiles of `SINGLE_IMAGE` over the further predictions of all processes, in milliseconds."""
    seconds = [duration for start in starts for duration in start["further_predictions_s"]]
    if not seconds:
        return all_undefined(SINGLE_IMAGE, "not measured: single_image_predictions is 0")
    return {name: float(1000 * np.percentile(seconds, percentile)) for name, percentile in SINGLE_IMAGE.items()}


def _cold_start(model_path: Path, predictions: int) -> dict[str, Any]:
    """Load the model in one new process and return its durations in seconds."""
    cpu_only = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    finished = subprocess.run(
        [
            sys.executable,
            "-P",
            str(COLD_START),
            str(model_path),
            str(predictions),
        ],  # -P: this folder's modules shadow nothing
        env=cpu_only,
        capture_output=True,
        text=True,
        timeout=LONGEST_START,
        check=True,
    )
    return json.loads(finished.stdout.strip().splitlines()[-1])


def _no_durations(reason: str) -> Numbers:
    return all_undefined(DURATIONS, reason)
