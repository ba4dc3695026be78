"""Another pseudonymisation key for a catalogue that stays: every id and file name is rewritten, every subset kept.

Keys are one-way, so the new ones are made from the raw rows of the exports; what no row names cannot be renamed. Tables
are rewritten one by one, each whole or not at all, and a key that is new already is left alone: killed anywhere, the
same command with the same two secrets finishes. The fingerprint says so until then, and nothing else runs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.atomic import atomic_write
from lung_cxr.erasure.keyed_tables import key_columns, tables_below
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.key_check import KEY_FINGERPRINT
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.keys import with_keys

REMADE = {
    *("records", "rejected_records", "rejected_images", "excluded_images", "compared_images", "label_review"),
    *("new_images_seen", "probabilities"),
}
"""Tables that the next run makes anew: a row that cannot be renamed is left out of them."""


@dataclass(frozen=True)
class NewNames:
    """What becomes of each pseudonym.

    Attributes:
        keys: Old key → new key: patients, studies, images, files and sources.
        images: The part of it that names images.
        shift_days: Old patient key → days by which its shifted dates move on.
    """

    keys: Mapping[str, str]
    images: Mapping[str, str]
    shift_days: Mapping[str, int]

    def unknown(self, keys: "pd.Series[str]") -> "pd.Series[bool]":
        """Whether each key has no new name and is none."""
        known = self._known  # a set: `isin` would make an array of it for every column
        return pd.Series([key not in known for key in keys], keys.index, dtype=bool)

    @cached_property
    def _known(self) -> set[str]:
        return {"", *self.keys, *self.new}

    @cached_property
    def new(self) -> set[str]:
        """Every new key."""
        return set(self.keys.values())


def check_fingerprint(stored: str | None, old: Secret, new: Secret) -> bool:
    """Return whether there is anything to do.

    Raises:
        IngestionError: The catalogue is neither the old key's nor on its way to the new one.
    """
    if old.fingerprint == new.fingerprint:
        raise IngestionError("The new key is the old one; expected another: `make rotate-key` makes one")
    if stored is None:
        raise IngestionError("There is no catalogue whose key could be changed; just use the new key")
    if stored.strip() == new.fingerprint:
        return False
    if stored.strip() not in (old.fingerprint, under_way(old, new)):
        raise IngestionError(
            "The catalogue was made with another key than the old one given, or is being changed to another than the "
            "new one given. Nothing was changed: give both secrets again, the very same as the first time"
        )
    return True


def under_way(old: Secret, new: Secret) -> str:
    """What the fingerprint's file says while the key is being changed."""
    return f"{old.fingerprint}>{new.fingerprint}"  # as lock.HALF_CHANGED


def new_names(rows: pd.DataFrame, numbers: Iterable[str], old: Secret, new: Secret, width: int | None) -> NewNames:
    """Make the new name of everything that the exports' rows name.

    Args:
        rows: As `Export.read_rows`, unfiltered.
        numbers: Further patient numbers: those of `patient_aliases.csv`.
        old, new: The secrets.
        width: `emr.patient_id_width`.
    """
    before, after = (with_keys(rows, secret, width) for secret in (old, new))
    columns = ("patient_key", "study_key", "image_id", "file_key")
    keys = {key: name for column in columns for key, name in zip(before[column], after[column], strict=True) if key}
    patients = {number: old.key("patient", number) for number in {*before["patient_id"], *numbers}}
    keys |= {key: new.key("patient", number) for number, key in patients.items()}
    days = {key: new.date_shift(number) - old.date_shift(number) for number, key in patients.items()}
    return NewNames(keys, dict(zip(before["image_id"], after["image_id"], strict=True)), days)


def new_sources(files: Iterable[Path], old: Secret, new: Secret, workers: int) -> dict[str, str]:
    """Return the new keyed hash of every file's bytes, by the old; nothing is decoded.

    Args:
        files: Those that cannot be read are left out: their source key is forgotten until they are read again.
        old, new: The secrets.
        workers: Threads; -1: all cores.
    """
    digests = Parallel(n_jobs=workers, prefer="threads")(delayed(_sha256)(path) for path in files)
    return {old.source_key(digest): new.source_key(digest) for digest in digests if digest is not None}


