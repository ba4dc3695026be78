"""The model card: what somebody who finds a model's file has to know, in Markdown beside it.

It is made from the run's record alone, so that no number in it has another source.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lung_cxr.atomic import atomic_write
from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS, OVERALL_METRICS, PER_CLASS_METRICS

TEMPLATE = "model_card.md.j2"
NOT_RECORDED = "not recorded"

SYNTHETIC = {
    True: "**Synthetic images.** A program drew some or all of them: the numbers say that the software works, and "
    "nothing about patients.",
    None: "Whether the images are real or drawn by a program is not recorded.",
}
RANDOM_WEIGHTS = "**Random initial weights.** Nothing was transferred: its results say nothing about fine-tuning."
BY_CLASS = {  # column of the table → field of the record
    "Training": "training_images",
    "Validation": "validation_images",
    "Test": "test_images",
    "Drawn": "sampling_shares",
    "Weight": "loss_weights",
    "Effect": "effective_class_weights",
}


def write_model_card(record: Mapping[str, Any], variant: str, path: Path) -> None:
    """Write the card of a finished run.

    Args:
        record: The run's record.
        variant: `training.variant`, which no record holds.
        path: Of the card.
    """
    with atomic_write(path) as unfinished:
        unfinished.write_text(model_card(record, variant), encoding="utf-8")


def model_card(record: Mapping[str, Any], variant: str) -> str:
    """Return the card as Markdown.

    Args:
        record: Of a finished run; what an older one lacks is "not recorded".
        variant: `training.variant`.
    """
    environment = Environment(
        loader=PackageLoader("lung_cxr.training.run", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    parameters = record["parameters"]
    return environment.get_template(TEMPLATE).render(
        record=record,
        training=parameters["training"],
        size=parameters["backbone"]["size"],
        known=_known,
        duration=partial(_with_unit, record),
        title=f"{record['backbone']}, {record['strategy'].replace('_', ' ')}, seed {record['seed']}",
        run=_run(record, variant),
        said_first=_said_first(record),
        course=_course(record),
        classes=_classes(record),
        settings=_table(
            ["Setting", "Value"], [[f"`{name}`", f"`{json.dumps(value)}`"] for name, value in _flat(parameters)]
        ),
        overall=_overall(record["metrics"]),
        by_class=_by_class(record["metrics"].get("test", {})),
        uncommitted=" with uncommitted changes" if record.get("git_uncommitted_changes") else "",
    )


def _said_first(record: Mapping[str, Any]) -> list[str]:
    """Return what must be read before any number."""
    said = [
        SYNTHETIC.get(record.get("synthetic"), ""),
        RANDOM_WEIGHTS if record.get("initial_weights") == "random" else "",
        *record.get("warnings", []),
        "**Not a medical device.** For research only.",
    ]
    return [text for text in said if text]


def _run(record: Mapping[str, Any], variant: str) -> str:
    """Return the run's folder below 06_models, as `predict.run` names it."""
    cell = Path(record["backbone"], record["strategy"])
    if sweep := record.get("sensitivity"):
        cell = Path("sensitivity", sweep["id"])
    return Path(variant, cell, f"seed_{record['seed']}").as_posix()


def _course(record: Mapping[str, Any]) -> str:
    """Return how the training went, in a sentence."""
    epochs, best, unfreezings, unfrozen, groups, reason = (
        _known(record, name)
        for name in ("epochs", "best_epoch", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason")
    )
    return (
        f"Epochs: {epochs}; ended by: {reason}; weights kept of epoch: {best}; unfreezings: {unfreezings}; "
        f"layer groups that trained at the end: {unfrozen} of {groups}"
    )


def _classes(record: Mapping[str, Any]) -> str:
    """Return how many images each class has in each subset, and what they weigh."""
    rows = [[name, *(_known(record.get(field, {}), name) for field in BY_CLASS.values())] for name in DISEASES]
    return _table(["Class", *BY_CLASS], rows)


def _overall(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [name.replace("_", " "), *(_known(metrics.get(subset, {}), name) for subset in ("validation", "test"))]
        for name in OVERALL_METRICS
    ]
    return _table(["", "Validation", "Test"], rows)


def _by_class(metrics: Mapping[str, Any]) -> str:
    rows = [
        [name, *(_known(metrics, f"{metric}_{key}") for metric in PER_CLASS_METRICS)]
        for name, key in zip(DISEASES, CLASS_NAMES_IN_KEYS, strict=True)
    ]
    return _table(["Class", *(metric.replace("_", " ") for metric in PER_CLASS_METRICS)], rows)


def _known(numbers: Mapping[str, Any], name: str) -> str:
    """Return a value of a record as text, to four digits, or why there is none."""
    value = numbers.get(name)
    if value is None:
        return str(numbers.get(f"{name}_reason", NOT_RECORDED))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _with_unit(numbers: Mapping[str, Any], name: str, unit: str) -> str:
    return _known(numbers, name) + ("" if numbers.get(name) is None else f" {unit}")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _flat(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Return nested settings as (dotted name, value)."""
    flat: list[tuple[str, Any]] = []
    for name, value in settings.items():
        path = f"{above}{name}"
        flat += _flat(value, f"{path}.") if value and isinstance(value, Mapping) else [(path, value)]
    return flat
