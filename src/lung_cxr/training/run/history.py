"""The history of a run: one row per epoch, in `history.csv` and in the log."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.contracts import history as history_contract

Row = dict[str, Any]
"""One row of `contracts.history`: the settings during the epoch, its losses, and the event at its end.

`best_val_loss` and `patience_counter` include the loss of this epoch, before the event resets the counter.
"""


def write_history(rows: list[Row], path: Path) -> None:
    """Write all rows so far (atomic)."""
    table = pd.DataFrame(rows, columns=list(history_contract.columns))
    with atomic_write(path) as unfinished:
        table.to_csv(unfinished, index=False)


def read_history(path: Path) -> pd.DataFrame:
    """Return `history.csv` as a table that satisfies `contracts.history`."""
    table = pd.read_csv(path, dtype={"event": str}, keep_default_na=False, na_values={"train_loss": [""], **_EMPTY})
    return history_contract.validate(table)


_EMPTY = {name: [""] for name in ("val_loss", "val_accuracy", "val_macro_f1", "best_val_loss")}


def epoch_line(row: Row, max_epochs: int, patience: int | None, layer_groups: int) -> str:
    """Return the log line of one epoch.

    Args:
        row: The epoch's row of the history.
        max_epochs: n, epochs.
        patience: Epochs without improvement before the next event; None: without limit.
        layer_groups: L, number of layer groups of the backbone.
    """
    left = (max_epochs - row["epoch"]) * row["seconds"]
    parts = [
        f"epoch {row['epoch']}/{max_epochs}",
        f"stage {row['stage']}, {row['unfrozen_groups']}/{layer_groups} groups",
        f"learning rate {row['learning_rate']:.2e}",
        f"loss {row['train_loss']:.4f}, validation {row['val_loss']:.4f} (best {row['best_val_loss']:.4f})",
        f"macro-F1 {row['val_macro_f1']:.3f}",
        f"patience {row['patience_counter']}/{patience or '∞'}",
        f"{row['seconds']:.1f} s",
    ]
    parts.append(row["event"] or f"at most {duration(left)} left at this pace")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return "40 s", "12 min" or "3.5 h"."""
    if not math.isfinite(seconds):
        return "an unknown time"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
