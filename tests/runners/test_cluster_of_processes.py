"""A scheduler and three workers as processes of their own, two of them with a GPU, as they say; commands as typed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pandas as pd
import pytest
from distributed import Client

from project_copy import Project

pytestmark = pytest.mark.slow

RUN = "data/test/07_model_output/mobilenet/dynamic/seed_7"
EPOCHS = 12
LONG = f"training.max_epochs={EPOCHS},strategies.dynamic.at_full_depth=continue"
DETERMINISTIC = {"TF_DETERMINISTIC_OPS": "1", "OMP_NUM_THREADS": "1"}  # sums in one order, here and there


@contextmanager
def process(module, *arguments, **environment):
    with subprocess.Popen([sys.executable, "-m", module, *arguments], env={**os.environ, **environment}) as started:
        yield started
        started.terminate()


@contextmanager
def cluster(folder, project):
    """Give the scheduler's address."""
    file = folder / "scheduler.json"
    common = ("--scheduler-file", str(file))
    environment = {
        **DETERMINISTIC,
        "PYTHONPATH": str(project.folder / "src"),
        "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
    }
    worker = ("--nthreads", "1", "--memory-limit", "0", "--no-dashboard")
    with ExitStack() as stack:
        scheduler = ("distributed.cli.dask_scheduler", *common, "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        stack.enter_context(process(*scheduler, **environment))
        for resources in ((), ("--resources", "GPU=1"), ("--resources", "GPU=1")):
            stack.enter_context(process("distributed.cli.dask_worker", *common, *worker, *resources, **environment))
        while not file.exists():
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]


@pytest.fixture(scope="module")
def alone(project, tmp_path_factory):
    """After the whole demo, one node after the other."""
    made = Project(project, tmp_path_factory.mktemp("alone"))
    made.kedro("run", "--env", "test", "--pipelines", "demo", **DETERMINISTIC)
    return made


@pytest.fixture(scope="module")
def spread(project, tmp_path_factory):
    """After the whole demo on a cluster; the project, the scheduler's address and what was printed."""
    made = Project(project, tmp_path_factory.mktemp("spread"))
    with cluster(tmp_path_factory.mktemp("cluster"), made) as address:
        made.on_cluster = ("--runner", "lung_cxr.runners.DaskRunner", "--runner-params", f"address={address}")
        made.address = address
        made.printed = made.kedro("run", "--env", "test", "--pipelines", "demo", *made.on_cluster, **DETERMINISTIC)
        yield made


def metrics(project):
    record = json.loads((project.folder / RUN / "run_record.json").read_text())
    return {name: record[name] for name in ("metrics", "split_sha256", "pixel_sha256", "stop_reason")}


def history(project):
    return pd.read_csv(project.folder / RUN / "history.csv", dtype=str).drop(columns="seconds")


def test_the_demo_gives_the_same_on_a_cluster(alone, spread):
    for table in ("03_primary/image_manifest", "05_model_input/patient_subsets", "05_model_input/split"):
        pd.testing.assert_frame_equal(spread.table(f"{table}.parquet"), alone.table(f"{table}.parquet"))
    assert metrics(spread) == metrics(alone)
    pd.testing.assert_frame_equal(history(spread), history(alone))
    assert "3 workers on 1 machines, 2 GPUs declared" in spread.printed
    assert "Report: " in spread.printed
    assert "epoch 1/3" in spread.printed, "what a worker says of its training"


def test_a_training_survives_the_loss_of_its_worker(alone, spread):
    command = ("run", "--env", "test", "--pipelines", "training", "--namespaces", "mobilenet.dynamic", "--params", LONG)
    alone.kedro(*command, **DETERMINISTIC)

    checkpoints = spread.folder / "data/test/06_models/mobilenet/dynamic/seed_7/checkpoints"
    with subprocess.Popen(
        [sys.executable, "-m", "kedro", *command, *spread.on_cluster],
        cwd=spread.folder,
        env={**os.environ, **DETERMINISTIC, "COLUMNS": "400", "PYTHONPATH": str(spread.folder / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        while not list(checkpoints.glob("epoch_0000[3-9].npz")):
            assert run.poll() is None, run.stdout.read()[-3000:]
            time.sleep(0.05)
        with Client(spread.address, set_as_default=False) as client:
            worker = next(address for address, stacks in client.call_stack().items() if stacks)
            os.kill(client.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)
        printed, _ = run.communicate(timeout=600)
    assert run.returncode == 0, printed[-3000:]
    assert "checkpoint after epoch" in printed
    assert len(history(spread)) == EPOCHS
    pd.testing.assert_frame_equal(history(spread), history(alone))
