"""The page's tables of results: the comparison on the first screen, Tables 3 and 4, the classes, the statistics."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS, PER_CLASS_METRICS
from lung_cxr.evaluation.paired_tests import TEST_NUMBERS
from lung_cxr.evaluation.published import published_results
from lung_cxr.report.comparable_seeds import judged_record
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, TRADITIONAL, backbone_title
from lung_cxr.report.numbers import (
    NOTHING,
    decimal,
    decimal_interval,
    p_digits,
    p_value,
    plural,
    points,
    points_interval,
)
from lung_cxr.report.tables.paper_results import images_by_class, top_layers
from lung_cxr.report.tables.reference_models import yardstick_cells, yardsticks
from lung_cxr.report.tables.table import (
    Cell,
    Table,
    merged_reasons,
    metric_cell,
    name_cell,
    number_cell,
    share_cell,
    unit_in_head,
)

TEST_TITLES = dict(
    zip(
        TEST_NUMBERS,
        ("mean", "SD", "t", "df", "p", "interval from", "to", "Wilcoxon W", "Wilcoxon p", "effect size dz"),
        strict=True,
    )
)
PAPER_FORMATS = {
    "accuracy": "{:.1f}",
    "macro_f1": "{:.1f}",
    "n": "{:.0f}",
    "load_time_s": "{:.2f}",
    "size_mb": "{:.2f}",
}


def comparison_table(evaluations: Mapping[str, Any], comparison: Mapping[str, Any]) -> Table:
    """Return the first screen's table: both strategies on every backbone, and their difference."""
    runs = {(row["backbone"], row["strategy"]): row for row in evaluations["runs"]}
    pairs = {pair["backbone"]: pair for pair in comparison["per_backbone"]}
    rows = []
    for backbone in dict.fromkeys(row["backbone"] for row in evaluations["runs"]):
        sides = [_judged(runs[backbone, strategy]) for strategy in (DYNAMIC, TRADITIONAL)]
        gains = [_gain(pairs.get(backbone), metric) for metric in METRIC_TITLES]
        rows.append([name_cell(backbone_title(backbone)), *sides[0], *sides[1], *gains])
    below = yardsticks(evaluations)
    rows += [[*yardstick_cells(one), *yardstick_cells(one)[1:], Cell("", span=2)] for one in below]
    return Table(
        caption=_about_test_set(evaluations),
        head=["Backbone", *["Accuracy", "Macro-F1"] * 3],
        groups=[("", 1), ("Dynamic fine-tuning", 2), ("Traditional fine-tuning", 2), ("Difference, points", 2)],
        rows=rows,
        rows_below_rule=len(below),
    )


def strategy_table(evaluations: Mapping[str, Any], strategy: str) -> Table:
    """Return Table 3 or 4: our runs of one strategy, the paper's beside."""
    layers = ["n"] if strategy == TRADITIONAL else []
    names = ["accuracy", "macro_f1", *layers, "load_time_s", "size_mb"]
    titles = ["Accuracy, %", "Macro-F1, %", *(["Layers n"] if layers else []), "Load time, s", "Size, MB"]
    paper = published_results().query("strategy == @strategy").set_index("backbone")
    rows = []
    for row in evaluations["runs"]:
        if row["strategy"] != strategy:
            continue
        ours = map(unit_in_head, _ours(row, bool(layers)))
        theirs = [
            Cell(PAPER_FORMATS[name].format(paper.loc[row["backbone"], name]))
            if row["backbone"] in paper.index
            else Cell(NOTHING)
            for name in names
        ]
        rows.append([name_cell(backbone_title(row["backbone"])), *ours, *theirs])
    below = yardsticks(evaluations)
    rows += [[*map(unit_in_head, yardstick_cells(one)), Cell("", span=len(names) * 2 - 2)] for one in below]
    return Table(
        caption=_about_test_set(evaluations),
        head=["Backbone", *titles, *titles],
        groups=[("", 1), ("Ours", len(names)), ("The paper's, on its own data", len(names))],
        rows=rows,
        rows_below_rule=len(below),
    )


def class_table(row: Mapping[str, Any]) -> Table:
    """Return the metrics of one run by class."""
    metrics, cells = row["metrics"], []
    for (name, images), key in zip(images_by_class(row).items(), CLASS_NAMES_IN_KEYS, strict=True):
        numbers = [share_cell(metrics, f"{metric}_{key}") for metric in PER_CLASS_METRICS]
        cells.append([name_cell(name), Cell(f"{images:,}"), *merged_reasons(numbers)])
    overall = ", ".join(
        f"{title} {decimal(metrics[name])} {decimal_interval(metrics[f'{name}_low'], metrics[f'{name}_high'])}".strip()
        for name, title in (("balanced_accuracy", "balanced accuracy"), ("log_loss", "log loss"), ("ece", "ECE"))
    )
    return Table(
        caption=f"One class against the rest; over all: {overall}. In brackets, intervals over patients.",
        head=["Class", "Test images", "Precision", "Recall", "F1", "AUROC", "Average precision"],
        rows=cells,
    )


