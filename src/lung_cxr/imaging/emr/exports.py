"""One hospital export: a folder with EMR tables and the images they name, read into logical columns."""

import logging
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import get_args

import pandas as pd

from lung_cxr.imaging.emr.tables import TableError, TextTable, read_text_table
from lung_cxr.parameters import EmrParameters, LogicalColumn

MARKER = "SYNTHETIC"  # an empty file of this name says that nobody in the export exists
LOGICAL_COLUMNS: tuple[LogicalColumn, ...] = get_args(LogicalColumn)
REQUIRED: tuple[tuple[LogicalColumn, ...], ...] = (
    ("patient_id",),
    ("image_path",),
    ("diagnosis", "icd10_primary"),
)  # one of each must be there

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Export:
    """A folder that a hospital delivered.

    Attributes:
        export_id: The folder's name, "." where the exports' root itself is the one export.
        folder: Where it is.
        synthetic: Whether the marker file says that nobody in it exists.
    """

    export_id: str
    folder: Path
    synthetic: bool

    @property
    def root(self) -> Path:
        """The folder of all exports; the export's own where it is the only one."""
        depth = len(PurePosixPath(self.export_id).parts)
        return self.folder.parents[depth - 1] if depth else self.folder

    def read_rows(self, emr: EmrParameters, ordinal: int) -> pd.DataFrame:
        """Read all EMR tables of the export, as text.

        Args:
            emr: What the hospital's tables look like.
            ordinal: What the log and errors call the export; its name stays in 01_raw and 02_intermediate.

        Returns:
            `table` (position in `emr.tables`, from 1), `row` (1 is the first below the header), `malformed` and
            every column of `LOGICAL_COLUMNS`, "" where the table has none; rows that `emr.row_filter` keeps.

        Raises:
            TableError: No table, one that cannot be read, or a column that must be there and is not.
        """
        try:
            found = self.tables(emr)
            if not found:
                raise TableError(
                    f"it has none of the tables {', '.join(emr.tables)}. Name its EMR table in emr.tables "
                    "(conf/<env>/parameters_ingestion.yml), or move the folder out of the exports"
                )
            texts = [(number, path, read_text_table(path)) for number, path in found]
            _check_filter([text.cells.columns for _, _, text in texts], emr.row_filter)
            frames = [_logical_rows(text, number, emr, f"Export {ordinal}", path.name) for number, path, text in texts]
        except TableError as error:
            raise TableError(f"Export {ordinal} (known_exports in 02_intermediate has its name): {error}") from None
        return pd.concat(frames, ignore_index=True)

    def tables(self, emr: EmrParameters) -> list[tuple[int, Path]]:
        """Return position in `emr.tables` and path of the tables that are there.

        Raises:
            TableError: One of them is a link out of the export. (A hard link cannot be told from a file.)
        """
        paths = [(number, self.folder / name) for number, name in enumerate(emr.tables, start=1)]
        found = [(number, path) for number, path in paths if path.is_file()]
        for _, path in found:
            if not path.resolve().is_relative_to(self.folder.resolve()):
                raise TableError(f"{path.name} is a link out of the export; expected the table itself: copy it there")
        return found

    def locate(self, image_path: str) -> Path | None:
        """Return the file that an EMR cell names, None where that leads out of the folder, also through a link.

        Unicode spellings of the name are tried in turn: file systems differ in them. A name that the system refuses
        (too long, a NUL, links in a circle, no permission) is returned as it is: a file that is not there.
        """
        if not stays_inside(image_path):
            return None
        relative = image_path.strip().replace("\\", "/")
        spellings = (relative, *(unicodedata.normalize(form, relative) for form in ("NFC", "NFD", "NFKC")))
        path = self.folder / relative
        try:
            path = next((path for text in spellings if (path := self.folder / text).exists()), path)
            return path if path.resolve().is_relative_to(self.folder.resolve()) else None
        except (OSError, RuntimeError, ValueError):  # their messages quote the name
            return path


def number_exports(exports: Iterable[Export], previous: pd.DataFrame | None) -> pd.DataFrame:
    """Return `export, export_id, synthetic`: known exports keep their ordinal, new ones follow in order of name.

    Args:
        exports: Those there are now.
        previous: The table of the last run; its exports stay in it, there or not.
    """
    known = [] if previous is None else previous.to_dict("records")
    names = {row["export_id"] for row in known}
    for export in sorted(exports, key=lambda export: export.export_id):
        if export.export_id not in names:
            known.append({"export": len(known) + 1, "export_id": export.export_id, "synthetic": export.synthetic})
    return pd.DataFrame(known, columns=["export", "export_id", "synthetic"])


