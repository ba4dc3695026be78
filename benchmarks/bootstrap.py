"""Time of the statistics of a whole grid: fourteen runs on a test set of the paper's size.

    python benchmarks/bootstrap.py out.json

Every metric of every run with its interval (10,000 resamples of patients), and the paired comparison of both strategies
on each backbone. The predictions are random, which does not affect the time. Target: a minute on two cores.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.predictions import compare_predictions, evaluate_predictions

IMAGES, PATIENTS, BACKBONES = 1542, 1400, 7  # Table 1: test images; ours; section IV.E
SETTINGS = {"n_resamples": 10_000, "confidence": 0.95, "seed": 2024}
SHARES = (0.45, 0.2, 0.11, 0.09, 0.07, 0.05, 0.03)  # a long tail as in Table 1


def made_up_run(seed: int) -> pd.DataFrame:
    """Return predictions of one run; all runs have the same images and patients."""
    study, run = np.random.default_rng(0), np.random.default_rng(seed + 1)
    truth = study.choice(len(DISEASES), IMAGES, p=SHARES)
    patients = np.append(np.arange(PATIENTS), study.integers(PATIENTS, size=IMAGES - PATIENTS))
    shares = run.dirichlet(np.ones(len(DISEASES)), IMAGES)
    shares[np.arange(IMAGES), truth] += 0.5
    frame = pd.DataFrame(shares / 1.5, columns=PROBABILITY_COLUMNS)
    frame["image_id"] = [f"{number:032x}" for number in range(IMAGES)]
    return frame.assign(patient_key=[f"{number:032x}" for number in patients], label=np.array(DISEASES)[truth])


def main() -> None:
    """Time both parts; print a table and write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=Path)
    given = arguments.parse_args()
    runs = [made_up_run(seed) for seed in range(2 * BACKBONES)]
    load, cpu = os.getloadavg()[0], time.process_time()
    started = time.perf_counter()
    for run in runs:
        evaluate_predictions(run, **SETTINGS)
    evaluated = time.perf_counter()
    for one, other in zip(runs[::2], runs[1::2], strict=True):
        compare_predictions({0: one}, {0: other}, **SETTINGS)
    compared = time.perf_counter()
    measured = {
        "runs": len(runs),
        "images": IMAGES,
        "n_resamples": SETTINGS["n_resamples"],
        "evaluate_s": evaluated - started,
        "compare_s": compared - evaluated,
        "total_s": compared - started,
        "cpu_s": time.process_time() - cpu,
        "cores": os.cpu_count(),
        "load_before": load,
    }
    table = Table(*measured, title="Bootstrap over patients")
    table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in measured.values()))
    Console(width=120).print(table)
    given.out.write_text(json.dumps(measured, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
