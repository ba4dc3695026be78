"""Rotate the keyed hashes of files and pixels: new hashes are made from source files and stored images."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.unkeyed_ledger import RAW_TIME
from lung_cxr.imaging.deidentify.identity_keys import IDENTITY_KEYS
from lung_cxr.imaging.deidentify.keyed_hashes import UNKNOWN_STAMP, KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import Secret

PIXEL_COLUMNS = ("pixel_sha256", "other_pixel_sha256")


@dataclass(frozen=True)
class HashRotation:
    """New values of the hash columns of all tables.

    Attributes:
        known: Old → new hash of source bytes, file stamps and stored pixels.
        old: Keyed hashes under the present secret.
        new: Keyed hashes under the new secret.
    """

    known: Mapping[str, str]
    old: KeyedHashes
    new: KeyedHashes

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with new hashes; apply it once to a table.

        A hash without a source becomes unknown: an empty source key, a stamp that equals no file's, or a pixel hash
        that equals no image's.
        """
        renewed = {
            "source_key": lambda _: "",
            **dict.fromkeys(IDENTITY_KEYS, lambda _: ""),  # compared again when the file is read again
            "file_stamp": lambda _: UNKNOWN_STAMP,
            "difference_hash": lambda value: self.new.difference(self.old.plain_difference(value)),
            **dict.fromkeys(PIXEL_COLUMNS, self.new.pixels),
        }
        for column in renewed.keys() & set(table.columns):
            values = [
                self.known[value] if value in self.known else renewed[column](value) if value else ""
                for value in table[column]
            ]
            table[column] = pd.Series(values, table.index, dtype="str")
        if "row" in table.columns:
            exports = table["source_export"] if "source_export" in table.columns else table["export"]
            pairs = zip(exports, table["row"], strict=True)
            table["row"] = [self.new.row(export, self.old.raw_row(export, row)) for export, row in pairs]
        return table


def hash_rotation(
    files: Iterable[Path], images: Mapping[str, str], store: ImageStore, old: Secret, new: Secret, workers: int
) -> HashRotation:
    """Read every source file and decode every stored image once, and return their new hashes.

    Args:
        files: Source files of all exports; an unreadable file has no new hash.
        images: Old → new image id; a killed rotation leaves files under either.
        store: Store of the images; a damaged image has no new hash.
        old: The present secret.
        new: The new secret.
        workers: Threads; -1: all cores.
    """
    before, after = KeyedHashes(old), KeyedHashes(new)
    pool = Parallel(n_jobs=workers, prefer="threads")
    known: dict[str, str] = {}
    for found in pool(delayed(_file_facts)(path) for path in files):
        if found is not None:
            digest, size_bytes, modified_ns = found
            known[old.source_key(digest)] = new.source_key(digest)
            known[before.file_stamp(size_bytes, modified_ns)] = after.file_stamp(size_bytes, modified_ns)
    for sha256 in pool(delayed(_pixel_sha256)(store, pair) for pair in images.items()):
        if sha256 is not None:
            known[before.pixels(sha256)] = after.pixels(sha256)
    return HashRotation(known, before, after)


def is_unkeyed(ledger: Path) -> bool:
    """Return whether `source_files.parquet` still holds raw file times and unkeyed hashes."""
    return ledger.exists() and RAW_TIME in pd.read_parquet(ledger).columns


def _file_facts(path: Path) -> tuple[bytes, int, int] | None:
    try:
        with path.open("rb") as file:
            status = path.stat()
            return hashlib.file_digest(file, "sha256").digest(), status.st_size, status.st_mtime_ns
    except OSError:
        return None


def _pixel_sha256(store: ImageStore, ids: tuple[str, str]) -> str | None:
    for image_id in ids:
        if store.has(image_id):
            try:
                return hashlib.sha256(store.get(image_id).tobytes()).hexdigest()
            except Exception:  # any error of the decoder on damaged bytes
                return None
    return None
