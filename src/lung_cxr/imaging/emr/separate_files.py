"""Two different files never share an image id: compare the files that several exports deliver under one id.

An image id names patient, study and path. Exports of different months may use one path for different files, above all
without study numbers. The id belongs to the file that the catalogue holds, or to that of the earliest export; a file
with other bytes gets an id of its own, made of the id and the export. A file is compared once: `shared_images` keeps a
keyed stamp of each compared file.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.keys import keys_of_all_spellings
from lung_cxr.text_columns import map_distinct

SHARED_COLUMNS = ["image_id", "other_image_id", "export", "file_stamp"]
Locate = Callable[[int, str], Path | None]  # export and image path → file


class SeparatedFiles(NamedTuple):
    """Rows whose image ids name one file each.

    Attributes:
        rows: The rows with their final `image_id`.
        shared: Compared files, as `contracts.shared_images`.
    """

    rows: pd.DataFrame
    shared: pd.DataFrame


def id_in_export(image_id: str, export: int, secret: Secret) -> str:
    """Return the id of another file that an export delivers under an image id."""
    return secret.key("image", image_id, f"export {export}")


def own_study(image_id: str, secret: Secret) -> str:
    """Return the study key of an image with an id of `id_in_export` and without a study number."""
    return secret.key("study", image_id)


def all_keys(rows: pd.DataFrame, secret: Secret, rules: PatientIdRules) -> pd.DataFrame:
    """Return `catalogued_id, patient_key, study_key, image_id` under which a catalogue may hold the rows.

    Args:
        rows: As `exports.read_all_rows`.
        secret: Secret of the pseudonyms.
        rules: The hospital's rules for patient numbers.
    """
    keyed = pd.concat(keys_of_all_spellings(rows, secret, rules))
    exports = [*rows["export"]] * (len(keyed) // max(len(rows), 1))
    ids = [id_in_export(image_id, export, secret) for image_id, export in zip(keyed["image_id"], exports, strict=True)]
    other = keyed.assign(image_id=ids, study_key=[own_study(image_id, secret) for image_id in ids])
    return pd.concat([keyed, other], ignore_index=True)


def separate_files(
    rows: pd.DataFrame,
    previous_manifest: pd.DataFrame | None,
    previous_shared: pd.DataFrame | None,
    locate: Locate,
    secret: Secret,
    *,
    trust_timestamps: bool,
) -> SeparatedFiles:
    """Give every file its own image id.

    Args:
        rows: From `keys.with_keys`, with the ordinal `export`.
        previous_manifest: Image manifest of the last run, or None.
        previous_shared: `shared_images` of the last run, or None.
        locate: Returns the file of an export and an image path.
        secret: Secret of the pseudonyms.
        trust_timestamps: Whether files of one path, size and time are the same; False compares all bytes.
    """
    comparison = _Comparison(locate, secret, trust_timestamps)
    first: pd.Series[int] = pd.Series(dtype="int64", index=pd.Index([], dtype="str"))
    if previous_manifest is not None:
        comparison.sources = dict(
            zip(previous_manifest["image_id"].tolist(), previous_manifest["source_key"].tolist(), strict=True)
        )
        first = previous_manifest.set_index("image_id")["export"]
    if previous_shared is not None:
        for known in previous_shared.itertuples():
            comparison.known[known.other_image_id, known.export] = (known.image_id, known.file_stamp)
    files = rows.loc[rows["clean_path"] != "", ["image_id", "export", "image_path"]]
    files = files.drop_duplicates(["image_id", "export"]).sort_values(["image_id", "export"])
    is_shared = files["image_id"].duplicated(keep=False)
    is_moved = files["export"] > files["image_id"].map(first).fillna(files["export"]).astype("int64")
    new_ids: dict[tuple[str, int], str] = {}
    for image_id, group in files[is_shared | is_moved].groupby("image_id"):
        named = dict(zip(group["export"], group["image_path"], strict=True))
        new_ids |= comparison.ids_of(str(image_id), named)
    pairs = zip(rows["image_id"].tolist(), rows["export"].tolist(), strict=True)
    separated = pd.Series([new_ids.get(pair, pair[0]) for pair in pairs], rows.index, dtype="str")
    is_own_study = (separated != rows["image_id"]) & (rows["study_id"] == "")
    studies = rows["study_key"].copy()
    studies[is_own_study] = map_distinct(separated[is_own_study], lambda image_id: own_study(image_id, secret))
    shared = pd.DataFrame(comparison.compared, columns=SHARED_COLUMNS).astype({"export": "int64"})
    return SeparatedFiles(rows.assign(image_id=separated, study_key=studies), shared)


@dataclass
class _Comparison:
    """Compares the files of one image id.

    Attributes:
        locate: Returns the file of an export and an image path.
        secret: Secret of the pseudonyms.
        trust_timestamps: Whether files of one path, size and time are the same.
        sources: Image id → keyed hash of the bytes of its file in the catalogue.
        known: Shared id and export → the id of its file and the stamp of the file, from earlier runs.
        compared: Rows of `contracts.shared_images`.
    """

    locate: Locate
    secret: Secret
    trust_timestamps: bool
    sources: Mapping[str, str] = field(default_factory=dict)
    known: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    compared: list[tuple[str, str, int, str]] = field(default_factory=list)

    def ids_of(self, image_id: str, named: Mapping[int, str]) -> dict[tuple[str, int], str]:
        """Return the id of the file of each export.

        Args:
            image_id: Id that several exports name.
            named: Export → image path, in the order of the exports.
        """
        stamps = {export: self._stamp(export, path) for export, path in named.items()}
        only = next(iter(named))
        if len(named) == 1 and self.known.get((image_id, only), ("", ""))[0] == image_id:
            self.compared.append((image_id, image_id, only, stamps[only]))  # compared before: a change replaces it
            return {(image_id, only): image_id}
        contents: dict[int, str] = {}
        by_stamp: dict[str, str] = {}
        for export, path in named.items():
            stamp = stamps[export]
            is_same = self.trust_timestamps and by_stamp.get(stamp, "") != ""
            contents[export] = by_stamp[stamp] if is_same else self._content(image_id, export, stamp, path)
            by_stamp[stamp] = contents[export]
        owner = self.sources.get(image_id) or next(filter(None, contents.values()), "")
        first_with: dict[str, int] = {}
        ids, last = {}, image_id
        for export, content in contents.items():
            if content:  # a row without a file describes the file before it
                first_with.setdefault(content, export)
                known_id, _ = self.known.get((image_id, export), ("", ""))
                own = known_id if self.sources.get(known_id) == content else ""
                last = image_id if content == owner else own or id_in_export(image_id, first_with[content], self.secret)
                self.compared.append((last, image_id, export, stamps[export]))
            ids[image_id, export] = last
        return ids

    def _stamp(self, export: int, path: str) -> str:
        file = self.locate(export, path)
        try:
            status = None if file is None else file.stat()
        except (OSError, ValueError):  # a missing file, or a name that the system refuses
            return ""
        return "" if status is None else KeyedHashes(self.secret).file_stamp(status.st_size, status.st_mtime_ns)

    def _content(self, image_id: str, export: int, stamp: str, path: str) -> str:
        """Return the keyed hash of the bytes of a file, "" without a file; files compared before are not read."""
        known_id, known_stamp = self.known.get((image_id, export), ("", ""))
        if stamp and stamp == known_stamp and self.sources.get(known_id):
            return self.sources[known_id]
        file = self.locate(export, path)
        if not stamp or file is None:
            return ""
        try:
            with file.open("rb") as opened:
                return self.secret.source_key(hashlib.file_digest(opened, "sha256").digest())
        except OSError:
            return ""


def locate_in(exports: Mapping[str, Export], known_exports: pd.DataFrame) -> Locate:
    """Return the function that finds the file of an export's ordinal and an image path."""
    names = dict(zip(known_exports["export"], known_exports["export_id"], strict=True))
    return lambda export, path: exports[names[export]].locate(path)
