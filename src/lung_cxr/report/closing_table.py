"""Table that closes a training command: one row per run, for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.report.numbers import NOTHING, decimal

HEAD = ("best epoch", "val. loss", "test acc.", "macro F1")
MOST_ROWS = 40  # a screen


def as_text(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return one row per run: best epoch of all epochs, its validation loss, test accuracy and test macro F1.

    Args:
        runs: Name and record of each run, finished or not.
    """
    shown = runs[:MOST_ROWS]
    width = max(len(name) for name, _ in shown)
    lines = ["run".ljust(width) + "".join(f"{title:>12}" for title in HEAD)]
    lines += [name.ljust(width) + "".join(f"{text:>12}" for text in _row(record)) for name, record in shown]
    further = len(runs) - len(shown)
    return "\n".join([*lines, f"… and {further:,} more runs"] if further else lines)


def _row(record: Mapping[str, Any]) -> tuple[str, ...]:
    if record["status"] != "finished":
        return (record["status"], *[NOTHING] * (len(HEAD) - 1))
    test = record.get("metrics", {}).get("test", {})
    best = record.get("best_epoch")
    return (
        NOTHING if best is None else f"{best}/{record['epochs']}",
        *(decimal(value) for value in (record.get("best_val_loss"), test.get("accuracy"), test.get("macro_f1"))),
    )