def count_unknown(tables: Iterable[Path], names: NewNames) -> dict[str, int]:
    """Return table → rows that no raw row names any more; tables that are made anew are not looked at."""
    counts: dict[str, int] = {}
    for path in tables:
        is_memory = path.stem not in REMADE and not path.name.startswith("pixels_")
        if is_memory and (columns := key_columns(path)):
            unknown = _unknown_rows(pd.read_parquet(path, columns=columns), names)
            counts[path.name] = counts.get(path.name, 0) + int(unknown.sum())
    return {name: count for name, count in counts.items() if count}


def unknown_images(tables: Iterable[Path], names: NewNames) -> set[str]:
    """Return the ids of images that no raw row names any more."""
    found: set[str] = set()
    for path in tables:
        if "image_id" in key_columns(path):
            ids = pd.read_parquet(path, columns=["image_id"])["image_id"]
            found |= set(ids[names.unknown(ids)])
    return found


def rename_table(path: Path, names: NewNames) -> None:
    """Rewrite a table under the new names; rows that have none are left out. Does nothing the second time."""
    columns = key_columns(path)
    if not columns:
        return
    table = pd.read_parquet(path)
    unknown = _unknown_rows(table[columns], names)
    if not unknown.any() and not any(key in names.keys for column in columns for key in table[column]):
        return
    table = table[~unknown].reset_index(drop=True)
    if {"patient_key", "exam_day"} <= set(table.columns):
        days = pd.Series([names.shift_days.get(key, 0) for key in table["patient_key"]], table.index, dtype="int64")
        table["exam_day"] += pd.to_timedelta(days, unit="D")
    for column in columns:
        table[column] = pd.Series([names.keys.get(key, key) for key in table[column]], table.index, dtype="str")
    if "source_key" in table.columns:
        renamed = (names.keys.get(key, key) for key in table["source_key"])
        table["source_key"] = pd.Series([key if key in names.new else "" for key in renamed], table.index, dtype="str")
    if "image_path" in table.columns:
        pairs = zip(table["image_id"], table["image_path"], strict=True)
        paths = [ImageStore.path(image_id) if path else "" for image_id, path in pairs]
        table["image_path"] = pd.Series(paths, table.index, dtype="str")
    with atomic_write(path) as unfinished:
        table.to_parquet(unfinished, index=False)


def rename_images(store: ImageStore, names: NewNames) -> None:
    """Give every stored image its new name."""
    for old, new in names.images.items():
        source, target = store.folder / store.path(old), store.folder / store.path(new)
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)


def refuse_unknown(counts: Mapping[str, int]) -> None:
    """Stop where something has no raw row.

    Raises:
        IngestionError: Nothing was changed yet, or the same as before.
    """
    if counts:
        found = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise IngestionError(
            f"The exports that are here do not name all that the catalogue holds; rows without a raw row: {found}. A "
            "new key is made from raw rows. Nothing was changed now: bring the archived exports' tables back (and the "
            "settings of emr that they were read under) and give the command again; or leave those rows, their images "
            "and their patients' subsets out for ever with `--params key_rotation.drop_unknown=true`"
        )


def tables_of(folders: Iterable[Path], outputs: Path) -> list[Path]:
    """Return every table with keys: of the catalogue, the split and the predictions of all runs."""
    return [path for folder in (*folders, outputs) for path in tables_below(folder)]


def mark_under_way(intermediate: Path, old: Secret, new: Secret) -> None:
    """Say in the fingerprint that nothing but this command may run."""
    with atomic_write(intermediate / KEY_FINGERPRINT) as unfinished:
        unfinished.write_text(under_way(old, new), encoding="utf-8")


def _unknown_rows(table: pd.DataFrame, names: NewNames) -> "pd.Series[bool]":
    return table.apply(names.unknown).any(axis=1).astype(bool)


def _sha256(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
