"""Find the hospital's lists (withdrawals, aliases, decisions), in any spelling of their file names.

A list lies in the folder of the exports, in an export, or one folder above the exports. A file with the word of a list
in its name is either read or an error: a list that is overlooked leaves a withdrawn patient in the catalogue.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.table_limits import TableError

READ_BY_OTHERS = {".csv", ".xlsx", ".xls", ".parquet", "", ".txt", ".tsv", ".xlsm", ".xlsb", ".ods", ".bak", ".old"}
READ_BY_OTHERS |= {".json", ".xml", ".doc", ".docx", ".pdf", ".rtf", ".numbers", ".zip", ".gz", ".7z", ".csv~"}


@dataclass(frozen=True)
class ListName:
    """The file names of one kind of list; case, blanks, "_" and "-" do not count.

    Attributes:
        name: Name for messages, without suffix.
        stems: Pattern of the whole name without suffix.
        word: Part of a name that is taken for this list.
        suffixes: Formats that are read.
    """

    name: str
    stems: "re.Pattern[str]"
    word: str
    suffixes: Sequence[str]


def find_lists(exports: Sequence[Export], kind: ListName, further: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield the lists of one kind beside, above and in the exports, numbers in a name in their order.

    Args:
        exports: All present exports.
        kind: File names of the list.
        further: Other folders that may hold it.

    Raises:
        TableError: The name of a file holds the word of the list, but is not understood, or it is no file.
    """
    roots = {export.root.resolve() for export in exports}
    folders = roots | {root.parent for root in roots} | {export.folder.resolve() for export in exports}
    folders |= {folder.resolve() for folder in further}
    for folder in sorted(folders):
        for path in sorted(_candidates(folder, kind), key=_by_number):
            stem, suffix = re.sub(r"[\s_-]", "", path.stem.casefold()), path.suffix.casefold()
            if kind.stems.fullmatch(stem) and suffix in kind.suffixes and path.is_file():
                yield path
            elif suffix in READ_BY_OTHERS and not (path.is_dir() and not suffix):  # also a link to nowhere, a pipe
                raise TableError(
                    f"{path.name} is named like the list {kind.name}, but is not read; expected {kind.name} with "
                    f"one of the suffixes {', '.join(kind.suffixes)}. Save it under such a name, or move it out of the "
                    "folder"
                )


def place_of_list(path: Path, exports: Sequence[Export]) -> str:
    """Return the name of a list and its place; the names of export folders stay in 01_raw."""
    root = exports[0].root.resolve()
    if path.parent == root:
        return f"{path.name} beside the exports"
    if path.parent == root.parent:
        return f"{path.name} above the exports"
    folders = [export.folder.resolve() for export in exports]
    if path.parent in folders:
        return f"{path.name} in folder {folders.index(path.parent) + 1} of {len(exports)}"
    return f"{path.name} in 01_raw"


def _candidates(folder: Path, kind: ListName) -> list[Path]:
    """Return the entries of a folder with the word of a list, without hidden files and lock files (`~$list.xlsx`).

    The folder above the exports may be closed to the user.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208  (ten times as fast as paths)
    except (FileNotFoundError, PermissionError):
        return []
    return [folder / name for name in names if kind.word in name.casefold() and not name.startswith((".", "~$"))]


def _by_number(path: Path) -> tuple[list[int], str]:
    """Return the key that sorts `decisions_10.csv` after `decisions_9.csv`."""
    return [int(digits) for digits in re.findall(r"[0-9]+", path.stem)], path.name
