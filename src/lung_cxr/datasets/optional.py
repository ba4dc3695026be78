"""Another dataset's data, or None if nothing was saved yet."""

from typing import Any

from kedro.io import AbstractDataset


class OptionalDataset(AbstractDataset[Any, Any]):
    """Wraps a dataset whose file may be missing, which is an error to other datasets of Kedro.

    The `previous_…` entries of the catalogue read the result of an earlier run through it: a node cannot have one entry
    as input and output. The reference models are optional inputs of `reporting`.

    Args:
        dataset: Definition of the wrapped dataset, as in the catalogue.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, dataset: dict[str, Any], metadata: dict[str, Any] | None = None):
        self._dataset: AbstractDataset = AbstractDataset.from_config("previous", dict(dataset))
        self.metadata = metadata

    def load(self) -> Any:
        """Return the data, or None if nothing was saved."""
        return self._dataset.load() if self._dataset.exists() else None

    def save(self, data: Any) -> None:
        """Save to the wrapped dataset."""
        self._dataset.save(data)

    def _exists(self) -> bool:
        return bool(self._dataset.exists())

    def _describe(self) -> dict[str, Any]:
        return {"dataset": str(self._dataset)}
