"""Tables of hypothesis tests: paired tests over backbones, ours and the paper's, and tests on each backbone."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lung_cxr.evaluation.paired_tests import TEST_NUMBERS
from lung_cxr.report.labels import METRIC_TITLES, backbone_title
from lung_cxr.report.numbers import decimal, p_digits, p_value
from lung_cxr.report.tables.results import gain_cell
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell, number_cell

TEST_TITLES = dict(
    zip(
        TEST_NUMBERS,
        ("mean", "SD", "t", "df", "p", "interval from", "to", "Wilcoxon W", "Wilcoxon p", "effect size dz"),
        strict=True,
    )
)


def test_table(comparison: Mapping[str, Any]) -> Table:
    """Return the paired tests over backbones, ours and the paper's."""
    published = comparison["published"]
    printed = {"n": 7, **published["printed"]} | {
        f"{name}_reason": "not printed" for name in TEST_NUMBERS if name not in published["printed"]
    }
    rows = [
        *(_test_row(f"Ours, {title}", comparison["over_backbones"][name]) for name, title in METRIC_TITLES.items()),
        _test_row("Paper, accuracy, as printed", printed, digits=2),
        *(
            _test_row(f"Paper, {title}, from its Tables 3 and 4", published[name])
            for name, title in METRIC_TITLES.items()
        ),
    ]
    return Table(
        caption="Paired t-test and Wilcoxon signed-rank test over backbones: dynamic minus traditional, in percentage "
        "points.",
        head=["Test", "n", *TEST_TITLES.values()],
        rows=rows,
    )


def backbone_test_table(comparison: Mapping[str, Any]) -> Table:
    """Return the tests on each backbone, with p-values adjusted by Holm."""
    rows = []
    for pair in comparison["per_backbone"]:
        adjusted = [
            number_cell(pair, f"{name}_holm", lambda p: p_value(p).removeprefix("p = ").removeprefix("p "))
            for name in ("accuracy_bootstrap_p", "macro_f1_bootstrap_p", "mcnemar_p")
        ]
        counts = [number_cell(pair, name, str) for name in ("only_a", "only_b")]
        cells = [gain_cell(pair, "accuracy"), adjusted[0], gain_cell(pair, "macro_f1"), adjusted[1], *counts]
        rows.append([name_cell(backbone_title(pair["backbone"])), *merged_reasons([*cells, adjusted[2]])])
    several = any(pair["seeds"] > 1 for pair in comparison["per_backbone"])
    first = " McNemar's test uses the first training seed that both strategies have." if several else ""
    return Table(
        caption=f"Tests on each backbone: dynamic minus traditional. p-values are Holm-adjusted over backbones.{first}",
        head=["Backbone", "Points", "p", "Points", "p", "Only dynamic correct", "Only traditional correct", "p"],
        groups=[("", 1), ("Accuracy, patient bootstrap", 2), ("Macro-F1, patient bootstrap", 2), ("McNemar, exact", 3)],
        rows=rows,
    )


def _test_row(title: str, test: Mapping[str, Any], digits: int = 3) -> list[Cell]:
    """Return the numbers of one test, or the reason why they are undefined."""
    texts: dict[str, Callable[[Any], str]] = {
        "df": partial(decimal, digits=0),
        "wilcoxon": partial(decimal, digits=1),
        "p": partial(p_digits, digits=2 if digits == 2 else 4),
        "wilcoxon_p": p_digits,
    }
    cells = [number_cell(test, name, texts.get(name, partial(decimal, digits=digits))) for name in TEST_NUMBERS]
    return [name_cell(title), Cell(str(test["n"])), *merged_reasons(cells)]
