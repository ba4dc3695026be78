"""Carry over catalogues whose ledger holds raw file times and unkeyed pixel hashes (versions before November 2026).

The values are converted at the first refresh; no file is read again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lung_cxr.atomic import atomic_write
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes

if TYPE_CHECKING:  # reader processes do without pandas, whose import takes half of their start
    import pandas as pd

RAW_TIME = "modified_ns"  # column of unkeyed ledgers
MISSING = -1  # size of a missing file in unkeyed ledgers


def with_keyed_hashes(row: Mapping[str, Any], hashes: KeyedHashes) -> Mapping[str, Any]:
    """Return a ledger row with keyed values; a row that has them already stays as it is."""
    if RAW_TIME not in row:
        return row
    size_bytes, modified_ns = int(row["size_bytes"]), int(row[RAW_TIME])
    return {
        **row,
        "file_stamp": "" if size_bytes == MISSING else hashes.file_stamp(size_bytes, modified_ns),
        "pixel_sha256": hashes.pixels(row["pixel_sha256"]),
        "difference_hash": hashes.difference(row["difference_hash"]),
    }


def with_keyed_pixels(
    table: "pd.DataFrame | None", columns: list[str], ledger: "pd.DataFrame", hashes: KeyedHashes
) -> "pd.DataFrame | None":
    """Return an earlier table whose pixel hashes are those of the converted ledger.

    Args:
        table: Table of the last run; None on the first run.
        columns: Its columns of pixel hashes.
        ledger: Converted ledger: `pixel_sha256`.
        hashes: Keyed hashes under the catalogue's secret.
    """
    if table is None:
        return None
    known = set(ledger["pixel_sha256"].tolist()) - {""}
    plain = {value for name in columns for value in table[name].tolist()} - known - {""}
    keyed = {value: hashes.pixels(value) for value in plain}
    keyed = {value: new for value, new in keyed.items() if new in known}
    if not keyed:
        return table
    renamed = {name: [keyed.get(value, value) for value in table[name]] for name in columns}
    return table.assign(**renamed).astype(dict.fromkeys(columns, "str"))


def key_pixel_rows(pixel_folder: Path, ledger: "pd.DataFrame", hashes: KeyedHashes) -> None:
    """Convert the lists of the pixel arrays' rows, so that splitting decodes no stored image again.

    Args:
        pixel_folder: `05_model_input`.
        ledger: Converted ledger: `pixel_sha256`.
        hashes: Keyed hashes under the catalogue's secret.
    """
    import pandas as pd

    for path in pixel_folder.glob("pixels_*.rows.parquet"):
        table = pd.read_parquet(path)
        keyed = with_keyed_pixels(table, ["pixel_sha256"], ledger, hashes)
        if keyed is not table and keyed is not None:
            with atomic_write(path) as unfinished:
                keyed.to_parquet(unfinished, index=False)