def test_table(comparison: Mapping[str, Any]) -> Table:
    """Return the paired tests over backbones, ours and the paper's."""
    published = comparison["published"]
    printed = {"n": 7, **published["printed"]} | {
        f"{name}_reason": "not printed" for name in TEST_NUMBERS if name not in published["printed"]
    }
    rows = [
        *(_test_row(f"Ours, {title}", comparison["over_backbones"][name]) for name, title in METRIC_TITLES.items()),
        _test_row("Paper, accuracy, as it prints it", printed, digits=2),
        *(
            _test_row(f"Paper, {title}, from its Tables 3 and 4", published[name])
            for name, title in METRIC_TITLES.items()
        ),
    ]
    return Table(
        caption="Paired t-test over backbones, dynamic minus traditional, in percentage points.",
        head=["Test", "n", *TEST_TITLES.values()],
        rows=rows,
    )


def backbone_test_table(comparison: Mapping[str, Any]) -> Table:
    """Return the tests on each backbone, p-values adjusted by Holm."""
    rows = []
    for pair in comparison["per_backbone"]:
        adjusted = [
            number_cell(pair, f"{name}_holm", lambda p: p_value(p).removeprefix("p = ").removeprefix("p "))
            for name in ("accuracy_bootstrap_p", "macro_f1_bootstrap_p", "mcnemar_p")
        ]
        counts = [number_cell(pair, name, str) for name in ("only_a", "only_b")]
        cells = [_gain(pair, "accuracy"), adjusted[0], _gain(pair, "macro_f1"), adjusted[1], *counts, adjusted[2]]
        rows.append([name_cell(backbone_title(pair["backbone"])), *merged_reasons(cells)])
    several = any(pair["seeds"] > 1 for pair in comparison["per_backbone"])
    first = " McNemar's test looks at the first training seed that both strategies have." if several else ""
    return Table(
        caption=f"Each backbone by itself. p-values are adjusted over the backbones (Holm).{first}",
        head=["Backbone", "Points", "p", "Points", "p", "Only dynamic right", "Only traditional right", "p"],
        groups=[("", 1), ("Accuracy, patient bootstrap", 2), ("Macro-F1, patient bootstrap", 2), ("McNemar, exact", 3)],
        rows=rows,
    )


def _about_test_set(evaluations: Mapping[str, Any]) -> str:
    """Return on what the runs were judged, and what stands in brackets."""
    return (
        f"Test set: {plural(evaluations['images']['test'], 'image')} of "
        f"{plural(evaluations['patients']['test'], 'patient')}. In brackets, {100 * evaluations['confidence']:.0f} % "
        f"intervals over patients ({evaluations['n_resamples']:,} bootstrap resamples).{_about_seeds(evaluations)}"
        f"{_about_frozen(evaluations)}"
    )


def _about_frozen(evaluations: Mapping[str, Any]) -> str:
    """Return what the rows of the logistic regressions are, where there are any."""
    if not evaluations["frozen_features"]:
        return ""
    return " Below the rule, what no strategy may lose to; frozen: the backbone's features without any fine-tuning."


def _about_seeds(evaluations: Mapping[str, Any]) -> str:
    several = any(len(row["seeds"]) > 1 for row in evaluations["runs"])
    if not several:
        return ""
    return " Means over the training seeds, ± their standard deviation; the intervals are over seeds and patients."


def _judged(row: Mapping[str, Any]) -> list[Cell]:
    """Return accuracy and macro-F1 of a run, or what became of it."""
    if "metrics" not in row:
        return [Cell(row["status"], kind="status", span=2)]
    return [metric_cell(row["metrics"], metric) for metric in METRIC_TITLES]


def _ours(row: Mapping[str, Any], with_layers: bool) -> list[Cell]:
    """Return a run's cells of Table 3 or 4, or one cell that says what became of it."""
    if "metrics" not in row:
        return [Cell(row["status"], kind="status", span=5 if with_layers else 4)]
    layers = [Cell(str(top_layers(judged_record(row))))] if with_layers else []
    costs = [number_cell(row, name, partial(decimal, digits=2)) for name in ("load_time_s", "size_mb")]
    return [*_judged(row), *layers, *costs]


def _gain(pair: Mapping[str, Any] | None, metric: str) -> Cell:
    """Return the difference of the two strategies on one backbone."""
    if pair is None:
        return Cell(NOTHING)
    name = f"{metric}_difference"
    cell = number_cell(pair, name, points)
    return (
        cell if cell.kind == "reason" else Cell(cell.text, points_interval(pair[f"{name}_low"], pair[f"{name}_high"]))
    )


def _test_row(title: str, test: Mapping[str, Any], digits: int = 3) -> list[Cell]:
    """Return one test's numbers; where it is undefined, the reason in their place."""
    texts: dict[str, Callable[[Any], str]] = {
        "df": partial(decimal, digits=0),
        "wilcoxon": partial(decimal, digits=1),
        "p": partial(p_digits, digits=2 if digits == 2 else 4),
        "wilcoxon_p": p_digits,
    }
    cells = [number_cell(test, name, texts.get(name, partial(decimal, digits=digits))) for name in TEST_NUMBERS]
    return [name_cell(title), Cell(str(test["n"])), *merged_reasons(cells)]
