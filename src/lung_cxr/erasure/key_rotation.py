"""Rotate the pseudonymisation key: rewrite every id and file name of a catalogue, and keep every subset.

Keys are one-way, so the new keys are made from the raw rows of the exports; an image without a raw row cannot be
renamed. Each table is rewritten atomically, and new keys stay as they are: after a kill, the same command with the same
two secrets completes the rotation. Until then the fingerprint file refuses all other commands.
"""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.erasure.catalogue import REVIEW_PAGE, erase_files, erase_images
from lung_cxr.erasure.hash_rotation import HashRotation, hash_rotation, is_unkeyed
from lung_cxr.erasure.keyed_tables import key_columns, tables_below
from lung_cxr.erasure.new_keys import NewKeys
from lung_cxr.erasure.pixel_arrays import erase_pixels
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.key_check import KEY_FINGERPRINT, KeyCheckError
from lung_cxr.imaging.catalogue.reidentification import IMAGE_KEY
from lung_cxr.imaging.catalogue.summary import DecisionNeededError, IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.splitting.pixels import ARRAYS

REBUILT_TABLES = {
    *("records", "rejected_records", "rejected_images", "excluded_images", "compared_images", "label_review"),
    *("shared_images", "row_identities", "image_decisions", "decision_outcomes", "new_images_seen", "probabilities"),
    "label_suspects",
}
"""Tables that the next run rebuilds: rows that cannot be renamed are dropped."""


@dataclass(frozen=True)
class RotatedFolders:
    """Folders that a key rotation rewrites.

    Attributes:
        intermediate: `02_intermediate`.
        primary: `03_primary`.
        images: `03_primary/images`.
        pixels: `05_model_input`.
        outputs: `07_model_output`.
        reporting: `08_reporting`, with the review page.
    """

    intermediate: Path
    primary: Path
    images: Path
    pixels: Path
    outputs: Path
    reporting: Path

    @property
    def tables(self) -> list[Path]:
        """Return every Parquet table of the catalogue, the split and the predictions of all runs."""
        folders = (self.intermediate, self.primary, self.pixels, self.outputs)
        return [path for folder in folders for path in tables_below(folder)]


def rotate(
    names: NewKeys,
    files: Iterable[Path],
    old: Secret,
    new: Secret,
    folders: RotatedFolders,
    *,
    drop_unknown: bool,
    workers: int,
    decision_lists: Iterable[Path] = (),
) -> None:
    """Rewrite all tables and rename all images.

    Args:
        names: New keys of all raw rows, from `new_keys`.
        files: Source files of all exports.
        old: The present secret.
        new: The new secret.
        folders: Folders to rewrite.
        drop_unknown: Delete rows and images without a raw row; False refuses the rotation.
        workers: Threads that hash source files and stored images; -1: all cores.
        decision_lists: Lists of people's decisions, whose image keys are replaced.

    Raises:
        IngestionError: A row has no raw row and `drop_unknown` is False, or the catalogue is of an earlier version.
    """
    tables = folders.tables
    if not drop_unknown:
        refuse_unknown(count_unknown(tables, names))
    if is_unkeyed(folders.intermediate / "source_files.parquet"):
        raise IngestionError("The catalogue was made by an earlier version. Run ingestion with the old key first")
    store, unknown = ImageStore(folders.images), unknown_images(tables, names)
    hashes = hash_rotation(files, names.images, store, old, new, workers)
    mark_half_rotated(folders.intermediate, old, new)
    for path in (folders.intermediate / "merged_patients.parquet", folders.pixels / ARRAYS):
        path.unlink(missing_ok=True)  # the next runs of ingestion and splitting rebuild them
    for pattern in ("probabilities.*", "predictions.html", "*.png"):  # the next prediction rebuilds them
        erase_files(folders.outputs / "new_images", pattern)
    erase_files(folders.reporting, REVIEW_PAGE)  # it names images by their ids
    erase_pixels(folders.pixels, unknown)
    erase_images(store, unknown)
    for path in tables:
        if path.exists():
            rename_table(path, names, hashes)
    for path in decision_lists:
        rename_in_list(path, names.images)
    rename_images(store, names)


def check_fingerprint(stored: str | None, old: Secret, new: Secret) -> bool:
    """Return True if the catalogue has the old key, or if a rotation to the new key is unfinished.

    Args:
        stored: Content of `key_fingerprint.txt`; None without a catalogue.
        old: The present secret.
        new: The new secret.

    Raises:
        KeyCheckError: There is no catalogue, both secrets are equal, or the catalogue has another key.
    """
    if old.fingerprint == new.fingerprint:
        raise KeyCheckError("The new key equals the old key; expected another key: `make rotate-key` makes one")
    if stored is None:
        raise KeyCheckError("There is no catalogue to rewrite. Use the new key from the first run on")
    if stored.strip() == new.fingerprint:
        return False
    if stored.strip() not in (old.fingerprint, half_rotated(old, new)):
        raise KeyCheckError(
            "The catalogue was made with another key than the given old key, or its rotation was started with another "
            "new key. Nothing was changed. Give the same two secrets as at the first start of the rotation"
        )
    return True


