"""Reading speed in images per second: this package, a lower bound with the same libraries, and a typical script.

Targets: 0.75 (mix) and 0.65 (uncompressed files) of the lower bound; 3 and 4.5 times the script.

    python benchmarks/ingestion.py out.json [--images 32] [--repeats 5] [--workers 2] [--without-text]

The benchmark draws its files: synthetic images of 2,500 × 2,048 pixels with 12 bits, half uncompressed, a quarter RLE,
a quarter JPEG 2000 (lossless). They are read from the page cache, so no disk is measured.

- **ours**: `plan_refresh` and `carry_out`: all steps of a refresh on a file except the search for burned-in text.
- **floor**: the lower bound: decode, resize, encode as PNG and write, in as many processes, each step with the fastest
  library; no window, no hash, no quality control. Grey values are divided by 16.
- **script**: one process; pydicom, its VOI window, numpy's percentiles, Pillow's LANCZOS and default PNG.
"""

import argparse
import io
import json
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pydicom
import yaml
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from PIL import Image
from pydicom.encaps import get_frame
from pydicom.pixels import apply_voi_lut
from pydicom.uid import RLELossless
from rich.console import Console
from rich.table import Table

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue import refresh
from lung_cxr.imaging.catalogue.image_store import FAST, ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh_plan import plan_refresh
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.parameters import IngestionParameters, SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.exams import Exam, draw_schedule
from lung_cxr.synthetic.hospital.image_files import FileFormat, write_image
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.frontal import draw_radiograph

ROWS, COLUMNS, BITS, SIDE = 2500, 2048, 12, 1024
SHARES = {"explicit": 2, "rle": 1, "jpeg2000": 1}  # of every four files
DRAWN = 4  # images drawn; the files are shifted copies of them
TARGETS = {
    "ours / floor, mix": 0.75,
    "ours / floor, explicit": 0.65,
    "ours / script, mix": 3.0,
    "ours / script, explicit": 4.5,
}
CONFIGURATION = Path(__file__).parents[1] / "conf/base"


@dataclass(frozen=True)
class Files:
    """Files to read: the mix, and each transfer syntax alone."""

    folder: Path
    sets: dict[str, list[Path]]


def settings(name: str, model: type[Any]) -> Any:
    """Return a group of settings from conf/base."""
    text = (CONFIGURATION / f"parameters_{name}.yml").read_text(encoding="utf-8")
    return model.model_validate(yaml.safe_load(text)[name])


def draw_image(seed: int) -> np.ndarray:
    """Draw an image with detector noise, (2500, 2048) float32, 0 black, 1 white."""
    generator = np.random.default_rng(seed)
    chest = draw_chest(generator, "FM"[seed % 2])
    pixels = draw_radiograph(generator, chest, DISEASES[seed], "PA", 2600).pixels
    left = (pixels.shape[1] - COLUMNS) // 2
    return np.ascontiguousarray(pixels[:ROWS, left : left + COLUMNS])


def make_file(path: Path, image: np.ndarray, number: int, exam: Exam) -> None:
    """Write one DICOM file; its name ends in its encoding."""
    file_format = FileFormat(path.suffix[1:], "MONOCHROME2", BITS, "window", "DX", False)
    path.write_bytes(write_image(np.roll(image, number, axis=1), 0.14, exam, file_format, number))


def make_files(folder: Path, images: int, workers: int) -> Files:
    """Write all files in other processes, to keep their memory out of the measurement."""
    per_four = [name for name, share in SHARES.items() for _ in range(share)]
    paths = [folder / f"{number:04d}.{per_four[number % 4]}" for number in range(images)]
    schedule = draw_schedule(settings("synthetic_hospital", SyntheticHospitalParameters))
    exam = next(exam for exam in schedule if exam.view == "PA" and not exam.burned_in)
    with Parallel(n_jobs=workers) as parallel:
        drawn = parallel(delayed(draw_image)(seed) for seed in range(DRAWN))
        parallel(delayed(make_file)(path, drawn[number % DRAWN], number, exam) for number, path in enumerate(paths))
    get_reusable_executor().shutdown(wait=True)
    alone = {name: [path for path in paths if path.suffix[1:] == name] for name in SHARES}
    return Files(folder, {"mix": paths, **alone})


