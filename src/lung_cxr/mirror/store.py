"""Files in a store of objects, through fsspec: S3 and what speaks like it, and whatever else fsspec knows."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
from fsspec.core import split_protocol, url_to_fs

LOCAL = (None, "file", "local")
TIMES = ("LastModified", "last_modified", "mtime", "created")  # as file systems call it
BILLION = 1_000_000_000

# Other processes write to the same store: what fsspec remembers of a listing, for Kedro's datasets too, would be stale.
for _protocol in ("s3", "gs", "abfs"):
    fsspec.config.conf.setdefault(_protocol, {}).setdefault("use_listings_cache", False)


class Stored(NamedTuple):
    """One file of the store.

    Attributes:
        signature: Another one means that the content is another: size and ETag, or size and time where there is none.
        modified_ns: Since 1970; 0 where the store does not say.
    """

    signature: str
    modified_ns: int


def is_remote(path: str) -> bool:
    """Whether a path of the catalogue leads to a store, not to a mounted folder."""
    return split_protocol(path)[0] not in LOCAL


def key_of(url: str) -> str:
    """Return a URL as a relative path: `s3://bucket/data/` is `s3/bucket/data`."""
    filesystem, root = url_to_fs(url)
    protocol = filesystem.protocol if isinstance(filesystem.protocol, str) else filesystem.protocol[0]
    return f"{protocol}/{root.strip('/')}"


def list_files(url: str) -> dict[str, Stored]:
    """Return name below the URL → file, at any depth; {} where there is nothing.

    Raises:
        ValueError: A name leads out of the folder.
    """
    filesystem, root = url_to_fs(url)
    found = filesystem.find(root, detail=True)
    start = len(root.rstrip("/")) + 1
    files = {path[start:]: _stored(details) for path, details in found.items() if len(path) > start}
    if any(part in ("", ".", "..") for name in files for part in name.split("/")):
        raise ValueError(f"A file below {url} has '..' or an empty folder's name in its name; expected plain names")
    return files


def fetch(url: str, target: Path, modified_ns: int) -> bool:
    """Download a file, whole or not at all, with the store's time; return False where it is gone."""
    filesystem, place = url_to_fs(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".unfinished-{target.name}")
    try:
        filesystem.get_file(place, str(unfinished))
        os.utime(unfinished, ns=(modified_ns, modified_ns))
        unfinished.replace(target)
    except FileNotFoundError:
        return False
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def send(source: Path, url: str) -> str:
    """Upload a file, whole or not at all; return its signature."""
    filesystem, place = url_to_fs(url)
    filesystem.put_file(str(source), place)
    return _stored(filesystem.info(place)).signature


def delete(url: str) -> None:
    """Delete a file if it is there."""
    filesystem, place = url_to_fs(url)
    with suppress(FileNotFoundError):
        filesystem.rm_file(place)


def _stored(details: dict[str, Any]) -> Stored:
    """What a store says of a file, each in its own words."""
    modified: Any = next((details[name] for name in TIMES if details.get(name)), 0)
    if isinstance(modified, str):
        modified = datetime.fromisoformat(modified)
    if isinstance(modified, datetime):
        modified = (modified if modified.tzinfo else modified.replace(tzinfo=UTC)).timestamp()
    modified_ns = int(modified * BILLION)
    return Stored(f"{details['size']} {details.get('ETag') or details.get('etag') or modified_ns}", modified_ns)
