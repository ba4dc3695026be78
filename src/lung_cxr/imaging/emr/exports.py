"""A hospital export: a folder with EMR tables and the image files that they name."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from lung_cxr.imaging.emr.export_tables import ExportTables, read_export_tables
from lung_cxr.imaging.emr.find_files import find_file
from lung_cxr.parameters import EmrParameters

MARKER = "SYNTHETIC"  # empty file that declares all patients of the export synthetic


@dataclass(frozen=True)
class Export:
    """A folder that a hospital delivered.

    Attributes:
        export_id: Name of the folder, "." if the root of the exports is itself the only export.
        folder: Path of the folder.
        synthetic: True if the marker file declares all patients synthetic.
    """

    export_id: str
    folder: Path
    synthetic: bool
    _inside: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def root(self) -> Path:
        """Return the folder of all exports; the export itself if it is the only one."""
        depth = len(PurePosixPath(self.export_id).parts)
        return self.folder.parents[depth - 1] if depth else self.folder

    def locate(self, image_path: str) -> Path | None:
        """Return the file that a field names, None if the path leads out of the folder, also through a link.

        A name that the system refuses (too long, a NUL, links in a circle, no permission) is returned as it is: a
        missing file.
        """
        if not stays_inside(image_path):
            return None
        relative = image_path.strip().replace("\\", "/")
        try:
            path = find_file(self.folder, relative)
            return path if (self._holds(path.resolve()) if path.is_symlink() else self._holds_folder(path)) else None
        except (OSError, RuntimeError, ValueError):  # their messages quote the name
            return self.folder / relative

    def _holds(self, real: Path) -> bool:
        return real.is_relative_to(self._real_folder)

    @cached_property
    def _real_folder(self) -> Path:
        return self.folder.resolve()

    def _holds_folder(self, path: Path) -> bool:
        """Return whether the folder of a file, without links, is in the export; found once for all of its files."""
        folder = os.path.dirname(path)  # noqa: PTH120 - a third of the time of Path.parent
        if folder not in self._inside:
            self._inside[folder] = self._holds(Path(folder).resolve())
        return self._inside[folder]


def number_exports(exports: Iterable[Export], previous: pd.DataFrame | None) -> pd.DataFrame:
    """Return `export, export_id, synthetic`: known exports keep their ordinal, new ones follow in the order of names.

    Args:
        exports: All present exports.
        previous: Table of the last run, None for the first; its exports stay, even if they are no longer present.
    """
    known = [] if previous is None else previous.to_dict("records")
    names = {row["export_id"] for row in known}
    for export in sorted(exports, key=lambda export: export.export_id):
        if export.export_id not in names:
            known.append({"export": len(known) + 1, "export_id": export.export_id, "synthetic": export.synthetic})
    return pd.DataFrame(known, columns=["export", "export_id", "synthetic"])


def read_all_tables(exports: Mapping[str, Export], known: pd.DataFrame, emr: EmrParameters) -> ExportTables:
    """Return the tables of all exports, with the ordinal `export` as a further column of the rows."""
    ordinals = dict(zip(known["export_id"], known["export"], strict=True))
    tables = {
        ordinals[name]: read_export_tables(export.folder, emr, ordinals[name]) for name, export in exports.items()
    }
    frames = [table.rows.assign(export=ordinal) for ordinal, table in tables.items()]
    return ExportTables(
        pd.concat(frames, ignore_index=True),
        [note for table in tables.values() for note in table.notes],
        [facts for table in tables.values() for facts in table.facts],
    )


def read_all_rows(exports: Mapping[str, Export], known: pd.DataFrame, emr: EmrParameters) -> pd.DataFrame:
    """Return the rows of `read_all_tables`."""
    return read_all_tables(exports, known, emr).rows


def read_image_paths(exports: Mapping[str, Export], known: pd.DataFrame, emr: EmrParameters) -> pd.DataFrame:
    """Return the distinct `export` (ordinal) and `image_path` of all rows, before `emr.row_filter`."""
    ordinals = dict(zip(known["export_id"], known["export"], strict=True))
    frames = [
        read_export_tables(export.folder, emr, ordinals[name], filtered=False)
        .rows[["image_path"]]
        .drop_duplicates()
        .assign(export=ordinals[name])
        for name, export in exports.items()
    ]
    return pd.concat(frames, ignore_index=True)[["export", "image_path"]]


def files_of(exports: Mapping[str, Export], known: pd.DataFrame, emr: EmrParameters) -> list[Path]:
    """Return all existing files that rows of the exports name."""
    names = dict(zip(known["export"], known["export_id"], strict=True))
    named = read_image_paths(exports, known, emr)
    located = (exports[names[row.export]].locate(row.image_path) for row in named.itertuples())
    return [path for path in located if path is not None and _is_file(path)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that the system refuses
        return False


def locate_images(
    records: pd.DataFrame, exports: Mapping[str, Export], known: pd.DataFrame, paths: pd.DataFrame
) -> dict[str, Path | None]:
    """Return image_id → file, None if the path leads out of its export.

    Records hold keyed hashes of paths only; this mapping back to files is never saved.

    Args:
        records: `image_id, source_export, file_key`.
        exports: Exports by `export_id`.
        known: As `contracts.known_exports`.
        paths: `export, file_key, image_path`, from `keys.key_paths`.
    """
    names = dict(zip(known["export"], known["export_id"], strict=True))
    there = records.merge(paths, left_on=["source_export", "file_key"], right_on=["export", "file_key"])
    columns = (there[name].tolist() for name in ("image_id", "source_export", "image_path"))
    return {image_id: exports[names[export]].locate(path) for image_id, export, path in zip(*columns, strict=True)}


def stays_inside(image_path: str) -> bool:
    """Return True if a path, as an EMR field has it, is relative and stays below its start."""
    text = image_path.strip()
    if text[:1] not in ("/", "\\") and ":" not in text and ".." not in text:
        return True  # the common case, without parsing
    windows = PureWindowsPath(text)
    return not (windows.drive or windows.root or PurePosixPath(text).is_absolute() or ".." in windows.parts)
