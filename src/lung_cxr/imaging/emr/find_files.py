"""Find the file that a table names: the exact name first, another spelling only if exactly one file has it.

Programs and file systems change the case and the Unicode form of names. A looser match could exchange the images of two
patients: `x²1` and `x21` are one name in Unicode NFKC, and two files.
"""

import unicodedata
from collections import defaultdict
from functools import lru_cache
from pathlib import Path, PurePosixPath

from lung_cxr.imaging.emr.parsers import INVISIBLE


def find_file(folder: Path, relative: str) -> Path:
    """Return the file of a relative path; without a single match, the path as it is written.

    Args:
        folder: Folder of the export.
        relative: Path with forward slashes, as the table has it.

    Raises:
        OSError: The system refuses the name (too long, links in a circle, no permission).
        ValueError: The name holds a NUL.
    """
    exact = folder / relative
    if exact.exists():
        return exact
    found = folder
    for part in PurePosixPath(relative).parts:
        if (found / part).exists():
            found /= part
            continue
        if not found.is_dir():
            return exact
        spellings = _names(found, found.stat().st_mtime_ns).get(_loose(part), [])
        if len(spellings) != 1:
            return exact
        found /= spellings[0]
    return found


@lru_cache(maxsize=256)
def _names(folder: Path, _modified_ns: int) -> dict[str, list[str]]:
    """Return the names of a folder by their loose form; listed once, also for many missing files."""
    names = defaultdict(list)
    for path in folder.iterdir():
        names[_loose(path.name)].append(path.name)
    return dict(names)


def _loose(name: str) -> str:
    """Return a name without case, invisible characters and outer blanks, in Unicode form NFC."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.translate(INVISIBLE)).strip().casefold())
