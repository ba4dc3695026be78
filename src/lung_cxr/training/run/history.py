"""The history of a run: one row per epoch, in `history.csv` and in the log."""

import math
import sys
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.contracts import history as history_contract
from lung_cxr.progress import duration, range_in_words

SLOW_EPOCH = 30.0  # seconds; only slower epochs show the time left

if TYPE_CHECKING:  # readers of a history need no Keras
    from lung_cxr.training.strategies.schedule import Decision, Schedule
    from lung_cxr.training.validation import Validation

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


def settings_row(schedule: "Schedule", unfrozen_groups: int, trainable_parameters: int) -> Row:
    """Return the settings of the next epoch as columns of the history."""
    return {
        "epoch": schedule.epoch + 1,
        "stage": schedule.stage,
        "unfrozen_groups": unfrozen_groups,
        "trainable_parameters": trainable_parameters,
        "learning_rate": schedule.learning_rate,
    }


def results_row(train_loss: float, validation: "Validation", decision: "Decision", seconds: float) -> Row:
    """Return the results of an epoch as columns of the history."""
    best = decision.best_val_loss
    return {
        "train_loss": train_loss,
        "val_loss": validation.loss,
        "val_accuracy": validation.accuracy,
        "val_macro_f1": validation.macro_f1,
        "best_val_loss": best if math.isfinite(best) else math.nan,
        "patience_counter": decision.patience_counter,
        "seconds": seconds,
        "event": decision.event,
    }


def fewest_epochs_left(schedule: "Schedule") -> int:
    """Return the number of epochs that follow if no further epoch improves the validation loss."""
    hopeless = deepcopy(schedule)
    while not hopeless.stop_reason:
        hopeless.on_epoch_end(sys.float_info.max)
    return hopeless.epoch - schedule.epoch


def epoch_line(row: Row, max_epochs: int, patience: int | None, fewest_left: int) -> str:
    """Return the log line of one epoch, short enough for a terminal of 80 columns.

    It has epoch, m (unfrozen layer groups), learning rate, losses, validation accuracy and the event (`unfreeze` or the
    stop reason). Without an event: `best` for the lowest validation loss so far, else the patience counter. Slow epochs
    add the time left at their speed: without a further improvement, and to the last epoch.

    Args:
        row: The epoch's row of the history.
        max_epochs: n, epochs.
        patience: Epochs without improvement before the next event; None: without limit.
        fewest_left: Result of `fewest_epochs_left`.
    """
    epoch = f"epoch {row['epoch']}/{max_epochs}".ljust(len(f"epoch {max_epochs}/{max_epochs}"))
    state = row["event"].removeprefix("stop:") or (
        f"p {row['patience_counter']}/{patience or '∞'}" if row["patience_counter"] else "best"
    )
    line = (
        f"{epoch} m {row['unfrozen_groups']:<2} lr {_rate(row['learning_rate'])} loss {row['train_loss']:.2f} "
        f"val {row['val_loss']:.3f} acc {row['val_accuracy']:.2f} {state}"
    )
    if row["seconds"] < SLOW_EPOCH or row["event"].startswith("stop"):
        return line
    left = range_in_words(fewest_left * row["seconds"], (max_epochs - row["epoch"]) * row["seconds"])
    return f"{line}; {duration(row['seconds'])} per epoch, {left} left"


def _rate(rate: float) -> str:
    """Return a learning rate with two digits, as in `9.0e-4`."""
    mantissa, exponent = f"{rate:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"
