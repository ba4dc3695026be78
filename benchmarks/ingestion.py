"""Reading radiographs: images a second of ours, of the floor below which no code of these libraries gets, and of the
usual script, against the promises of FEATURES 9 and 10: 0.75 of the floor, 3 and 4.5 times the script.

    python benchmarks/ingestion.py out.json [--images 32] [--repeats 5] [--workers 2] [--without-text]

The files are its own: synthetic films of 2,500 × 2,048 pixels with 12 bits, half uncompressed, a quarter RLE, a quarter
JPEG 2000 (lossless). They are read from memory the system keeps (page cache), so that no disk is measured.

- **ours**: `plan_refresh` and `carry_out`, all that a refresh does to a file, but the search for burned-in text.
- **floor**: decode, resize, encode as PNG, write, in as many processes, each with the fastest of the libraries; no
  window, no hash, no quality control. Grey values are merely divided by 16.
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
FILMS = 4  # drawn; files are these, each shifted by other pixels
PROMISED = {"ours / floor, mix": 0.75, "ours / script, mix": 3.0, "ours / script, explicit": 4.5}
CONFIGURATION = Path(__file__).parents[1] / "conf/base"


@dataclass(frozen=True)
class Files:
    """What is read: the mix, and each transfer syntax alone."""

    folder: Path
    sets: dict[str, list[Path]]


def settings(name: str, model: type[Any]) -> Any:
    """Return a group of settings as a hospital has them."""
    text = (CONFIGURATION / f"parameters_{name}.yml").read_text(encoding="utf-8")
    return model.model_validate(yaml.safe_load(text)[name])


def draw_film(seed: int) -> np.ndarray:
    """Return a film, (2500, 2048) float32, 0 black and 1 white, with the noise of its detector."""
    generator = np.random.default_rng(seed)
    chest = draw_chest(generator, "FM"[seed % 2])
    pixels = draw_radiograph(generator, chest, DISEASES[seed], "PA", 2600).pixels
    left = (pixels.shape[1] - COLUMNS) // 2
    return np.ascontiguousarray(pixels[:ROWS, left : left + COLUMNS])


def make_file(path: Path, film: np.ndarray, number: int, exam: Exam) -> None:
    """Write one DICOM file; its name ends in its encoding."""
    file_format = FileFormat(path.suffix[1:], "MONOCHROME2", BITS, "window", "DX", False)
    path.write_bytes(write_image(np.roll(film, number, axis=1), 0.14, exam, file_format, number))


def make_files(folder: Path, images: int, workers: int) -> Files:
    """Write all files, in other processes: their memory is not ours."""
    per_four = [name for name, share in SHARES.items() for _ in range(share)]
    paths = [folder / f"{number:04d}.{per_four[number % 4]}" for number in range(images)]
    schedule = draw_schedule(settings("synthetic_hospital", SyntheticHospitalParameters))
    exam = next(exam for exam in schedule if exam.view == "PA" and not exam.burned_in)
    with Parallel(n_jobs=workers) as parallel:
        films = parallel(delayed(draw_film)(seed) for seed in range(FILMS))
        parallel(delayed(make_file)(path, films[number % FILMS], number, exam) for number, path in enumerate(paths))
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
    """The least that must be done to one file."""
    header = pydicom.dcmread(path)
    syntax = header.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        pixels = np.frombuffer(header.PixelData, np.uint16).reshape(ROWS, COLUMNS)
    elif syntax == RLELossless:
        frame = get_frame(header.PixelData, 0, number_of_frames=1)
        pixels = np.empty((ROWS, COLUMNS), np.uint16)  # without it, twice the memory is fresh
        imagecodecs.dicomrle_decode(frame, "u2", out=memoryview(pixels).cast("B"))
    else:
        with Image.open(io.BytesIO(get_frame(header.PixelData, 0, number_of_frames=1))) as image:
            image.reduce = 1  # half the resolution
            pixels = np.asarray(image) >> (16 - BITS)
    if pixels.shape == (ROWS, COLUMNS):  # whole ratios are the quick ones
        pixels = cv2.resize(pixels, (COLUMNS // 2, ROWS // 2), interpolation=cv2.INTER_AREA)
    small = cv2.resize(pixels, (round(COLUMNS * SIDE / ROWS), SIDE), interpolation=cv2.INTER_AREA)
    square = np.zeros((SIDE, SIDE), np.uint8)
    left = (SIDE - small.shape[1]) // 2
    square[:, left : left + small.shape[1]] = cv2.convertScaleAbs(small, alpha=1 / 16)
    target.write_bytes(imagecodecs.png_encode(square, **FAST))


def run_floor(paths: Sequence[Path], folder: Path, workers: int) -> None:
    """The floor, in parallel."""
    folder.mkdir(exist_ok=True)
    Parallel(n_jobs=workers)(delayed(floor_one)(path, folder / f"{path.stem}.png") for path in paths)


def run_script(paths: Sequence[Path], folder: Path) -> None:
    """What one writes in an afternoon."""
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
    """Return this process and the largest memory it has had."""
    return os.getpid(), round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # Linux counts in KiB


def largest_worker(workers: int) -> int:
    """Return the peak of the largest worker, and end them all."""
    peaks = Parallel(n_jobs=workers)(delayed(peak_mebibytes)() for _ in range(20 * workers))
    get_reusable_executor().shutdown(wait=True)
    return max(peak for process, peak in peaks if process != os.getpid())


def measure(images: int, repeats: int, workers: int, with_text: bool) -> dict[str, Any]:
    """Run all three, again and again in turn, and return images a second."""
    ingestion = settings("ingestion", IngestionParameters)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make_files(folder, images, workers)
        secret, store = Secret("the key of nobody: a benchmark's"), ImageStore(folder / "ours/images")
        processor = ImageProcessor(store, secret, ingestion.standardise, True, "off", ingestion.max_megapixels)
        contenders: dict[str, Callable[[Sequence[Path]], None]] = {
            "ours": lambda paths: run_ours(paths, processor, workers),
            "floor": lambda paths: run_floor(paths, folder / "floor", workers),
            "script": lambda paths: run_script(paths, folder / "script"),
        }
        megabytes = {name: sum(path.stat().st_size for path in paths) / 1e6 for name, paths in files.sets.items()}
        contenders["ours"](files.sets["mix"])  # starts the processes
        memory = {"largest worker, MiB": largest_worker(workers)}
        contenders["ours"](files.sets["mix"])
        contenders["floor"](files.sets["mix"][:8])
        rates: dict[str, dict[str, list[float]]] = {who: {what: [] for what in files.sets} for who in contenders}
        load = [os.getloadavg()[0]]
        for _ in range(repeats):
            for what, paths in files.sets.items():
                for who, run in contenders.items():
                    rates[who][what].append(len(paths) / seconds(run, paths))
            load.append(os.getloadavg()[0])
        result = {
            "images": {what: len(paths) for what, paths in files.sets.items()},
            "megabytes": {what: round(size, 1) for what, size in megabytes.items()},
            "workers": workers,
            "repeats": repeats,
            "images_per_second": {who: {what: summed(of) for what, of in by.items()} for who, by in rates.items()},
            "ratios": ratios(rates),
            "promised": PROMISED,
            "load_average": [round(one, 2) for one in load],
        }
        if with_text:
            looking = replace(processor, burned_in_text="redact", accept_unchecked_pixels=False)
            run_ours(files.sets["mix"][: 4 * workers], looking, workers)  # loads the models
            taken = seconds(lambda paths: run_ours(paths, looking, workers), files.sets["mix"])
            result["with_text_images_per_second"] = round(images / taken, 2)
            memory["largest worker looking for text, MiB"] = largest_worker(workers)
        memory["this process, MiB"] = peak_mebibytes()[1]
        result["memory"] = memory
        result["file_format"] = f"{platform.file_format()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        return result


def seconds(run: Callable[[Sequence[Path]], None], paths: Sequence[Path]) -> float:
    """Time one run."""
    start = time.perf_counter()
    run(paths)
    return time.perf_counter() - start


def summed(rates: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": round(statistics.median(rates), 2), "min": round(min(rates), 2), "max": round(max(rates), 2)}


def ratios(rates: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """Median over the repeats of the ratios within one repeat."""
    found = {}
    for other in ("floor", "script"):
        for what, ours in rates["ours"].items():
            pairs = zip(ours, rates[other][what], strict=True)
            found[f"ours / {other}, {what}"] = round(statistics.median(one / two for one, two in pairs), 3)
    return found


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    sets = list(result["images"])
    title = f"images a second, {ROWS} × {COLUMNS}, {result['workers']} workers, median of {result['repeats']}"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for what in sets:
        table.add_column(f"{what}\n{result['images'][what]} files", justify="right")
    for who, by in result["images_per_second"].items():
        table.add_row(who, *(f"{by[what]['median']:.1f}" for what in sets))
    table.add_section()
    for other in ("floor", "script"):
        cells = []
        for what in sets:
            name = f"ours / {other}, {what}"
            promise = f" (≥ {PROMISED[name]})" if name in PROMISED else ""
            cells.append(f"{result['ratios'][name]:.2f}{promise}")
        table.add_row(f"ours / {other}", *cells)
    table.add_section()
    if "with_text_images_per_second" in result:
        table.add_row("ours, looking for text", f"{result['with_text_images_per_second']:.2f}")
    for name, size in result["memory"].items():
        table.add_row(name, str(size))
    table.add_row("load average", f"{max(result['load_average'])}")
    Console().print(table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--images", type=int, default=32, help="a multiple of four")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without-text", action="store_true", help="leave the search for burned-in text out")
    arguments = parser.parse_args()
    result = measure(arguments.images, arguments.repeats, arguments.workers, not arguments.without_text)
    show(result)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
