"""What a mirror knows of its files: as which file of the store each was last seen to be there."""

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Copy(NamedTuple):
    """A file of the mirror that the store has too.

    Attributes:
        size, modified_ns: Of the file on this machine.
        signature: Of the file in the store.
    """

    size: int
    modified_ns: int
    signature: str

    def is_still(self, status: os.stat_result | None) -> bool:
        """Whether the file on this machine is untouched since."""
        return status is not None and (status.st_size, status.st_mtime_ns) == (self.size, self.modified_ns)


class Copies:
    """Path below the mirror → copy, remembered between commands.

    Args:
        path: The file; made if it does not exist.
    """

    def __init__(self, path: Path):
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")  # what a power cut takes is fetched again
        self._database.execute("CREATE TABLE IF NOT EXISTS copies (key PRIMARY KEY, size, modified_ns, signature)")
        self._copies = {key: Copy(*rest) for key, *rest in self._database.execute("SELECT * FROM copies")}

    def get(self, key: str) -> Copy | None:
        """Return what is known of a file."""
        return self._copies.get(key)

    def below(self, folder: str) -> list[str]:
        """Return the keys of a folder's files, at any depth; "" is the mirror."""
        return [key for key in self._copies if key.startswith(f"{folder}/" if folder else "")]

    def put(self, key: str, status: os.stat_result, signature: str) -> None:
        """Note that a file here and one in the store are the same."""
        copy = Copy(status.st_size, status.st_mtime_ns, signature)
        self._database.execute("REPLACE INTO copies VALUES (?, ?, ?, ?)", (key, *copy))
        self._copies[key] = copy

    def forget(self, keys: Iterable[str]) -> None:
        """Note that files are no longer here, or are not the store's."""
        for key in keys:
            self._database.execute("DELETE FROM copies WHERE key = ?", (key,))
            self._copies.pop(key, None)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
