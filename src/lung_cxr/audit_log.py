"""Audit log of all commands that write the catalogue: one JSON object a line, appended only."""

import getpass
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

AUDIT_LOG = "audit_log.jsonl"  # in 02_intermediate
PATH = re.compile(r"(?:[~/\\]|[A-Za-z]:[/\\]|[\w+.-]+://|\.{1,2}[/\\]).*|[^%]*[\w.-]+/[^%]*\.\w{2,8}", re.DOTALL)
SECRET = re.compile(r"(?:^|[._])(?:key|secret|password|token|credentials?)(?:[._]|$)")
NOT_RECORDED = "(not recorded)"


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one line with the time and the user, and flush it to the disk.

    One `write` adds the whole line. If a power cut has left half a line, the new line begins below it.

    Args:
        path: The log; created if it does not exist.
        entry: Further values of the line: counts and settings, never a value of a patient.
    """
    stamped = {"time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "user": user_name(), **entry}
    line = json.dumps(stamped, ensure_ascii=False, default=str).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        is_torn = file.tell() > 0 and not _ends_with_newline(path)
        file.write(b"\n" * is_torn + line)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of the log, oldest first; half a line that a power cut has left is skipped."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def changed_parameters(path: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that differ from those of the last logged command; None: the parameter is gone.

    Each line holds only differences, so that all lines together give the last parameters. Paths and secrets are
    replaced by a fixed text.

    Args:
        path: The log.
        parameters: All parameters of the command, nested.
    """
    last: dict[str, Any] = {}
    for entry in read(path):
        last.update(entry.get("parameters", {}))
    now = recorded(parameters)
    changed = {name: value for name, value in now.items() if name not in last or last[name] != value}
    return changed | {name: None for name, value in last.items() if name not in now and value is not None}


def recorded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters by their dotted names as JSON values; paths and secrets are replaced by a fixed text."""
    return json.loads(json.dumps(dict(_flat(parameters)), default=str))


def user_name() -> str:
    """Return the name of the operating system's user, or the number without a name."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
    except ImportError:  # Windows
        return getpass.getuser()


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        full = f"{prefix}{name}"
        plain = value.model_dump() if hasattr(value, "model_dump") else value
        if isinstance(plain, Mapping):
            yield from _flat(plain, f"{full}.")
        else:
            yield full, _recorded(full, plain)


def _recorded(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_recorded(name, one) for one in value]
    is_hidden = isinstance(value, str) and (PATH.fullmatch(value) or SECRET.search(name))
    return NOT_RECORDED if is_hidden else value


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
