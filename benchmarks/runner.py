"""What a Dask cluster costs and gives: seconds per node beside Kedro's sequential runner, ingestion by two workers.

    python benchmarks/runner.py out.json [--nodes 100] [--patients 240] [--side 1536] [--repeats 3]

Both run in turn on this machine, ratios are formed within a turn. Nodes do nothing but pass a small file on. Images are
made up (the synthetic hospital), text search off; the cluster stands before the clock starts, and the clock is Kedro's
own, of the pipeline: a command's own start (seconds) is the same for both.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import configure_project
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner
from kedro_datasets.json import JSONDataset
from rich.console import Console
from rich.table import Table

from lung_cxr.runners import DaskRunner
from lung_cxr.runners.local_cluster import local_cluster

PROJECT = Path(__file__).parents[1]
MILLISECONDS = 100  # per node, promised
GAIN = 1.7  # of two workers, promised


def pass_on(number: int) -> int:
    """Do next to nothing."""
    return number + 1


def chain(length: int, folder: Path) -> tuple[Pipeline, DataCatalog]:
    """Return nodes that wait for each other, and files between them."""
    catalog = DataCatalog(
        {str(number): JSONDataset(filepath=str(folder / f"{number}.json")) for number in range(1, length + 1)}
    )
    catalog["0"] = 0
    return Pipeline(
        [Node(pass_on, str(number), str(number + 1), name=f"n{number}") for number in range(length)]
    ), catalog


def measure_overhead(address: str, nodes: int, repeats: int) -> dict[str, Any]:
    """Return milliseconds per node, on the cluster and without it."""
    found: dict[str, list[float]] = {"dask": [], "sequential": []}
    for _ in range(repeats):
        for name, runner in (("dask", DaskRunner(address=address)), ("sequential", SequentialRunner())):
            with tempfile.TemporaryDirectory() as folder:
                pipeline, catalog = chain(nodes, Path(folder))
                start = time.perf_counter()
                runner.run(pipeline, catalog)
                found[name].append((time.perf_counter() - start) / nodes * 1000)
    overhead = [dask - alone for dask, alone in zip(found["dask"], found["sequential"], strict=True)]
    return {"nodes": nodes, "milliseconds": found, "overhead_ms": spread(overhead), "promised_ms": MILLISECONDS}


def measure_ingestion(address: str, patients: int, side: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Return seconds of an ingestion by one process and by the cluster's workers, each into an empty catalogue."""
    settings = {
        "synthetic_hospital": {"patients": patients, "side": side, "workers": -1},
        "ingestion": {"workers": 1, "standardise": {"side": 1024}},
    }
    configuration = write_configuration(folder, settings)
    kedro(configuration, "--pipelines", "synthetic_hospital")
    ways = {
        "sequential": (),
        "dask": ("--runner", "lung_cxr.runners.DaskRunner", "--runner-params", f"address={address}"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, options in ways.items():
            for made in (folder / "data").glob("0[2-9]*"):
                shutil.rmtree(made)
            printed = kedro(configuration, "--pipelines", "ingestion", *options)
            seconds[name].append(float(re.findall(r"completed successfully in ([\d.]+) *sec", printed)[-1]))
    gains = [alone / dask for alone, dask in zip(seconds["sequential"], seconds["dask"], strict=True)]
    return {
        "patients": patients,
        "side": side,
        "seconds": seconds,
        "sequential / dask": spread(gains),
        "promised": GAIN,
    }


def write_configuration(folder: Path, settings: dict[str, Any]) -> Path:
    """Copy the test environment's configuration with other settings and its data below `folder`."""
    shutil.copytree(PROJECT / "conf", folder / "conf", ignore=shutil.ignore_patterns("credentials*"))
    here = folder / "conf/test"
    (here / "globals.yml").write_text(
        json.dumps({"root": f"{folder}/data", "exports": f"{folder}/data/01_raw/exports", "exports_glob": "*"})
    )
    for name, values in settings.items():
        path = here / f"parameters_{name}.yml"
        path.write_text(json.dumps({name: merged(read(path)[name], values)}))
    return folder / "conf"


def read(path: Path) -> dict[str, Any]:
    """Return a YAML file's contents."""
    return yaml.safe_load(path.read_text())


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return `old` with the values of `new`, level by level."""
    return old | {
        name: merged(old[name], value) if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }


def kedro(configuration: Path, *options: str) -> str:
    """Run the project's command; return what it printed, as one line."""
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env", "test", "--conf-source", str(configuration), *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"kedro run {' '.join(options)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return re.sub(r"\s+", " ", done.stdout + done.stderr)


def spread(values: list[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--patients", type=int, default=240, help="patients of the synthetic hospital")
    parser.add_argument("--side", type=int, default=1536, help="side of an image, pixels")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PROJECT / "src"), str(Path(__file__).parent)])
    configure_project("lung_cxr")
    found: dict[str, Any] = {"load_average": os.getloadavg()[0]}
    with local_cluster(workers=2, gpus=0) as address, tempfile.TemporaryDirectory() as folder:
        found["overhead"] = measure_overhead(address, arguments.nodes, arguments.repeats)
        found["ingestion"] = measure_ingestion(
            address, arguments.patients, arguments.side, arguments.repeats, Path(folder)
        )
    arguments.output.write_text(json.dumps(found, indent=2) + "\n")
    table = Table(title="A Dask cluster of two workers on this machine", title_justify="left")
    for name in ("", "median", "min", "max", "promised"):
        table.add_column(name, justify="right" if name else "left")
    for label, numbers, promise in (
        ("overhead per node, ms", found["overhead"]["overhead_ms"], f"≤ {MILLISECONDS}"),
        ("ingestion, sequential / two workers", found["ingestion"]["sequential / dask"], f"≥ {GAIN}"),
    ):
        table.add_row(label, *(f"{numbers[name]:g}" for name in ("median", "min", "max")), promise)
    Console().print(table)


if __name__ == "__main__":
    main()
