"""Another dataset's data, or None if nothing was saved."""

import logging
from typing import Any

from kedro.io import AbstractDataset, DatasetError

log = logging.getLogger(__name__)


class OptionalDataset(AbstractDataset[Any, Any]):
    """Wraps a dataset whose file may be missing, which is an error to other datasets of Kedro.

    The `previous_…` entries of the catalogue read the result of an earlier run through it: a node cannot have one entry
    as input and output. The reference models are optional inputs of `reporting`.

    Args:
        dataset: Definition of the wrapped dataset, as in the catalogue.
        rebuildable: Whether a run rebuilds a damaged file from other data; if not, a damaged file is an error.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, dataset: dict[str, Any], rebuildable: bool = False, metadata: dict[str, Any] | None = None):
        self._dataset: AbstractDataset = AbstractDataset.from_config("previous", dict(dataset))
        self._path, self._rebuildable = dataset.get("filepath") or dataset.get("path"), rebuildable
        self.metadata = metadata

    def load(self) -> Any:
        """Return the data, or None if nothing was saved or a rebuildable file is damaged.

        Raises:
            DatasetError: A damaged file holds data that no run can rebuild.
        """
        if not self._dataset.exists():
            return None
        try:
            return self._dataset.load()
        except Exception as error:  # any error of the reader on damaged bytes; its text is not shown
            found = f"{self._path} is damaged ({type(error.__cause__ or error).__name__})"
        if self._rebuildable:
            log.warning("%s; this run rebuilds it", found)
            return None
        raise DatasetError(
            f"{found}. It holds decisions of earlier runs, which no run can rebuild. Restore the file from a backup, "
            "then run the command again"
        )

    def save(self, data: Any) -> None:
        """Save to the wrapped dataset."""
        self._dataset.save(data)

    def _exists(self) -> bool:
        return bool(self._dataset.exists())

    def _describe(self) -> dict[str, Any]:
        return {"dataset": str(self._dataset)}
