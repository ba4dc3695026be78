"""Splitting a million patients: time of each step and peak memory, against the promise of a minute and 4 GiB.

    python benchmarks/splitting.py out.json [--patients 1000000]

The catalogue is made up: shares of Table 1, about 1.3 images a patient, one patient in fifty with a second class, two
exports. Images themselves are not needed: pixel arrays and the correlation of candidate pairs have costs of their own.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from lung_cxr import contracts
from lung_cxr.contracts import QC_METRICS, SUBSETS
from lung_cxr.diseases import DISEASES
from lung_cxr.splitting.assign import assign_patients
from lung_cxr.splitting.distribution import published_distribution, tabulate_distribution
from lung_cxr.splitting.leaks import check_leaks
from lung_cxr.splitting.split import split_images, split_sha256

FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}
SECONDS, GIBIBYTES = 60, 4  # the promise


def keys(rng: np.random.Generator, count: int, digits: int = 32) -> np.ndarray:
    """Return random hex texts."""
    text = rng.bytes(count * digits // 2).hex()
    return np.array([text[start : start + digits] for start in range(0, len(text), digits)])


def made_up_manifest(patients: int, seed: int = 0) -> pd.DataFrame:
    """Return an image manifest: the second export holds a tenth of the images, of old and new patients."""
    rng = np.random.default_rng(seed)
    shares = published_distribution()["total"].to_numpy(dtype=float)
    patient = np.repeat(np.arange(patients), rng.geometric(1 / 1.3, patients))
    label = rng.choice(len(DISEASES), patients, p=shares / shares.sum())[patient]
    other = rng.random(len(patient)) < 0.02
    label[other] = rng.integers(0, len(DISEASES), other.sum())
    ids = keys(rng, len(patient))
    return contracts.image_manifest.validate(
        pd.DataFrame(
            {
                "image_id": ids,
                "patient_key": keys(rng, patients)[patient],
                "study_key": ids,
                "label": np.array(DISEASES)[label],
                "view": "PA",
                "sex": "unknown",
                "age_years": 50.0,
                "exam_day": pd.NaT,
                "export": 1 + (rng.random(len(patient)) < 0.1),
                "source_key": ids,
                "pixel_sha256": keys(rng, len(patient), 64),
                "difference_hash": keys(rng, len(patient), 64),
                "rows": 2048,
                "columns": 2048,
                **dict.fromkeys([f"qc_{metric}" for metric in QC_METRICS], 0.5),
                "qc_status": "accepted",
                "qc_reasons": "",
                "image_path": "",
            }
        )
    )


def measure(patients: int) -> dict[str, Any]:
    """Split a made-up catalogue in two exports and return what it cost."""
    manifest = made_up_manifest(patients)
    made = peak_gibibytes()
    wall: dict[str, float] = {}
    cpu: dict[str, float] = {}

    def timed(step: str, run: Callable[[], Any]) -> Any:
        start, used = time.perf_counter(), time.process_time()
        result = run()
        wall[step] = round(time.perf_counter() - start, 2)
        cpu[step] = round(time.process_time() - used, 2)  # without the waiting on a machine that others use too
        return result

    rule = {"seed": 1, "fractions": FRACTIONS}
    timed("check the manifest's contract", lambda: contracts.image_manifest.validate(manifest))
    first = manifest[manifest["export"] == 1]
    memory = timed("assign, first export", lambda: assign_patients(first, None, **rule))
    memory = timed("assign, second export", lambda: assign_patients(manifest, memory, **rule))
    split = timed("split the images", lambda: split_images(manifest, memory))
    timed("hash the split", lambda: split_sha256(split))
    settings = {"max_bits": 6, "min_correlation": 0.98}
    timed("leak check, no candidate pair", lambda: check_leaks(split, manifest, Path(), **settings))
    table = timed("Table 1", lambda: tabulate_distribution(split, FRACTIONS))
    deviation = table[[f"deviation_{name}" for name in SUBSETS]].abs().to_numpy().max()
    return {
        "patients": patients,
        "images": len(manifest),
        "wall_seconds": wall | {"together": round(sum(wall.values()), 2)},
        "cpu_seconds": cpu | {"together": round(sum(cpu.values()), 2)},
        "peak_gibibytes": peak_gibibytes(),
        "peak_gibibytes_of_making_the_manifest": made,
        "largest_deviation_percentage_points": round(float(deviation), 4),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, pandas {pd.__version__}",
    }


def peak_gibibytes() -> float:
    """Return the largest memory this process has had, so far; `ru_maxrss` may be that of its parent."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) / 2**20, 2)  # KiB


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title=f"{result['patients']:,} patients, {result['images']:,} images", title_justify="left")
    table.add_column("step")
    table.add_column("wall s", justify="right")
    table.add_column("CPU s", justify="right")
    for step, seconds in result["wall_seconds"].items():
        name = f"together (promised: {SECONDS})" if step == "together" else step
        table.add_row(name, f"{seconds:.2f}", f"{result['cpu_seconds'][step]:.2f}")
    table.add_section()
    table.add_row(f"peak memory, GiB (promised: {GIBIBYTES})", f"{result['peak_gibibytes']:.2f}")
    table.add_row("largest deviation of a class, percentage points", f"{result['largest_deviation_percentage_points']}")
    Console().print(table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--patients", type=int, default=1_000_000)
    arguments = parser.parse_args()
    result = measure(arguments.patients)
    show(result)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