def read_all_rows(exports: Mapping[str, Export], known: pd.DataFrame, emr: EmrParameters) -> pd.DataFrame:
    """Return the rows of all exports, as `Export.read_rows`, with the ordinal `export` before them."""
    ordinals = dict(zip(known["export_id"], known["export"], strict=True))
    frames = [export.read_rows(emr, ordinals[name]).assign(export=ordinals[name]) for name, export in exports.items()]
    return pd.concat(frames, ignore_index=True)


def read_image_paths(exports: Mapping[str, Export], known: pd.DataFrame, emr: EmrParameters) -> pd.DataFrame:
    """Return `export` (ordinal) and `image_path` of every row; the tables were checked when their rows were read."""
    ordinals = dict(zip(known["export_id"], known["export"], strict=True))
    column = emr.columns["image_path"]
    frames = [
        pd.DataFrame({"export": ordinals[name], "image_path": read_text_table(path).cells[column]})
        for name, export in exports.items()
        for _, path in export.tables(emr)
    ]
    return pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)


def files_of(exports: Mapping[str, Export], known: pd.DataFrame, emr: EmrParameters) -> list[Path]:
    """Return every file that a row of any export names and that is there."""
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
    """Return image_id → file, None where the path leads out of its export.

    Records hold keys of paths only; this is the way back, never saved.

    Args:
        records: `image_id, source_export, file_key`.
        exports: By name.
        known: Names to ordinals.
        paths: `export, file_key, image_path`, from `keys.key_paths`.
    """
    names = dict(zip(known["export"], known["export_id"], strict=True))
    there = records.merge(paths, left_on=["source_export", "file_key"], right_on=["export", "file_key"])
    columns = (there[name] for name in ("image_id", "source_export", "image_path"))
    return {image_id: exports[names[export]].locate(path) for image_id, export, path in zip(*columns, strict=True)}


def stays_inside(image_path: str) -> bool:
    """Whether a path, as an EMR cell has it, is relative and never climbs above its start."""
    text = image_path.strip()
    windows = PureWindowsPath(text)
    return not (windows.drive or windows.root or PurePosixPath(text).is_absolute() or ".." in windows.parts)


def _logical_rows(text: TextTable, number: int, emr: EmrParameters, export: str, table: str) -> pd.DataFrame:
    cells, malformed = text
    columns = {logical: name for logical, name in emr.columns.items() if name is not None}
    _check_columns(export, table, cells.columns, columns)
    rows = pd.DataFrame(
        {name: cells[columns[name]] if columns.get(name) in cells.columns else "" for name in LOGICAL_COLUMNS},
        index=cells.index,
        dtype="str",
    )
    rows.insert(0, "table", number)
    rows.insert(1, "row", cells.index)
    rows.insert(2, "malformed", cells.index.isin(malformed))
    kept = _kept(cells, emr.row_filter) | rows["malformed"]
    if emr.row_filter:
        log.info("%s: emr.row_filter leaves out %d of %d rows of %s", export, (~kept).sum(), len(kept), table)
    return rows[kept]


def _check_filter(found: Sequence[pd.Index], row_filter: Mapping[str, Sequence[str]]) -> None:
    """A column that no table has is empty; where empty is not kept, a slip of the pen would drop the whole export."""
    for column, values in row_filter.items():
        if "" not in values and not any(column in columns for columns in found):
            raise TableError(
                f"no table has the column {column!r} of emr.row_filter; expected it in one of them. Mend its name in "
                'conf/<env>/parameters_ingestion.yml, or add "" to the values kept'
            )


def _check_columns(export: str, table: str, found: pd.Index, columns: Mapping[LogicalColumn, str]) -> None:
    missing = sorted(logical for logical, name in columns.items() if name not in found)
    lacking = [group for group in REQUIRED if all(name in missing or name not in columns for name in group)]
    known = [columns[name] for name in columns if name not in missing]
    if lacking:
        wanted = ", ".join(" or ".join(repr(columns.get(name) or name) for name in group) for group in lacking)
        raise TableError(
            f"no column {wanted} in {table}; found {len(found)} columns, of which expected: "
            f"{', '.join(map(repr, known)) or 'none (is there a header row?)'}. Map the hospital's names in "
            "emr.columns (conf/<env>/parameters_ingestion.yml)"
        )
    if repeated := [name for name in known if list(found).count(name) > 1]:
        raise TableError(f"{table}: the columns {', '.join(map(repr, repeated))} occur twice; expected each once")
    if missing:
        names = ", ".join(missing)
        log.warning(
            "%s: %s has no column for %s: taken as empty (null in emr.columns says it is so)", export, table, names
        )


def _kept(cells: pd.DataFrame, row_filter: Mapping[str, Sequence[str]]) -> "pd.Series[bool]":
    kept = pd.Series(True, index=cells.index)
    for column, values in row_filter.items():
        present = cells[column].str.strip() if column in cells.columns else pd.Series("", index=cells.index)
        kept &= present.isin(values)
    return kept
