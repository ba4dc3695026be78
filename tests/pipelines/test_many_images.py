"""An export that lists 100,000 images is refreshed in bounded memory: whole pipeline, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys

import imagecodecs
import numpy as np
import pandas as pd
import pytest

from lung_cxr.imaging.emr.exports import MARKER

LISTED, GOOD, BROKEN = 100_000, 4_000, 56_000  # the rest is missing; broken files are one, linked
GIBIBYTES = 1.5  # the promise, of every process
MINUTES = 50  # on a machine that others use too

RUN = """
import json, os, sys
from pathlib import Path
from joblib import Parallel, delayed
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()  # ru_maxrss would be the parent's, if larger
    return os.getpid(), next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20

bootstrap_project(sys.argv[1])
settings = {
    "workers": 2, "max_fault_fraction": 1.0, "burned_in_text": "off", "accept_unchecked_pixels": True,
    "standardise": {"side": 64}, "quality": {"min_side": 32},
}
with KedroSession.create(sys.argv[1], env="test", runtime_params={"ingestion": settings}) as session:
    session.run(pipeline_names=["ingestion"])
workers = [size for process, size in Parallel(n_jobs=2)(delayed(peak)() for _ in range(64)) if process != os.getpid()]
print("PEAKS", json.dumps({"main": peak()[1], "worker": max(workers)}))
"""


def write_export(folder) -> None:
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    rng = np.random.default_rng(0)
    for number in range(GOOD):
        coarse = rng.integers(40, 216, (8, 8)).astype(np.uint8)
        pixels = np.kron(coarse, np.ones((8, 8), np.uint8)) + rng.integers(0, 30, (64, 64)).astype(np.uint8)
        (folder / f"{number}.png").write_bytes(imagecodecs.png_encode(pixels))
    broken = folder / "broken"
    for number in range(GOOD, GOOD + BROKEN):
        if number % 10_000 == 0 or not broken.exists():  # a file takes only so many links
            broken.unlink(missing_ok=True)
            broken.write_bytes(b"no image")
        os.link(broken, folder / f"{number}.png")
    rows = pd.DataFrame({"number": np.arange(LISTED)})
    pd.DataFrame(
        {
            "patient_id": "P" + (rows["number"] // 2).astype(str),
            "image_path": rows["number"].astype(str) + ".png",
            "icd10_primary": "J18.9",
            "view": "PA",
            "exam_date": "2026-03-31",
            "birth_date": "1950-01-01",
            "sex": "F",
        }
    ).to_csv(folder / "emr.csv", index=False)


@pytest.mark.slow
def test_a_hundred_thousand_images_fit_into_the_promised_memory(project, tmp_path):
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(project / name, tmp_path)
    shutil.copytree(project / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("credentials*"))
    (tmp_path / "src").mkdir()
    write_export(tmp_path / "data/test/01_raw/exports/a")
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60 * MINUTES
    )
    assert done.returncode == 0, done.stderr[-2000:]
    peaks = json.loads(done.stdout.rsplit("PEAKS ", 1)[1])
    print(f"peak memory, GiB: {peaks}")
    manifest = pd.read_parquet(tmp_path / "data/test/03_primary/image_manifest.parquet")
    assert len(manifest) == LISTED
    assert manifest["qc_status"].value_counts()["accepted"] > 0.9 * GOOD
    assert max(peaks.values()) < GIBIBYTES
