"""Hooks: locks of refresh and prediction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from lung_cxr.imaging.catalogue.key_check import refuse_half_rotated_key
from lung_cxr.locks import catalogue_lock, refuse_while_written


class CatalogueLockHook:
    """Holds the catalogue's lock from before the first node of a writing pipeline until after the last.

    These are `extraction`, `ingestion`, `splitting` and `key_rotation`.

    Nodes of one run read the outputs of its other nodes: a lock around each node would let a second run in between.
    Only the process of the command holds the lock, so the hook works with any runner.
    """

    def __init__(self) -> None:
        self._lock = ExitStack()
        self._to_write: set[str] = set()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Acquire the lock if the run writes the catalogue or the split; only test it if the run reads the split.

        Raises:
            CatalogueInUseError: Another run holds the lock.
            HalfRotatedKeyError: A rotation of the key is not finished.
        """
        self._to_write = pipeline.all_outputs() & (outputs_of_refresh() | outputs_of_extraction(pipeline))
        if not self._to_write and "pixel_arrays" not in pipeline.inputs():
            return
        if "new_pseudonymisation_key" not in pipeline.inputs():  # key_rotation itself may run
            refuse_half_rotated_key(catalog.load("previous_key_fingerprint"))
        intermediate = catalog.load("intermediate_folder")
        if self._to_write:
            self._lock.enter_context(catalogue_lock(intermediate))
            call_on_exit(self._lock.close)
        else:
            refuse_while_written(intermediate)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Release the lock after the last output: the training that follows takes days and writes none of them."""
        self._to_write.discard(dataset_name)
        if not self._to_write:
            self._lock.close()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Release the lock: a runner with its own processes saves datasets without calling `after_dataset_saved`."""
        self._lock.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Release the lock."""
        self._lock.close()


class PredictionLockHook:
    """Holds the lock of the folder that a prediction works in, so that a second prediction cannot empty it."""

    def __init__(self) -> None:
        self._lock = ExitStack()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Acquire the lock if the run predicts.

        Raises:
            CatalogueInUseError: Another prediction holds the lock.
        """
        if "new_images_workplace" in pipeline.inputs():
            self._lock.enter_context(catalogue_lock(catalog.load("new_images_workplace")))
            call_on_exit(self._lock.close)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Release the lock."""
        self._lock.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Release the lock."""
        self._lock.close()


def call_on_exit(close: Callable[[], object]) -> None:
    """Call a function when the command of this process ends, also after Ctrl-C, for which Kedro calls no hook."""
    if command := click.get_current_context(silent=True):
        command.call_on_close(close)


def outputs_of_refresh() -> set[str]:
    """Return the names of the datasets that a refresh writes."""
    from lung_cxr.pipelines import ingestion, splitting

    return ingestion.create_pipeline().all_outputs() | splitting.create_pipeline().all_outputs()


def outputs_of_extraction(pipeline: Pipeline) -> set[str]:
    """Return the name of the exports if the pipeline adds a snapshot to them: no refresh may list them meanwhile."""
    return {"raw_exports"} if "emr_queries" in pipeline.inputs() else set()
