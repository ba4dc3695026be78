"""The model card: description of a trained model, in Markdown beside the model file.

Every number in it comes from the run record.
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
from lung_cxr.evaluation.operating_points import POINTS
from lung_cxr.training.run.rule_file import stored_rule

TEMPLATE = "model_card.md.j2"
NOT_RECORDED = "not recorded"
LIMITS = "Intended use and limitations"  # heading of a section of the template

SYNTHETIC = {
    True: "**Synthetic images.** A program drew some or all of them. The numbers show that the software works and say "
    "nothing about patients.",
    None: "The run record does not say whether the images are real or synthetic.",
}
RANDOM_WEIGHTS = "**Random initial weights.** The results say nothing about transfer learning."
BY_CLASS = {  # column of the table → field of the record
    "Training": "training_images",
    "Validation": "validation_images",
    "Test": "test_images",
    "Sampling share": "sampling_shares",
    "Loss weight": "loss_weights",
    "Effective weight": "effective_class_weights",
}


def write_model_card(record: Mapping[str, Any], experiment: str, path: Path) -> None:
    """Write the model card of a finished run.

    Args:
        record: The run's record.
        experiment: `training.experiment`, which the record does not contain.
        path: File of the card.
    """
    with atomic_write(path) as unfinished:
        unfinished.write_text(model_card(record, experiment, stored_rule(path.parent)), encoding="utf-8")


def model_card(record: Mapping[str, Any], experiment: str, rule: Mapping[str, Any] | None = None) -> str:
    """Return the card as Markdown.

    Args:
        record: Record of a finished run; fields that an older record lacks are "not recorded".
        experiment: `training.experiment`.
        rule: Decision rule of the run; None: none was stored.
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
        run=_run(record, experiment),
        disclaimers=disclaimers(record),
        outcome=_outcome(record),
        classes=_classes(record),
        settings=_table(
            ["Setting", "Value"], [[f"`{name}`", f"`{json.dumps(value)}`"] for name, value in _flat(parameters)]
        ),
        overall=_overall(record["metrics"]),
        by_class=_by_class(record["metrics"].get("test", {})),
        rule=None if rule is None or "reason" in rule else rule,
        thresholds=_thresholds(rule or {}),
        uncommitted=" with uncommitted changes" if record.get("git_uncommitted_changes") else "",
    )


def limits_of_card(path: Path) -> list[str]:
    """Return the statements at the top of a model card and its section on use and limitations, as plain text.

    Args:
        path: File of the card; without it, the only statement is that it is missing.
    """
    if not path.exists():
        return ["The model card of this run is missing, so its limitations are not known. Not a medical device."]
    text = path.read_text(encoding="utf-8").replace("**", "").replace("`", "")
    top = [line.removeprefix("> ") for line in text.splitlines() if line.startswith("> ")]
    section = text.partition(f"## {LIMITS}")[2].partition("\n## ")[0]
    if "Not a medical device" in section:
        top = [line for line in top if not line.startswith("Not a medical device")]
    return [*top, *(line.removeprefix("- ") for line in section.splitlines() if line.startswith("- "))]


def disclaimers(record: Mapping[str, Any]) -> list[str]:
    """Return the statements that precede all numbers."""
    texts = [
        SYNTHETIC.get(record.get("synthetic"), ""),
        RANDOM_WEIGHTS if record.get("initial_weights") == "random" else "",
        *record.get("warnings", []),
        "**Not a medical device.** For research only.",
    ]
    return [text for text in texts if text]


def _run(record: Mapping[str, Any], experiment: str) -> str:
    """Return the folder of the run in 06_models, the value of `predict.run`."""
    if "members" in record:
        return Path(experiment, record["backbone"], record["strategy"]).as_posix()
    folder = Path(record["backbone"], record["strategy"], *([f"fold_{record['fold']}"] if "fold" in record else []))
    if sweep := record.get("sensitivity"):
        folder = Path("sensitivity", sweep["id"])
    return Path(experiment, folder, f"seed_{record['seed']}").as_posix()


def _outcome(record: Mapping[str, Any]) -> str:
    """Return epochs, stop reason and unfreezings in one sentence."""
    epochs, best, unfreezings, unfrozen, groups, reason = (
        _known(record, name)
        for name in ("epochs", "best_epoch", "unfreezings", "final_unfrozen_groups", "layer_groups", "stop_reason")
    )
    return (
        f"Epochs: {epochs}; stop reason: {reason}; epoch of the best weights: {best}; unfreezings: {unfreezings}; "
        f"unfrozen layer groups at the end: {unfrozen} of {groups}"
    )


def _classes(record: Mapping[str, Any]) -> str:
    """Return the number of images of each class in each subset, and their weights in training."""
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


def _thresholds(rule: Mapping[str, Any]) -> str:
    """Return the thresholds of each class."""
    points = rule.get("operating_points", {})
    rows = [
        [name, *(_known(of_class, point) for point in POINTS), f"{rule['set_thresholds'][name]:.4g}"]
        for name, of_class in points.items()
    ]
    return _table(["Class", "Rule out", "Youden", "Prediction set"], rows)


def _known(numbers: Mapping[str, Any], name: str) -> str:
    """Return a value of a record as text with four digits, or the reason for its absence."""
    value = numbers.get(name)
    if value is None:
        return str(numbers.get(f"{name}_reason", NOT_RECORDED))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _with_unit(numbers: Mapping[str, Any], name: str, unit: str) -> str:
    return _known(numbers, name) + ("" if numbers.get(name) is None else f" {unit}")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _flat(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Return nested settings as pairs of dotted name and value."""
    flat: list[tuple[str, Any]] = []
    for name, value in settings.items():
        path = f"{above}{name}"
        flat += _flat(value, f"{path}.") if value and isinstance(value, Mapping) else [(path, value)]
    return flat
