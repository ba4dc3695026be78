"""Nodes that work in a store: what they get, and what becomes of what they write, however they end."""

import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner, ThreadRunner

from lung_cxr.mirror.place import mirrors_folder, take_mirror
from lung_cxr.mirror_hook import ERASING, MirrorHook
from lung_cxr.pipeline_registry import register_pipelines


@pytest.fixture
def run(store):
    """Run nodes with the hook, as a session does; the folders are in a store."""
    hook, manager = MirrorHook(), _create_hook_manager()
    manager.register(hook)
    folder = {"type": "lung_cxr.datasets.FolderDataset", "push_seconds": 0.05}
    needed = {"needed": {"*.train": ["{cell}/*"], "erase_withdrawn": ["*"]}}
    datasets = {
        "model_folder": {**folder, **needed, "filepath": f"{store.url}/06_models"},
        "runs": {"type": "lung_cxr.datasets.RunsDataset", "filepath": f"{store.url}/07_model_output/a/b"},
    }

    def run_nodes(*nodes, runner=SequentialRunner, **data):
        catalog = DataCatalog.from_config(datasets)
        for name, value in data.items():
            catalog[name] = MemoryDataset(value)
        pipeline = Pipeline(nodes)
        hook.before_pipeline_run()
        try:
            runner().run(pipeline, catalog, manager)
        except Exception:
            hook.on_pipeline_error()
            raise
        hook.after_pipeline_run()

    return run_nodes


def node(func, name="node", outputs=None, **options):
    return Node(func, "model_folder", outputs, name=name, **options)


def in_cell(func):
    """The node as `training` has it: in the namespace of its cell, on folders that all cells share."""
    return Pipeline([node(func, "train")], namespace="mobilenet.dynamic", inputs={"model_folder"}).nodes[0]


def test_a_node_gets_what_it_needs_and_what_it_writes_is_in_the_store(run, store):
    store.put("06_models/mobilenet/dynamic/seed_1/model.keras", b"weights")
    store.put("06_models/mobilenet/full/seed_1/model.keras", b"weights")
    seen = []

    def train(folder: Path):
        seen.extend(sorted(path.parts[-3] for path in folder.rglob("model.keras")))
        (folder / "mobilenet/dynamic/seed_1/model_card.md").write_text("new")

    run(in_cell(train))
    assert seen == ["dynamic"]
    assert "06_models/mobilenet/dynamic/seed_1/model_card.md" in store.names
    assert "06_models/mobilenet/full/seed_1/model.keras" in store.names


def test_what_a_node_wrote_before_it_failed_is_in_the_store(run, store):
    def fail(folder):
        (folder / "checkpoint").write_bytes(b"epoch 1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(node(fail))
    assert store.names == ["06_models/checkpoint"]


def test_what_a_node_that_yields_wrote_before_it_failed_too(run, store):
    def train(folder):
        (folder / "model.keras").write_bytes(b"weights")
        yield {"seed": 1, "status": "finished"}
        (folder / "checkpoint").write_bytes(b"epoch 1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(node(train, outputs="runs"))
    assert store.names == [
        "06_models/checkpoint",
        "06_models/model.keras",
        "07_model_output/a/b/seed_1/run_record.json",
    ]


def test_while_a_node_runs_what_it_wrote_is_in_the_store_before_long(run, store):
    def train(folder):
        (folder / "checkpoint").write_bytes(b"epoch 1")
        until = time.monotonic() + 20
        while not store.names and time.monotonic() < until:
            time.sleep(0.01)
        assert store.names == ["06_models/checkpoint"]
        yield {"seed": 1, "status": "finished"}

    run(node(train, outputs="runs"))


def test_ctrl_c_loses_nothing_that_was_written(run, store):
    @click.command
    def command():
        def interrupted(folder):
            (folder / "checkpoint").write_bytes(b"epoch 1")
            raise KeyboardInterrupt

        run(node(interrupted))

    assert CliRunner().invoke(command).output.strip().endswith("Aborted!")
    assert store.names == ["06_models/checkpoint"]


def test_nodes_that_run_side_by_side_do_not_take_each_others_files_for_leftovers(run, store):
    def write(name):
        def train(folder):
            for number in range(5):
                (folder / f"{name}_{number}").write_bytes(b"1")
                time.sleep(0.01)

        return node(train, name)

    run(write("a"), write("b"), write("c"), runner=ThreadRunner)
    assert len(store.names) == 15


@pytest.mark.parametrize(("erased", "left"), [({"images": 1}, False), ({"images": 0}, True), ({}, True)])
def test_after_patients_were_erased_no_other_copy_holds_them(run, store, erased, left):
    _, own = take_mirror(mirrors_folder())
    idle, of_idle = take_mirror(mirrors_folder())
    idle.mkdir()
    for lock in (own, of_idle):  # two earlier commands, which have ended
        lock.release()
    run(node(lambda folder: {"erased": erased}, "ingestion.erase_withdrawn", "withdrawals"))
    assert idle.exists() == left


def test_a_store_that_fails_at_the_end_fails_the_node(run, store, monkeypatch):
    def no_more(*_):
        raise ConnectionError

    def write(folder):
        monkeypatch.setattr("lung_cxr.mirror.store.send", no_more)
        (folder / "model.keras").write_bytes(b"weights")

    with pytest.raises(ConnectionError):
        run(node(write))


def test_the_nodes_that_erase_are_there():
    nodes = {node.name.rpartition(".")[2] for pipeline in register_pipelines().values() for node in pipeline.nodes}
    assert nodes.issuperset(ERASING)
