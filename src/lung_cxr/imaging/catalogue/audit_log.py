"""Append-only log of commands that a data protection officer asks for: `02_intermediate/audit_log.jsonl`."""

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path

AUDIT_LOG = "audit_log.jsonl"


def append_audit_line(intermediate: Path, command: str, **counts: int) -> None:
    """Append one line: time (UTC), user of the operating system, command and counts; no key, no path.

    Args:
        intermediate: `02_intermediate`.
        command: Name of the pipeline.
        counts: Numbers to be logged.
    """
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "user": getpass.getuser(), "command": command}
    with (intermediate / AUDIT_LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps({**line, **counts}, ensure_ascii=False) + "\n")