def half_rotated(old: Secret, new: Secret) -> str:
    """Return the content of the fingerprint file during the rotation."""
    return f"{old.fingerprint}>{new.fingerprint}"  # key_check.HALF_ROTATED


def count_unknown(tables: Iterable[Path], names: NewKeys) -> dict[str, int]:
    """Return table → count of rows without a raw row; tables that the next run rebuilds are skipped."""
    counts: dict[str, int] = {}
    for path in tables:
        is_kept = path.stem not in REBUILT_TABLES and not path.name.startswith("pixels_")
        if is_kept and (columns := key_columns(path)):
            unknown = _unknown_rows(pd.read_parquet(path, columns=columns), names)
            counts[path.name] = counts.get(path.name, 0) + int(unknown.sum())
    return {name: count for name, count in counts.items() if count}


def unknown_images(tables: Iterable[Path], names: NewKeys) -> set[str]:
    """Return the ids of images without a raw row."""
    found: set[str] = set()
    for path in tables:
        if "image_id" in key_columns(path):
            ids = pd.read_parquet(path, columns=["image_id"])["image_id"]
            found |= set(ids[names.unknown(ids)])
    return found


def rename_table(path: Path, names: NewKeys, hashes: HashRotation) -> None:
    """Rewrite a table under the new keys and drop rows without a new key. Can be repeated."""
    columns = key_columns(path)
    if not columns:
        return
    table = pd.read_parquet(path)
    unknown = _unknown_rows(table[columns], names)
    if not unknown.any() and not any(key in names.keys for column in columns for key in table[column]):
        return
    table = _renamed(table[~unknown].reset_index(drop=True), columns, names, hashes)
    with atomic_write(path) as unfinished:
        table.to_parquet(unfinished, index=False)


def rename_in_list(path: Path, images: Mapping[str, str]) -> None:
    """Replace image keys in a hospital's CSV; every other byte stays. Can be repeated."""
    data = path.read_bytes()
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "latin-1"  # keeps all bytes
    text = data.decode(encoding)
    renamed = IMAGE_KEY.sub(lambda found: images.get(found[0].lower(), found[0]), text)
    if renamed != text:
        with atomic_write(path) as unfinished:
            unfinished.write_bytes(renamed.encode(encoding))


def rename_images(store: ImageStore, names: NewKeys) -> None:
    """Rename the file of every stored image."""
    for old, new in names.images.items():
        source, target = store.folder / store.path(old), store.folder / store.path(new)
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)


def refuse_unknown(counts: Mapping[str, int]) -> None:
    """Refuse the rotation if a row of the catalogue has no raw row.

    Args:
        counts: From `count_unknown`.

    Raises:
        DecisionNeededError: A row has no raw row. This start of the rotation changed nothing.
    """
    if counts:
        found = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise DecisionNeededError(
            f"Rows of the catalogue without a raw row in the present exports: {found}. New keys are made from raw "
            "rows. Nothing was changed now. Restore the tables of the archived exports (and the emr settings of that "
            "time) and run the command again; or delete these rows, their images and the subsets of their patients "
            "for ever with `--params key_rotation.drop_unknown=true`"
        )


def mark_half_rotated(intermediate: Path, old: Secret, new: Secret) -> None:
    """Write the fingerprint file that refuses all other commands."""
    with atomic_write(intermediate / KEY_FINGERPRINT) as unfinished:
        unfinished.write_text(half_rotated(old, new), encoding="utf-8")


def _renamed(table: pd.DataFrame, columns: list[str], names: NewKeys, hashes: HashRotation) -> pd.DataFrame:
    if {"patient_key", "exam_day"} <= set(table.columns):
        days = pd.Series([names.shift_days.get(key, 0) for key in table["patient_key"]], table.index, dtype="int64")
        table["exam_day"] += pd.to_timedelta(days, unit="D")
    for column in columns:
        table[column] = pd.Series([names.keys.get(key, key) for key in table[column]], table.index, dtype="str")
    if "image_path" in table.columns:
        pairs = zip(table["image_id"], table["image_path"], strict=True)
        paths = [ImageStore.path(image_id) if path else "" for image_id, path in pairs]
        table["image_path"] = pd.Series(paths, table.index, dtype="str")
    return hashes.apply(table)


def _unknown_rows(table: pd.DataFrame, names: NewKeys) -> "pd.Series[bool]":
    return table.apply(names.unknown).any(axis=1).astype(bool)
