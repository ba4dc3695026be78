import logging
import os
import time
from itertools import pairwise

import pytest
from distributed import Client
from kedro.framework.hooks.manager import _NullPluginManager
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner.task import Task
from kedro_datasets.json import JSONDataset
from nodes_for_a_cluster import die_once, fail, go_on_for_ever, look_around

from lung_cxr.runners import DaskRunner
from lung_cxr.runners.executor import ClusterExecutor
from lung_cxr.runners.local_cluster import local_cluster


@pytest.fixture
def catalog(tmp_path):
    """Every dataset is a file, but `start`."""
    made = DataCatalog(
        {name: JSONDataset(filepath=str(tmp_path / f"{name}.json")) for name in (*"abcd", *map(str, range(4)))}
    )
    made["start"] = {}
    made["place"] = str(tmp_path / "was here")
    return made


DIAMOND = Pipeline(
    [
        Node(look_around, "start", "a", name="first"),
        Node(look_around, "a", "b", name="left"),
        Node(look_around, "a", "c", name="right"),
        Node(look_around, ["b", "c"], "d", name="last"),
    ]
)


def test_nodes_run_on_workers_and_in_the_order_of_their_data(runner, catalog):
    runner.run(DIAMOND, catalog)
    first, left, right, last = (catalog.load(name) for name in "abcd")
    assert os.getpid() not in {found["process"] for found in (first, left, right, last)}
    assert first["ended"] <= min(left["began"], right["began"])
    assert max(left["ended"], right["ended"]) <= last["began"]
    assert left["process"] != right["process"], "two workers, two nodes that do not wait for each other"
    assert last["inputs"] == 2


def test_what_would_stay_in_memory_is_refused_by_name_before_anything_runs(runner, catalog):
    loose = DIAMOND + Pipeline([Node(look_around, "d", "e", name="loose"), Node(look_around, "e", "f", name="looser")])
    with pytest.raises(ValueError, match=r"2 outputs of nodes are not persisted: e, f\."):
        runner.run(loose, catalog)
    assert not catalog.exists("a")


def test_trainings_never_meet_on_one_gpu(runner, catalog):
    names = [str(number) for number in range(4)]
    runner.run(
        Pipeline([Node(look_around, "start", name, name=f"train_{name}", tags="gpu") for name in names]), catalog
    )
    runs = sorted((catalog.load(name) for name in names), key=lambda run: run["began"])
    assert len({run["parent"] for run in runs}) == 1, "the one worker with a GPU"
    assert len({run["process"] for run in runs}) == 4, "each in a process of its own"
    assert all(earlier["ended"] <= later["began"] for earlier, later in pairwise(runs))


def test_without_a_declared_gpu_training_is_refused_unless_it_is_optional(catalog):
    pipeline = Pipeline([Node(look_around, "start", "a", name="train", tags="gpu")])
    with local_cluster(workers=1, gpus=0) as address:
        with pytest.raises(ValueError, match=r"1 nodes need a GPU \(train\); found 1 workers .* gpu=optional"):
            DaskRunner(address=address).run(pipeline, catalog)
        assert not catalog.exists("a")
        DaskRunner(address=address, gpu="optional").run(pipeline, catalog)
    assert catalog.exists("a")


def test_a_failed_node_is_named_with_its_error_and_the_way_to_go_on(runner, catalog, caplog):
    pipeline = Pipeline([Node(look_around, "start", "a", name="good"), Node(fail, "a", "b", name="bad")])
    with pytest.raises(KeyError, match="found something, expected nothing") as raised:
        runner.run(pipeline, catalog)
    assert "in fail" in str(raised.value.__cause__), "where on the worker"
    assert "Node bad failed" in caplog.messages
    assert any('--from-nodes "bad"' in message for message in caplog.messages)


def test_the_node_of_a_lost_worker_runs_again(runner, catalog):
    runner.run(Pipeline([Node(die_once, "place", "a", name="dies_once")]), catalog)
    assert catalog.load("a")["process"] != os.getpid()


def test_a_training_whose_process_dies_is_begun_again_by_its_worker(runner, catalog, caplog):
    runner.run(Pipeline([Node(die_once, "place", "a", name="dies_once", tags="gpu")]), catalog)
    assert catalog.load("a")["process"] != os.getpid()
    assert "The process of dies_once died (exit code -9, attempt 1 of 3)" in caplog.messages


def test_an_error_of_a_training_arrives_as_it_is(runner, catalog):
    catalog.save("a", {})
    with pytest.raises(KeyError, match="found something, expected nothing"):
        runner.run(Pipeline([Node(fail, "a", "b", name="bad", tags="gpu")]), catalog)


def test_ctrl_c_stops_nodes_that_run_and_the_workers_are_there_again(cluster, catalog, tmp_path):
    node = Node(go_on_for_ever, "place", "a", name="endless")
    with Client(cluster, set_as_default=False) as client:
        executor = ClusterExecutor(client, "lung_cxr", {})
        executor.submit(Task(node, catalog, is_async=False, hook_manager=_NullPluginManager()))
        while not (tmp_path / "was here").exists():
            time.sleep(0.05)
        executor.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        client.wait_for_workers(2, timeout=30)
        assert not any(client.call_stack().values()), "nothing runs any more"


def test_the_workers_log_is_that_of_the_command(runner, catalog, caplog):
    with caplog.at_level(logging.INFO):
        runner.run(DIAMOND, catalog)
    assert sum(message.startswith(("left on worker", "right on worker")) for message in caplog.messages) == 2


@pytest.mark.parametrize("parameters", [{"gpu": "perhaps"}, {"address": "tcp://somewhere:1", "workers": 2}])
def test_parameters_that_make_no_sense_are_refused(parameters):
    with pytest.raises(ValueError, match=r"Found .*expected"):
        DaskRunner(**parameters)


def test_more_gpus_than_workers_are_refused():
    with pytest.raises(ValueError, match="Found 1 workers and 2 GPUs"):
        local_cluster(workers=1, gpus=2).__enter__()
