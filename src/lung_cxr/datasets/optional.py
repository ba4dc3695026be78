"""Another dataset's data, or None where nothing was saved yet."""

from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class OptionalDataset(AbstractDataset[Any, Any]):
    """Reads what an earlier run left behind, as the second catalogue entry on the same path.

    A node cannot have one entry as input and output, and a missing file is an error to Kedro. The `previous_…` entries
    of the catalogue are of this type: they give None on the first run. They are read-only.

    Args:
        dataset: Definition of the dataset to read, as it would stand in the catalogue.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, dataset: dict[str, Any], metadata: dict[str, Any] | None = None):
        self._dataset: AbstractDataset = AbstractDataset.from_config("previous", dict(dataset))
        self.metadata = metadata

    def load(self) -> Any:
        """Return the data, or None where there is none."""
        return self._dataset.load() if self._dataset.exists() else None

    def save(self, data: Any) -> NoReturn:  # noqa: ARG002
        """Always an error: the entry without `previous_` is the one to save to."""
        raise DatasetError(f"{self} only reads what an earlier run saved")

    def _exists(self) -> bool:
        return bool(self._dataset.exists())

    def _describe(self) -> dict[str, Any]:
        return {"dataset": str(self._dataset)}
