"""What a bundle costs on one machine, beside Keras: latency of an image, cold start, memory.

Bars on two cores, MobileNet at 224 px, uncompressed DICOM files of 2,500 × 2,048 pixels with 12 bits: warm p50 of a
file 90 ms without the search for text; network alone 25 ms with onnxruntime, 10 ms with OpenVINO; cold start to the
first result 2.5 s; resident memory 600 MB.

    python benchmarks/bundle.py out.json [--images 40] [--repeats 5]

The network has random weights and the training features are random numbers: they cost as much as trained ones. Files
are read from the page cache. The load of the machine stands in the output: a busy machine increases every duration, but
hardly the CPU time beside it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ingestion import draw_image, make_file, settings
from lung_cxr.bundle.contents import NETWORK, READING, read_bundle, write_manifest
from lung_cxr.bundle.engines import load_network
from lung_cxr.bundle.predict import image_processor, predict_files
from lung_cxr.bundle.write import reading_settings
from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue.process_image import READING_VERSION
from lung_cxr.parameters import IngestionParameters, SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.exams import draw_schedule
from lung_cxr.training.run.rule_file import write_rule

SIZE, FEATURES, REFERENCES = 224, 1024, 2000
BARS = {
    "file, warm p50, ms": 90,
    "network alone, onnxruntime, ms": 25,
    "network alone, openvino, ms": 10,
    "cold start to first result, s": 2.5,
    "resident memory, MB": 600,
}
# ru_maxrss of a child counts its parent before the exec; the peak of its own memory does not
PEAK = "\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)"
BUNDLE = "import sys; from lung_cxr.bundle.__main__ import main; main(sys.argv[1:])" + PEAK
KERAS = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
import keras
from lung_cxr.bundle.contents import read_bundle
from lung_cxr.bundle.predict import image_processor
from lung_cxr.splitting.stored_images import resize
processor = image_processor(read_bundle(Path(sys.argv[1])).reading)
model = keras.saving.load_model(sys.argv[2], compile=False)
processor.process("0" * 32, Path(sys.argv[3]), None)
image = resize(Image.fromarray(processor.store.images["0" * 32]), 224)
print(model.predict(image[None, :, :, None], verbose=0))
"""


def write_files(folder: Path, images: int) -> list[Path]:
    """Write the DICOM files."""
    schedule = draw_schedule(settings("synthetic_hospital", SyntheticHospitalParameters))
    exam = next(exam for exam in schedule if exam.view == "PA" and not exam.burned_in)
    drawn, paths = draw_image(0), [folder / f"{number:04d}.explicit" for number in range(images)]
    for number, path in enumerate(paths):
        make_file(path, drawn, number, exam)
    return paths


def write_made_up_bundle(folder: Path, model_file: Path) -> None:
    """Write the files of a bundle around a network with random weights, and the network's Keras file."""
    from lung_cxr.bundle.export import export_network
    from lung_cxr.models.classifier import build_classifier
    from lung_cxr.parameters import BackboneParameters

    parameters = BackboneParameters(architecture="mobilenet", size=SIZE, weights=None, top_layers=1, options={})
    model = build_classifier(parameters, dropout=0.2, head="gap", seed=0).model
    model.save(model_file)
    export_network(model, folder / NETWORK)
    ingestion = settings("ingestion", IngestionParameters)
    unsearched = {"burned_in_text": "off", "accept_unchecked_pixels": True}
    reading = reading_settings(ingestion.model_copy(update=unsearched), accept_unknown_view=True)
    (folder / READING).write_text(reading.model_dump_json(), encoding="utf-8")
    rule = {
        **{"settings": {}, "temperature": 1.0, "set_threshold": 0.1, "abstention_threshold": 0.1},
        "set_thresholds": dict.fromkeys(DISEASES, 0.1),
        "distance": {"threshold": 1.0, "quantiles": np.linspace(0, 2, 101).tolist()},
    }
    write_rule(folder, rule, np.random.default_rng(0).random((REFERENCES, FEATURES)))
    processor = image_processor(reading)
    facts = {"version": READING_VERSION, "settings": processor.settings, "burned_in_text": "off"}
    write_manifest(folder, {"run": "made up", "model_sha256": "0" * 64, "size": SIZE, "reading": facts, "versions": {}})


