"""Node of `extraction`: new rows of the queries, with their images, become one export folder."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from lung_cxr.exit_codes import ExitCode
from lung_cxr.extraction.extraction_error import ExtractionError
from lung_cxr.extraction.image_paths import ImageRoot
from lung_cxr.extraction.query_rows import new_rows
from lung_cxr.extraction.snapshot import Snapshot, last_snapshot, remove_unfinished, write_snapshot
from lung_cxr.imaging.emr.column_names import ColumnNames
from lung_cxr.parameters import EmrParameters, ExtractionParameters, IngestionParameters

log = logging.getLogger(__name__)


def extract(
    emr_queries: dict[str, pd.DataFrame],
    exports_folder: Path,
    emr: EmrParameters,
    ingestion: IngestionParameters,
    extraction: ExtractionParameters,
) -> list[str]:
    """Write the rows that are new since the last snapshot, and their images, into a new export folder.

    Returns:
        The name of the folder (its time, UTC); nothing if no row is new.

    Raises:
        ExtractionError: A setting, a query or the images do not give an export that ingestion could read.
    """
    root = ImageRoot.of(extraction)
    remove_unfinished(exports_folder)
    last = last_snapshot(exports_folder)
    highest = last.highest if last is not None and last.newer_than == extraction.newer_than else {}
    found = new_rows(emr_queries, extraction, highest)
    column = ColumnNames(emr).resolve(list(found.rows.columns), "the queries")["image_path"]
    rows = found.rows.assign(**{column: found.rows[column].map(root.relative)})
    if last is not None:
        rows = _not_in(rows, last.rows, is_increment=bool(highest))
    if rows.empty:
        log.info("Nothing new in %d queries: no snapshot written", len(emr_queries))
        return []
    files = {path: root.find(path) for path in rows[column].unique()}
    images = {path: file for path, file in files.items() if file is not None}
    missing = int(rows[column].isin(files.keys() - images.keys()).sum())
    _check_missing(missing, len(rows), ingestion.max_fault_fraction)
    name = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
    write_snapshot(exports_folder / name, Snapshot(rows, extraction.newer_than, found.highest), images)
    log.info("Snapshot %s: %d rows, %d images", name, len(rows), len(images))
    if missing:
        log.warning("%d rows have no file under extraction.image_root", missing)
    return [name]


def _not_in(rows: pd.DataFrame, last: pd.DataFrame, is_increment: bool) -> pd.DataFrame:
    """Return the rows that the last snapshot lacks; of a complete extraction all rows, or none if nothing changed."""
    if list(rows.columns) != list(last.columns):
        return rows
    known = set(last.itertuples(index=False, name=None))
    is_new = pd.Series([row not in known for row in rows.itertuples(index=False, name=None)], rows.index, dtype=bool)
    if is_increment:
        return rows[is_new]
    return rows if is_new.any() or len(rows) != len(last) else rows.iloc[:0]


def _check_missing(missing: int, total: int, allowed: float) -> None:
    """Refuse a snapshot with many missing files: its rows are not extracted again.

    Raises:
        ExtractionError: More rows lack a file than `ingestion.max_fault_fraction` allows.
    """
    if missing > allowed * total:
        raise ExtractionError(
            f"{missing:,} of {total:,} new rows have no file under extraction.image_root; expected at most "
            f"{allowed:.1%} (ingestion.max_fault_fraction). Check that the share is mounted completely, and "
            "extraction.path_prefixes against the paths in the database; nothing was written",
            ExitCode.FAULTS,
        )
