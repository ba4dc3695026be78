"""Whether a long refresh reads as fast, and in as little memory, at its end as at its beginning.

    python benchmarks/ingestion_length.py out.json [--images 2000] [--workers 2] [--burned-in-text off]

The images are links to 16 files of `benchmarks/ingestion.py` (2,500 × 2,048 pixels, 12 bits), so that the disk holds
only the stored copies, about 1 MB each. Every image has its own id, row and stored file. The four quarters of the run
are compared. CPU seconds of the reader processes do not depend on the other load of the machine; images per second do.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from ingestion import make_files, run_ours, settings
from lung_cxr.imaging.catalogue import refresh
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import ProcessedImage
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.parameters import IngestionParameters

DISTINCT = 16  # files
WARM_UP = 64  # images before the first quarter: the processes start
QUARTERS = 4
MEBI = 2**20


def usage() -> dict[str, float]:
    """Return the time, CPU seconds of all reader processes, and resident memory in MiB."""
    run = psutil.Process()
    readers = [child for child in run.children() if child.memory_info().rss > 64 * MEBI]
    return {
        "seconds": time.perf_counter(),
        "cpu_seconds": sum(sum(reader.cpu_times()[:2]) for reader in readers),
        "largest_reader": max((reader.memory_info().rss / MEBI for reader in readers), default=0.0),
        "run": run.memory_info().rss / MEBI,
    }


def watch(images: int) -> list[dict[str, float]]:
    """Make the refresh add its usage to the returned list at the borders of the quarters."""
    borders = {WARM_UP + round(number * (images - WARM_UP) / QUARTERS) for number in range(QUARTERS + 1)}
    read_files, marks, done = refresh.process_files, [], 0

    def watched(*arguments: Any) -> Iterator[ProcessedImage]:
        nonlocal done
        for read in read_files(*arguments):
            done += 1
            if done in borders:
                marks.append({"images": done, **usage()})
            yield read

    refresh.process_files = watched
    return marks


def measure(images: int, workers: int, policy: str) -> list[dict[str, float]]:
    """Refresh an empty catalogue; return rate, CPU time and memory of each quarter of its images."""
    ingestion = settings("ingestion", IngestionParameters).model_copy(
        update={"burned_in_text": policy, "accept_unchecked_pixels": True}
    )
    marks = watch(images)
    with tempfile.TemporaryDirectory() as temporary:
        files = make_files(Path(temporary), DISTINCT, workers).sets["mix"]
        links = [Path(temporary) / f"{number:06d}" for number in range(images)]
        for number, link in enumerate(links):
            link.hardlink_to(files[number % DISTINCT])
        store = ImageStore(Path(temporary) / "catalogue/images")
        secret = Secret("key of the ingestion benchmark 4f1b7c")
        run_ours(links, ImageProcessor.from_parameters(ingestion, store, secret), workers)
    quarters = []
    for before, after in pairwise(marks):
        read = after["images"] - before["images"]
        quarters.append(
            {
                "images": read,
                "images per second": round(read / (after["seconds"] - before["seconds"]), 2),
                "CPU ms per image": round(1000 * (after["cpu_seconds"] - before["cpu_seconds"]) / read, 1),
                "largest reader, MiB": round(after["largest_reader"]),
                "run, MiB": round(after["run"]),
            }
        )
    return quarters


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--burned-in-text", choices=("off", "redact"), default="off")
    given = parser.parse_args()
    quarters = measure(given.images, given.workers, given.burned_in_text)
    table = Table("quarter", *quarters[0])
    for number, quarter in enumerate(quarters, 1):
        table.add_row(str(number), *map(str, quarter.values()))
    Console().print(table)
    given.output.write_text(json.dumps(quarters, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
