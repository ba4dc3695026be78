"""Record a run: its lock, its model card, and the reason if it fails; strategies and reference models share it."""

import logging
from collections.abc import Callable, Iterator

from lung_cxr.locks import wait_lock
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.identity import Identity
from lung_cxr.training.run.model_card import write_model_card
from lung_cxr.training.run.record import RunRecord, failed_record, failure_of

log = logging.getLogger(__name__)


def record_run(
    folders: RunFolders, title: str, plan: Identity, experiment: str, run: Callable[[], RunRecord | None]
) -> Iterator[RunRecord]:
    """Do one run under its lock.

    A failed run yields a record with the reason. If finished results of the same plan exist, they and their record
    stay, and the reason is stored beside them. The checkpoints of the run are deleted when the caller requests the next
    record, that is, after it has saved this one.

    Args:
        folders: Folders of the run.
        title: Name of the run in the log.
        plan: Identity of the run, without its initial weights.
        experiment: Name of the experiment; "": none.
        run: Returns the new record, or None if the stored one is up to date.

    Yields:
        The new record, finished or failed; nothing if the stored one is up to date.
    """
    with wait_lock(folders.model.parent, title):
        try:
            record = run()
            write_model_card(record or folders.stored_record(), experiment, folders.model_card)
        except Exception as error:
            log.error("%s failed", title, exc_info=True)
            failed = record_of_failure(folders, plan, error)
            if failed is not None:
                yield failed
            return
        if record is not None:
            yield record
        folders.forget_failure()
        folders.checkpoints.remove()


def record_of_failure(folders: RunFolders, plan: Identity, error: Exception) -> RunRecord | None:
    """Return the record of a failed run, or None if finished results of the same plan stay valid."""
    failure = failure_of(error)
    return None if folders.keep_results(plan, failure) else failed_record(plan, failure)
