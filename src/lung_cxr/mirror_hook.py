"""The hook around nodes that work on a copy of what is in a store of objects."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline.node import Node

from lung_cxr.hooks import at_the_end
from lung_cxr.mirror import current, fetch_later, taken
from lung_cxr.mirror.background import BackgroundPush
from lung_cxr.mirror.place import clear_idle_mirrors, mirrors_folder

ERASING = ("erase_withdrawn", "rotate_key")  # after them, no other copy may go on holding what they took away

if TYPE_CHECKING:
    from lung_cxr.datasets import FolderDataset

log = logging.getLogger(__name__)


class MirrorHook:
    """Fetches what a node needs of a store just before it runs, and sends what it changed when it ends, in any way.

    Where no folder is in a store, nothing is done. A node that yields its outputs has not run yet when Kedro says that
    it has: what it changes is sent with each of them (`RunsDataset`), every few seconds, and when the command ends.
    """

    def __init__(self) -> None:
        self._background = BackgroundPush()

    @hook_impl(trylast=True)  # what is asked for last is done first when the command ends: before the lock's release
    def before_pipeline_run(self) -> None:
        """Send the rest when the command ends, also by Ctrl-C."""
        at_the_end(self._finish)

    @hook_impl
    def before_dataset_loaded(self) -> None:
        """Load folders without fetching them: which node is it for?"""
        fetch_later(True)

    @hook_impl
    def after_dataset_loaded(self) -> None:
        """Whoever loads a folder outside of a node gets all of it."""
        fetch_later(False)

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, inputs: dict[str, Any]) -> None:
        """Fetch what the node needs."""
        for folder in _folders_of_stores(node, catalog):
            folder.fetch(node.name, _fields(node, inputs))
            if folder.push_seconds is not None:
                self._background.start(current(), folder.push_seconds)

    @hook_impl
    def after_node_run(self, node: Node, catalog: DataCatalog, outputs: dict[str, Any]) -> None:
        """Send what the node changed; the copies of other processes go when it took something away."""
        if any(_folders_of_stores(node, catalog)):
            current().push()
            if node.name.rpartition(".")[2] in ERASING and _has_erased(outputs):
                clear_idle_mirrors(mirrors_folder())

    @hook_impl
    def on_node_error(self, node: Node, catalog: DataCatalog) -> None:
        """Send what the node changed before it failed."""
        if any(_folders_of_stores(node, catalog)):
            self._push_if_possible()

    @hook_impl(tryfirst=True)  # while the lock is held
    def after_pipeline_run(self) -> None:
        """Send what nodes that yield have changed since."""
        self._background.stop()
        if mirror := taken():
            mirror.push()

    @hook_impl(tryfirst=True)  # while the lock is held
    def on_pipeline_error(self) -> None:
        """Likewise."""
        self._finish()

    def _finish(self) -> None:
        self._background.stop()
        self._push_if_possible()

    def _push_if_possible(self) -> None:
        """Send, but let an error of the run be the one that is told."""
        try:
            if mirror := taken():
                mirror.push()
        except Exception as error:
            log.error("What was changed last is not in the store (%s): give the command again", type(error).__name__)


def _folders_of_stores(node: Node, catalog: DataCatalog) -> Iterator[FolderDataset]:
    """The node's inputs that are copies of a store's folders."""
    from lung_cxr.datasets import FolderDataset  # Pandera and more: not needed to list pipelines

    datasets = (catalog.get(name) for name in node.inputs)
    return (dataset for dataset in datasets if isinstance(dataset, FolderDataset) and dataset.is_remote)


def _fields(node: Node, inputs: dict[str, Any]) -> dict[str, Any]:
    """What stands for `{cell}`, `{backbone}`, `{size}` and `{run}` in `FolderDataset`'s `needed`."""
    cell = (node.namespace or "").replace(".", "/")
    fields = {"cell": cell, "backbone": cell.split("/")[0]}
    groups = [data for name, data in inputs.items() if name.startswith("params:")]
    settings = ((name, _setting(group, name)) for group in groups for name in ("size", "run"))
    return fields | {name: value for name, value in settings if value is not None}


def _setting(parameters: Any, name: str) -> Any:
    """One setting of a parameter group, be it a dictionary or a model of `parameters.py`."""
    return parameters.get(name) if isinstance(parameters, dict) else getattr(parameters, name, None)


def _has_erased(outputs: dict[str, Any]) -> bool:
    """Whether anything was taken away; where nobody withdraws, `withdrawals` counts nothing."""
    return all(any(data["erased"].values()) if isinstance(data, dict) else True for data in outputs.values())
