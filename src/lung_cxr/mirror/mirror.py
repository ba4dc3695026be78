"""The mirror of one process: what it needs comes from the store, and what it changes goes there."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

from lung_cxr.mirror import store
from lung_cxr.mirror.copies import Copies
from lung_cxr.mirror.selection import Selection, is_cache, is_kept

AT_ONCE = 8  # files on the way: s3fs keeps ten connections

Given = TypeVar("Given")
Found = TypeVar("Found")

log = logging.getLogger(__name__)


class Change(NamedTuple):
    """What this process did to a file; changes sort as they happened.

    Attributes:
        when_ns: The file got its name then, or its folder lost it then (or later).
        is_deletion: The file is no longer here.
        key: Its path below the mirror.
    """

    when_ns: int
    is_deletion: bool
    key: str

    @property
    def at_once(self) -> int:
        """How many of its kind may be on the way: images do not wait for each other, all else does."""
        return AT_ONCE if self.key.endswith(".png") else 1


class Mirror:
    """A folder that one process has to itself.

    What is in it and not known to be in the store was left by a process that was killed, and is thrown away first: the
    store is what counts. From then on, whatever differs from what was fetched or sent is this process's own change.
    Others may write to the same store: only what this process changed is sent or deleted.

    Args:
        folder: Made if it does not exist.
    """

    def __init__(self, folder: Path):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files = folder / "files"
        self._copies = Copies(folder / "copies.sqlite")
        self._urls: dict[str, str] = {}
        self._shared: dict[str, bool] = {}
        self._busy = threading.RLock()
        self._discard_leftovers()

    def path(self, url: str) -> Path:
        """Return where a folder of the store is on this machine."""
        return self._files / store.key_of(url)

    def pull(self, url: str, wanted: Selection, as_is: bool = False) -> Path:
        """Bring the copy of a folder in line with the store, but for what this process changed itself.

        Args:
            url: The folder.
            wanted: Its files; the others stay as they are.
            as_is: Nobody here writes to it: take every file, whatever it is called, and give those that were sent from
                here the store's time, as a new copy would have.
        """
        with self._busy:
            folder, path = self._known(url), self.path(url)
            path.mkdir(parents=True, exist_ok=True)
            stored = store.list_files(url).items()
            there = {f"{folder}/{name}": file for name, file in stored if name in wanted and (as_is or is_kept(name))}
            own = {change.key for change in self._changes([folder])}
            fresh = [key for key in there if key not in own and self._is_new(key, there[key])]
            gone = [key for key in self._copies.below(folder) if key[len(folder) + 1 :] in wanted and key not in there]
            self._take(fresh, there)
            self._drop(key for key in gone if key not in own)
            if as_is:
                self._date(there)
        return path

    def share(self, url: str, in_background: bool) -> None:
        """From now on, send what is changed in a folder; also while a node runs, if told so."""
        with self._busy:
            folder = self._known(url)
            self._shared[folder] = in_background or self._shared.get(folder, False)

    def push(self, in_background: bool = False) -> None:
        """Send what this process changed, in the order in which it did.

        A killed process leaves the store as it would leave a disk: what was written later may be missing, never what
        was written before.

        Args:
            in_background: Only of folders that are sent while a node runs.
        """
        with self._busy:
            folders = [folder for folder, always in self._shared.items() if always or not in_background]
            changes = sorted(self._changes(folders))
            for (is_deletion, at_once), group in groupby(changes, lambda change: (change.is_deletion, change.at_once)):
                keys = [change.key for change in group]
                self._delete(keys, at_once) if is_deletion else self._send(keys, at_once)
        if changes:
            log.info("Sent %d changed files to the store", len(changes))

    def close(self) -> None:
        """Leave the folder to another process."""
        self._copies.close()

    def _discard_leftovers(self) -> None:
        """Delete what the store does not have, and forget what is missing here."""
        statuses = dict(_below(self._files, self._files))
        for key, status in statuses.items():
            copy = self._copies.get(key)
            if not is_cache(key) and not (copy and copy.is_still(status)):
                self._drop([key])
        self._copies.forget(set(self._copies.below("")) - statuses.keys())

    def _known(self, url: str) -> str:
        """Return a folder's key, and remember where it comes from."""
        folder = store.key_of(url)
        self._urls[folder] = url.rstrip("/")
        return folder

    def _url(self, key: str) -> str:
        """Return where a file of a folder that was once named lies in the store."""
        folder = next(folder for folder in self._urls if key.startswith(f"{folder}/"))
        return self._urls[folder] + key[len(folder) :]

    def _changes(self, folders: Iterable[str]) -> set[Change]:
        return {change for folder in folders for change in self._changes_of(folder)}

    def _changes_of(self, folder: str) -> Iterator[Change]:
        statuses = {key: status for key, status in _below(self._files / folder, self._files) if is_kept(key)}
        for key, status in statuses.items():
            copy = self._copies.get(key)
            if not (copy and copy.is_still(status)):
                yield Change(status.st_ctime_ns, False, key)  # of a rename too, unlike the time of modification
        for key in self._copies.below(folder):
            if key not in statuses:
                yield Change(_emptied_ns(self._files / key), True, key)

    def _is_new(self, key: str, stored: store.Stored) -> bool:
        copy = self._copies.get(key)
        return copy is None or copy.signature != stored.signature

    def _take(self, keys: list[str], there: dict[str, store.Stored]) -> None:
        def take(key: str) -> bool:
            return store.fetch(self._url(key), self._files / key, there[key].modified_ns)

        for key, found in zip(keys, _do(take, keys, AT_ONCE), strict=True):
            if found:
                self._copies.put(key, (self._files / key).stat(), there[key].signature)
        if keys:
            log.info("Fetched %d files from the store", len(keys))

    def _drop(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            (self._files / key).unlink(missing_ok=True)
            _remove_empty(self._files / key, self._files)
            self._copies.forget([key])

    def _date(self, there: dict[str, store.Stored]) -> None:
        for key, file in there.items():
            copy, path = self._copies.get(key), self._files / key
            if copy and copy.modified_ns != file.modified_ns and copy.signature == file.signature:
                os.utime(path, ns=(file.modified_ns, file.modified_ns))
                self._copies.put(key, path.stat(), file.signature)

    def _send(self, keys: list[str], at_once: int) -> None:
        def send(key: str) -> tuple[os.stat_result, str] | None:
            path = self._files / key
            try:
                before = path.stat()
                return before, store.send(path, self._url(key))
            except FileNotFoundError:  # deleted since: the next time
                return None

        for key, sent in zip(keys, _do(send, keys, at_once), strict=True):
            if sent:
                self._copies.put(key, *sent)

    def _delete(self, keys: list[str], at_once: int) -> None:
        for key, _ in zip(keys, _do(lambda key: store.delete(self._url(key)), keys, at_once), strict=True):
            self._copies.forget([key])


def _below(folder: Path, root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Path below the root and status of every file of a folder, at any depth."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), root)
            else:
                try:
                    yield Path(entry.path).relative_to(root).as_posix(), entry.stat()
                except FileNotFoundError:  # deleted meanwhile
                    continue


def _remove_empty(path: Path, root: Path) -> None:
    """Remove the folders that a file has left empty, as a store has none: an export without files is no export."""
    for folder in path.parents:
        if folder == root or any(folder.iterdir()):
            return
        folder.rmdir()


def _emptied_ns(path: Path) -> int:
    """When a file that is gone went, at the latest: its folder has changed then, or the first above it that is left."""
    return next(folder.stat().st_mtime_ns for folder in path.parents if folder.is_dir())


def _do(what: Callable[[Given], Found], items: list[Given], at_once: int) -> Iterator[Found]:
    """Do it for one item after the other, up to the first that fails, or for several at a time; results in order."""
    if at_once == 1:
        yield from map(what, items)
        return
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(what, items)
