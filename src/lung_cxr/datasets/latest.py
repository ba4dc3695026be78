"""Versioned texts whose newest version is also at a path that stays the same."""

from pathlib import Path

from kedro_datasets.text import TextDataset

from lung_cxr.atomic import atomic_write

LATEST = "latest"  # folder beside the versions


class LatestTextDataset(TextDataset):
    """Stores pages and tables for people: `report.html/<time>/report.html`, and a copy in `latest/report.html`.

    It is a copy and no link: Windows and shared drives do not follow every link. Arguments are those of the class that
    it extends.
    """

    def save(self, data: str) -> None:
        """Write the version, then replace the copy atomically."""
        super().save(data)
        path = Path(self._filepath)
        with atomic_write(path.parent / LATEST / path.name) as unfinished:
            unfinished.write_text(data, encoding="utf-8")
