"""CPU seconds and peak memory of a refresh that finds nothing new in 100,000 listed images; targets: 20 s, 800 MB.

    python benchmarks/nothing_new.py out.json [--exports 50] [--images 2000] [--folder kept]

The catalogue is made up: the exports are real tables and files, but the first refresh takes measurements from a
generator instead of decoding pixels. The measured command is `kedro run --pipelines ingestion` in a process of its own,
the second run on this catalogue; no image is opened.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import imagecodecs
import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import ProcessedImage
from lung_cxr.imaging.catalogue.refresh_plan import Job, Ledger
from lung_cxr.imaging.emr.exports import MARKER

PROJECT = Path(__file__).parents[1]
TARGETS = {"cpu_seconds": 20.0, "peak_mb": 800.0}
LINKS = 10_000  # of one file: a file system allows only so many
RUN = ["-m", "kedro", "run", "--env", "test", "--pipelines", "ingestion"]


def write_export(folder: Path, number: int, images: int) -> None:
    """Write an export whose patients have two images each; its files are links to one file."""
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    rng = np.random.default_rng(number)
    for image in range(images):
        if image % LINKS == 0:
            first = folder / f"{image}.png"
            first.write_bytes(b"not opened")
        else:
            os.link(first, folder / f"{image}.png")
    days = pd.to_datetime("2020-01-01") + pd.to_timedelta(30 * number + rng.integers(0, 30, images), unit="D")
    births = pd.to_datetime("1930-01-01") + pd.to_timedelta(rng.integers(0, 30000, images), unit="D")
    pd.DataFrame(
        {
            "patient_id": [f"BN{(number * images + image) // 2:08d}" for image in range(images)],
            "image_path": [f"{image}.png" for image in range(images)],
            "icd10_primary": rng.choice(["J18.9", "U07.1", "A15.0", "J90", "J93"], images),
            "diagnosis": "",
            "study_id": [f"XR{number:03d}{image:06d}" for image in range(images)],
            "exam_date": days.strftime("%d/%m/%Y"),
            "birth_date": births.repeat(2)[:images].strftime("%d/%m/%Y"),
            "sex": rng.choice(["F", "M"], (images + 1) // 2).repeat(2)[:images],
            "view": "PA",
            "clinical_note": "Ho, sốt hai ngày. Chụp phổi thẳng.",
        }
    ).to_csv(folder / "emr.csv", index=False)


def measured_without_reading(
    jobs: Sequence[Job],
    ledger: Ledger,  # noqa: ARG001
    processor: ImageProcessor,
    workers: int,  # noqa: ARG001
) -> Iterator[ProcessedImage]:
    """Yield made-up measurements of each file, and store one small picture for all."""
    rng = np.random.default_rng(int(jobs[0][0][:8], 16))
    picture = imagecodecs.png_encode(rng.integers(0, 256, (64, 64)).astype(np.uint8))
    for image_id, path in jobs:
        if path is None:
            raise ValueError("expected a file for each image")
        status = path.stat()
        target = processor.store.folder / processor.store.path(image_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture)
        yield ProcessedImage(
            image_id,
            file_stamp=processor.hashes.file_stamp(status.st_size, status.st_mtime_ns),
            settings=processor.settings_of(image_id),
            source_key=rng.bytes(16).hex(),
            rows=2048,
            columns=2048,
            pixel_sha256=rng.bytes(32).hex(),
            difference_hash=rng.bytes(32).hex(),
            stored_bytes=len(picture),
            text_boxes=0,
            qc_sharpness=float(rng.normal(25, 2)),
            qc_contrast=float(rng.normal(200, 9)),
            qc_dark_fraction=0.1,
            qc_bright_fraction=0.1,
            qc_inversion=-1.0,
            qc_rotation=0.0,
            qc_lateral=-1.0,
            qc_foreign=0.0,
            qc_turned_foreign=0.0,
        )


def make_catalogue(folder: Path, exports: int, images: int) -> None:
    """Make a project folder with exports and their catalogue."""
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder)
    shutil.copytree(PROJECT / "conf", folder / "conf", ignore=shutil.ignore_patterns("credentials*"))
    (folder / "src").mkdir()
    for number in range(exports):
        write_export(folder / f"data/test/01_raw/exports/{number:03d}", number, images)
    bootstrap_project(folder)
    with (
        patch("lung_cxr.imaging.catalogue.refresh.process_files", measured_without_reading),
        KedroSession.create(folder, env="test") as session,
    ):
        session.run(pipeline_names=["ingestion"])


def measure(folder: Path) -> dict[str, Any]:
    """Refresh once more in a new process and return what it took."""
    start = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run(
        [sys.executable, *RUN], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "wall_seconds": round(time.monotonic() - start, 1),
        "peak_mb": round(used.ru_maxrss * 1024 / 1e6),
        "lines": len(done.stdout.splitlines()) + len(done.stderr.splitlines()),
        "log": done.stdout + done.stderr,
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--exports", type=int, default=50)
    parser.add_argument("--images", type=int, default=2000, help="in each export")
    parser.add_argument("--folder", type=Path, help="folder of the catalogue; kept, and used again if it exists")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        if not (folder / "conf").exists():
            folder.mkdir(exist_ok=True)
            make_catalogue(folder, options.exports, options.images)
        result = measure(folder)
    print(result.pop("log"))
    result |= {"exports": options.exports, "images": options.exports * options.images, "targets": TARGETS}
    result |= {"machine": platform.processor() or platform.machine()}
    options.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
