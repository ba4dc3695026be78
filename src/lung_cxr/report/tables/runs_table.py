"""Tables of the runs: training course, lineage, settings and records."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.experiments import Run
from lung_cxr.report.labels import run_title
from lung_cxr.report.numbers import NOTHING, decimal, duration
from lung_cxr.report.tables.table import Cell, Table, name_cell, text_cell

HASH_SHOWN = 12  # hexadecimal digits: enough to distinguish runs; the run record has the full hash


def runs_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    """Return the training course of each run: stop reason, epochs, unfreezings, depth, losses and time."""
    rows = []
    for title, record in _records(runs):
        depth = f"{_known(record, 'final_unfrozen_groups')} of {_known(record, 'layer_groups')}"
        numbers = [_known(record, name) for name in ("epochs", "best_epoch", "unfreezings")]
        rows.append(
            [
                name_cell(title, f"seed {record['seed']}"),
                text_cell(_known(record, "stop_reason") if record["status"] == "finished" else record["failure"]),
                *map(Cell, [*numbers, depth if "layer_groups" in record else NOTHING]),
                _final_loss(record),
                _training_time(record),
                text_cell(_known(record, "initial_weights")),
            ]
        )
    return Table(
        caption="Training of each run. m of L: layer groups unfrozen at the end. Training loss: last epoch, and in "
        "brackets the lowest loss of any constant prediction. Time: the run, and in brackets all candidates of a depth "
        "search.",
        head=[
            *("Run", "Stop reason", "Epochs", "Best epoch", "Unfreezings", "m of L"),
            *("Training loss", "Time", "Initial weights"),
        ],
        rows=rows,
    )


def identity_table(runs: Sequence[Mapping[str, Any]], exports: Mapping[str, str]) -> Table:
    """Return the lineage of each run: model, inputs back to the exports, code and device.

    Args:
        runs: Rows of `evaluate_grid`.
        exports: Hash of a split → number of its images by export, for the splits that are still known.
    """
    hashes = ("model_sha256", "split_sha256", "pixel_sha256", "initial_weights_sha256", "git_commit")
    rows = [
        [
            name_cell(title, f"seed {record['seed']}"),
            *(Cell(_known(record, name)[:HASH_SHOWN], kind="hash") for name in hashes),
            text_cell(exports.get(record.get("split_sha256", ""), "of an earlier split")),
            *(text_cell(_known(record, name)) for name in ("backend", "precision", "method_version", "device")),
        ]
        for title, record in _records(runs)
    ]
    return Table(
        caption="Lineage of each run: first digits of the SHA-256 of model, split, pixels and initial weights; commit "
        "of the code; exports of the images; computing environment.",
        head=[
            *("Run", "Model", "Split", "Pixels", "Initial weights", "Commit", "Exports"),
            *("Backend", "Precision", "Method", "Device"),
        ],
        rows=rows,
    )


def settings_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    """Return every setting of the runs; values that differ are listed with their runs."""
    records = [(title, record) for title, record in _records(runs) if "parameters" in record]
    values: dict[str, dict[str, list[str]]] = {}
    for title, record in records:
        for name, value in _flat(record["parameters"]):
            values.setdefault(name, {}).setdefault(value, []).append(title)
    rows = []
    for name in sorted(values, key=lambda name: name.partition(".")[0]):  # stable: a group's settings stay in order
        by_value = values[name]
        everywhere = [len(of) for of in by_value.values()] == [len(records)]
        texts = [value if everywhere else f"{value} ({'; '.join(dict.fromkeys(of))})" for value, of in by_value.items()]
        rows.append([name_cell(name), text_cell(" · ".join(texts))])
    return Table("Settings of the runs; values that differ are listed with their runs.", ["Setting", "Value"], rows)


def record_texts(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the title and the record of each run as JSON text."""
    return [
        (f"{title}, seed {record['seed']}", json.dumps(record, indent=2, ensure_ascii=False))
        for title, record in _records(runs)
    ]


def _records(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(run_title(Run(row["backbone"], row["strategy"])), record) for row in runs for record in row["records"]]


def _training_time(record: Mapping[str, Any]) -> Cell:
    searched = record.get("search_seconds")
    search = "" if searched is None else f"[{duration(searched)}, {record['search_epochs']} epochs]"
    return Cell(duration(record.get("seconds")), search)


def _final_loss(record: Mapping[str, Any]) -> Cell:
    constant = record.get("constant_prediction_train_loss")
    return Cell(decimal(record.get("final_train_loss")), "" if constant is None else f"[{decimal(constant)}]")


def _known(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return NOTHING if value is None else str(value)


def _flat(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Return nested settings as (dotted name, text)."""
    flat: list[tuple[str, str]] = []
    for name, value in settings.items():
        path = f"{above}{name}"
        flat += _flat(value, f"{path}.") if value and isinstance(value, Mapping) else [(path, json.dumps(value))]
    return flat