def run_ours(paths: Sequence[Path], processor: ImageProcessor, workers: int) -> None:
    """Refresh an empty catalogue."""
    folder = processor.store.folder.parent
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "journal").mkdir(parents=True)
    jobs = {f"{number:032x}": path for number, path in enumerate(paths)}
    plan = plan_refresh(jobs, {}, processor, trust_timestamps=True)
    ledger = refresh.carry_out(plan, {}, processor, Journal(folder / "journal"), workers)
    if (ledger["reason"] != "").any():
        raise RuntimeError(f"{(ledger['reason'] != '').sum()} files were not accepted")


def floor_one(path: Path, target: Path) -> None:
    """Process one file with the fewest possible steps."""
    header = pydicom.dcmread(path)
    syntax = header.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        pixels = np.frombuffer(header.PixelData, np.uint16).reshape(ROWS, COLUMNS)
    elif syntax == RLELossless:
        frame = get_frame(header.PixelData, 0, number_of_frames=1)
        pixels = np.empty((ROWS, COLUMNS), np.uint16)  # without it, twice as much memory is allocated
        imagecodecs.dicomrle_decode(frame, "u2", out=memoryview(pixels).cast("B"))
    else:
        with Image.open(io.BytesIO(get_frame(header.PixelData, 0, number_of_frames=1))) as image:
            image.reduce = 1  # half the resolution
            pixels = np.asarray(image) >> (16 - BITS)
    if pixels.shape == (ROWS, COLUMNS):  # integer ratios are fast
        pixels = cv2.resize(pixels, (COLUMNS // 2, ROWS // 2), interpolation=cv2.INTER_AREA)
    small = cv2.resize(pixels, (round(COLUMNS * SIDE / ROWS), SIDE), interpolation=cv2.INTER_AREA)
    square = np.zeros((SIDE, SIDE), np.uint8)
    left = (SIDE - small.shape[1]) // 2
    square[:, left : left + small.shape[1]] = cv2.convertScaleAbs(small, alpha=1 / 16)
    target.write_bytes(imagecodecs.png_encode(square, **FAST))


def run_floor(paths: Sequence[Path], folder: Path, workers: int) -> None:
    """Process all files with `floor_one`, in parallel."""
    folder.mkdir(exist_ok=True)
    Parallel(n_jobs=workers)(delayed(floor_one)(path, folder / f"{path.stem}.png") for path in paths)


def run_script(paths: Sequence[Path], folder: Path) -> None:
    """Process all files with a typical script, one after the other."""
    folder.mkdir(exist_ok=True)
    for path in paths:
        dataset = pydicom.dcmread(path)
        pixels = apply_voi_lut(dataset.pixel_array, dataset).astype(np.float32)
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            pixels = pixels.max() - pixels
        low, high = np.percentile(pixels, (0.5, 99.5))
        grey = (np.clip((pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        size = (round(COLUMNS * SIDE / ROWS), SIDE)
        square = Image.new("L", (SIDE, SIDE))
        square.paste(Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS), ((SIDE - size[0]) // 2, 0))
        square.save(folder / f"{path.stem}.png")


def peak_mebibytes() -> tuple[int, int]:
    """Return the id of this process and its peak memory in MiB."""
    return os.getpid(), round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # Linux counts in KiB


def largest_worker(workers: int) -> int:
    """Return the peak memory of the largest worker in MiB, and stop all workers."""
    peaks = Parallel(n_jobs=workers)(delayed(peak_mebibytes)() for _ in range(20 * workers))
    get_reusable_executor().shutdown(wait=True)
    return max(peak for process, peak in peaks if process != os.getpid())


def measure(images: int, repeats: int, workers: int, with_text: bool) -> dict[str, Any]:
    """Run all three in turn, `repeats` times, and return images per second."""
    ingestion = settings("ingestion", IngestionParameters)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = make_files(folder, images, workers)
        secret, store = Secret("key of the ingestion benchmark 4f1b7c"), ImageStore(folder / "ours/images")
        processor = ImageProcessor(store, secret, ingestion.standardise, True, "off", ingestion.max_megapixels)
        methods: dict[str, Callable[[Sequence[Path]], None]] = {
            "ours": lambda paths: run_ours(paths, processor, workers),
            "floor": lambda paths: run_floor(paths, folder / "floor", workers),
            "script": lambda paths: run_script(paths, folder / "script"),
        }
        megabytes = {name: sum(path.stat().st_size for path in paths) / 1e6 for name, paths in files.sets.items()}
        start = {"without search for text": start_seconds(files.sets["mix"], processor, workers)}
        methods["ours"](files.sets["mix"])
        memory = {"largest worker, MiB": largest_worker(workers)}
        methods["ours"](files.sets["mix"])
        methods["floor"](files.sets["mix"][:8])
        rates: dict[str, dict[str, list[float]]] = {method: {name: [] for name in files.sets} for method in methods}
        load = [os.getloadavg()[0]]
        for _ in range(repeats):
            for name, paths in files.sets.items():
                for method, run in methods.items():
                    rates[method][name].append(len(paths) / seconds(run, paths))
            load.append(os.getloadavg()[0])
        result = {
            "images": {name: len(paths) for name, paths in files.sets.items()},
            "megabytes": {name: round(size, 1) for name, size in megabytes.items()},
            "workers": workers,
            "repeats": repeats,
            "images_per_second": {
                method: {name: summed(of) for name, of in by.items()} for method, by in rates.items()
            },
            "ratios": ratios(rates),
            "targets": TARGETS,
            "load_average": [round(one, 2) for one in load],
        }
        if with_text:
            with_search = replace(processor, burned_in_text="redact", accept_unchecked_pixels=False)
            start["with search for text"] = start_seconds(files.sets["mix"], with_search, workers)
            run_ours(files.sets["mix"][: 4 * workers], with_search, workers)  # every process loads the models
            taken = seconds(lambda paths: run_ours(paths, with_search, workers), files.sets["mix"])
            result["with_text_images_per_second"] = round(images / taken, 2)
            memory["largest worker with search for text, MiB"] = largest_worker(workers)
        memory["this process, MiB"] = peak_mebibytes()[1]
        result["memory"] = memory
        result["start_seconds"] = start
        result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        return result


def start_seconds(paths: Sequence[Path], processor: ImageProcessor, workers: int) -> float:
    """Return the seconds until new reader processes have read one image each."""
    get_reusable_executor().shutdown(wait=True)
    return round(seconds(lambda first: run_ours(first, processor, workers), paths[:workers]), 2)


def seconds(run: Callable[[Sequence[Path]], None], paths: Sequence[Path]) -> float:
    """Time one run."""
    start = time.perf_counter()
    run(paths)
    return time.perf_counter() - start


def summed(rates: Sequence[float]) -> dict[str, float]:
    """Return median and range."""
    return {"median": round(statistics.median(rates), 2), "min": round(min(rates), 2), "max": round(max(rates), 2)}


def ratios(rates: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """Return the median over the repeats of the ratios within one repeat."""
    found = {}
    for other in ("floor", "script"):
        for name, ours in rates["ours"].items():
            pairs = zip(ours, rates[other][name], strict=True)
            found[f"ours / {other}, {name}"] = round(statistics.median(one / two for one, two in pairs), 3)
    return found


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    sets = list(result["images"])
    title = f"images per second, {ROWS} × {COLUMNS}, {result['workers']} workers, median of {result['repeats']}"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in sets:
        table.add_column(f"{name}\n{result['images'][name]} files", justify="right")
    for method, by in result["images_per_second"].items():
        table.add_row(method, *(f"{by[name]['median']:.1f}" for name in sets))
    table.add_section()
    for other in ("floor", "script"):
        cells = []
        for file_set in sets:
            name = f"ours / {other}, {file_set}"
            target = f" (≥ {TARGETS[name]})" if name in TARGETS else ""
            cells.append(f"{result['ratios'][name]:.2f}{target}")
        table.add_row(f"ours / {other}", *cells)
    table.add_section()
    if "with_text_images_per_second" in result:
        table.add_row("ours, with search for text", f"{result['with_text_images_per_second']:.2f}")
    for name, size in result["memory"].items():
        table.add_row(name, str(size))
    for name, taken in result["start_seconds"].items():
        table.add_row(f"start and first images {name}, s", f"{taken}")
    table.add_row("load average", f"{max(result['load_average'])}")
    Console().print(table)


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--images", type=int, default=32, help="a multiple of four")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without-text", action="store_true", help="skip the search for burned-in text")
    arguments = parser.parse_args()
    result = measure(arguments.images, arguments.repeats, arguments.workers, not arguments.without_text)
    show(result)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
