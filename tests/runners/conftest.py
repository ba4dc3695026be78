"""A cluster on this machine, whose workers can import the nodes of these tests."""

import os
from pathlib import Path

import pytest
from distributed import Client
from kedro.framework.project import configure_project

from lung_cxr.runners import DaskRunner
from lung_cxr.runners.local_cluster import local_cluster


@pytest.fixture(scope="session")
def cluster():
    """Two workers, one of them with a GPU, as it says."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{Path(__file__).parent}{os.pathsep}{before}"
    configure_project("lung_cxr")
    with local_cluster(workers=2, gpus=1) as started:
        yield started
    os.environ["PYTHONPATH"] = before


@pytest.fixture
def runner(cluster):
    """Of the whole cluster: a test before may have ended a worker, which is started anew."""
    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return DaskRunner(address=cluster)