def p50(run: Callable[[Any], Any], inputs: Sequence[Any], warm_up: int = 3) -> tuple[float, float]:
    """Return the median duration and CPU time of `run` over the inputs after the first ones, in milliseconds."""
    seconds, of_processor = [], []
    for one in inputs:
        begin, busy = time.perf_counter(), time.process_time()
        run(one)
        seconds.append(time.perf_counter() - begin)
        of_processor.append(time.process_time() - busy)
    return 1000 * statistics.median(seconds[warm_up:]), 1000 * statistics.median(of_processor[warm_up:])


def measure_warm(folder: Path, model_file: Path, paths: Sequence[Path]) -> dict[str, tuple[float, float]]:
    """Return the medians of one process that predicts file by file: duration and CPU time."""
    import keras

    bundle, image = read_bundle(folder), np.zeros((1, SIZE, SIZE, 1), np.uint8)
    network, processor = load_network(bundle.network), image_processor(bundle.reading)
    warm = {
        "file, warm p50, ms": p50(lambda path: predict_files(bundle, network, {"file": path}), paths),
        "reading alone, ms": p50(lambda path: processor.process("0" * 32, path, None), paths),
        "network alone, onnxruntime, ms": p50(lambda _: network(image), paths),
    }
    if find_spec("openvino"):
        faster = load_network(bundle.network, "openvino")
        warm["network alone, openvino, ms"] = p50(lambda _: faster(image), paths)
    model = keras.saving.load_model(model_file, compile=False)
    warm["network alone, Keras predict, ms"] = p50(lambda _: model.predict(image, verbose=0), paths)
    return warm


def measure_cold(command: Sequence[str], repeats: int) -> tuple[tuple[float, float], float]:
    """Return median duration and CPU time of a command in seconds, and its largest resident memory in MB."""
    seconds, of_processor, megabytes = [], [], []
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    for _ in range(repeats):
        begin = time.perf_counter()
        before = os.times()
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=quiet)
        seconds.append(time.perf_counter() - begin)
        after = os.times()
        of_processor.append(sum(after[2:4]) - sum(before[2:4]))  # of children
        megabytes.append(int(done.stderr.splitlines()[-1]) * 1024 / 1e6)
    return (statistics.median(seconds), statistics.median(of_processor)), max(megabytes)


def main() -> None:
    """Measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as place:
        folder, model_file = Path(place) / "bundle", Path(place) / "model.keras"
        folder.mkdir()
        subprocess.run([sys.executable, __file__, "--make", place, str(chosen.images)], check=True)
        paths = sorted(Path(place).glob("*.explicit"))
        bundle_command = [sys.executable, "-c", BUNDLE, str(folder), str(paths[0])]
        cold, memory = measure_cold(bundle_command, chosen.repeats)
        keras_command = [sys.executable, "-c", KERAS + PEAK, str(folder), str(model_file), str(paths[0])]
        keras_cold, keras_memory = measure_cold(keras_command, chosen.repeats)
        measured = {
            **measure_warm(folder, model_file, paths),
            "cold start to first result, s": cold,
            "cold start to first result with Keras, s": keras_cold,
            "resident memory, MB": (memory, None),
            "resident memory with Keras, MB": (keras_memory, None),
        }
    facts = {"cores": os.cpu_count(), "machine": platform.machine(), "load_before": load, "load_after": os.getloadavg()}
    chosen.output.write_text(json.dumps({**facts, "measured": measured, "bars": BARS}, indent=1) + "\n")
    table = Table("", "measured", "CPU time", "bar")
    for name, (value, busy) in measured.items():
        table.add_row(name, f"{value:.1f}", "" if busy is None else f"{busy:.1f}", str(BARS.get(name, "")))
    Console().print(table, f"load average before and after: {load[0]:.1f}, {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:  # in another process: its memory must not count
        place = Path(sys.argv[2])
        write_made_up_bundle(place / "bundle", place / "model.keras")
        write_files(place, int(sys.argv[3]))
    else:
        main()
