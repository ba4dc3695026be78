"""Tables of results: the comparison on the first screen, Tables 3 and 4 of the paper, and the metrics by class."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from lung_cxr.evaluation.intervals import FEWEST
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS, PER_CLASS_METRICS
from lung_cxr.evaluation.published import published_results
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, TRADITIONAL, backbone_title
from lung_cxr.report.numbers import NOTHING, decimal, decimal_interval, plural, points, points_interval
from lung_cxr.report.rows import (
    FINISHED,
    METRIC_COLUMNS,
    NOT_TRAINED,
    Row,
    first_record,
    images_by_class,
    in_percent,
    several_seeds,
    top_layers,
)
from lung_cxr.report.tables.reference_models import reference_cells, reference_models
from lung_cxr.report.tables.table import (
    Cell,
    Column,
    Table,
    frame_cell,
    merged_reasons,
    metric_cell,
    name_cell,
    number_cell,
    percent_cell,
    share_cell,
    table_of,
)

REFERENCE = "reference model"  # `status` of rows that are not a run
COSTS = ("load_time_s", "size_mb")
TITLES = tuple(METRIC_TITLES.items())
OURS, PAPERS = "Ours", "Paper, on its own data"
FORMATS = {"n": ("Layers n", "{:.0f}"), "load_time_s": ("Load time, s", "{:.2f}"), "size_mb": ("Size, MB", "{:.2f}")}


def comparison_table(evaluations: Mapping[str, Any], comparison: Mapping[str, Any]) -> Table:
    """Return both strategies on every backbone and their difference, with the reference models below."""
    runs = {(row["backbone"], row["strategy"]): row for row in evaluations["runs"]}
    pairs = {pair["backbone"]: pair for pair in comparison["per_backbone"]}
    rows, untrained = [], []
    for backbone in dict.fromkeys(row["backbone"] for row in evaluations["runs"]):
        if all(runs[backbone, strategy]["status"] == NOT_TRAINED for strategy in (DYNAMIC, TRADITIONAL)):
            untrained.append(backbone_title(backbone))
            continue
        sides = [_metrics(runs[backbone, strategy]) for strategy in (DYNAMIC, TRADITIONAL)]
        gains = [gain_cell(pairs.get(backbone), metric) for metric in METRIC_TITLES]
        rows.append([name_cell(backbone_title(backbone)), *sides[0], *sides[1], *gains])
    if untrained:
        rows.append([name_cell("Not yet trained"), Cell(", ".join(untrained), kind="status", span=6)])
    below = reference_models(evaluations)
    rows += [[*reference_cells(one), *reference_cells(one)[1:], Cell("", span=2)] for one in below]
    return Table(
        caption=f"{_about_test_set(evaluations)} Below the rule: reference models.",
        head=["Backbone", *["Accuracy", "Macro-F1"] * 3],
        groups=[("", 1), ("Dynamic fine-tuning", 2), ("Traditional fine-tuning", 2), ("Difference, points", 2)],
        rows=rows,
        rows_below_rule=len(below),
    )


def strategy_frame(evaluations: Mapping[str, Any], strategy: str) -> pd.DataFrame:
    """Return Table 3 (`traditional`) or Table 4 (any other strategy) from our runs, beside the paper's numbers.

    Args:
        evaluations: Result of `evaluate_grid`.
        strategy: One of `STRATEGIES`.

    Returns:
        A row per backbone in the paper's order, then the reference models: `<backbone> logistic regression` and
        `majority class`. Columns: `backbone`; `accuracy` and `macro_f1` with interval (`_low`, `_high`) and spread over
        seeds (`_sd`), in percent; `n` (unfrozen Keras layers, Table 3 only); `load_time_s`, `size_mb` (10⁶ bytes);
        `seeds`; the paper's numbers as `paper_<column>`; `status`, `note`, and `<column>_reason` of undefined numbers.
        A run without results has its status and no numbers.
    """
    rows = [_frame_row(row) for row in evaluations["runs"] if row["strategy"] == strategy]
    rows += [
        {
            "backbone": f"{one.backbone} {one.name}".strip(),
            **in_percent(one.metrics),
            "status": REFERENCE,
            "note": one.note,
        }
        for one in reference_models(evaluations)
    ]
    layers = ["n"] if strategy == TRADITIONAL else []
    own = ["backbone", *METRIC_COLUMNS, *layers, *COSTS, "seeds"]
    reasons = [f"{name}_reason" for name in (*METRIC_TITLES, *COSTS)]
    paper = published_results().query("strategy == @strategy")
    paper = paper[["backbone", *METRIC_TITLES, *layers, *COSTS]].set_index("backbone").add_prefix("paper_")
    frame = pd.DataFrame(rows).reindex(columns=[*own, "status", "note", *reasons])
    frame = frame.merge(paper, how="left", left_on="backbone", right_index=True)
    counts = {name: "Int64" for name in ("n", "seeds", "paper_n") if name in frame}
    return frame[[*own, *paper.columns, "status", "note", *reasons]].fillna({"note": ""}).astype(counts)


def strategy_table(evaluations: Mapping[str, Any], strategy: str, with_paper: bool = True) -> Table:
    """Return Table 3 or 4 from `strategy_frame`.

    Args:
        evaluations: Result of `evaluate_grid`.
        strategy: One of `STRATEGIES`.
        with_paper: Whether the paper's columns stand beside ours.
    """
    costs = [name for name in FORMATS if name != "n" or strategy == TRADITIONAL]
    ours = [
        *(Column(f"{title.capitalize()}, %", partial(_our_metric, metric=metric), OURS) for metric, title in TITLES),
        *(Column(FORMATS[name][0], partial(_our_number, name=name), OURS) for name in costs),
    ]
    papers = [
        *(Column(f"{title.capitalize()}, %", partial(_paper_number, name=name), PAPERS) for name, title in TITLES),
        *(Column(FORMATS[name][0], partial(_paper_number, name=name), PAPERS) for name in costs),
    ]
    frame = strategy_frame(evaluations, strategy)
    below = int((frame["status"] == REFERENCE).sum())
    columns = [Column("Backbone", _backbone_cell), *ours, *(papers if with_paper else [])]
    return table_of(frame, columns, f"{_about_test_set(evaluations)} Below the rule: reference models.", below)


def _backbone_cell(row: Mapping[str, Any]) -> Cell:
    backbone, _, rest = row["backbone"].partition(" ")
    if row["status"] != REFERENCE:
        return name_cell(backbone_title(backbone))
    title = f"{backbone_title(backbone)} {rest}"
    return name_cell(title[:1].upper() + title[1:], row["note"])


def _our_metric(row: Mapping[str, Any], metric: str) -> Cell:
    return status_cell(row) or percent_cell(row, metric)


def _our_number(row: Mapping[str, Any], name: str) -> Cell:
    missing = "" if row["status"] == REFERENCE else NOTHING
    return status_cell(row) or frame_cell(row, name, FORMATS[name][1].format, missing)


def _paper_number(row: Mapping[str, Any], name: str) -> Cell:
    text = FORMATS[name][1] if name in FORMATS else "{:.1f}"
    return frame_cell(row, f"paper_{name}", text.format, "" if row["status"] == REFERENCE else NOTHING)


def status_cell(row: Mapping[str, Any]) -> Cell | None:
    """Return the status of a frame's row without results; None where it has results."""
    return None if row["status"] in (FINISHED, REFERENCE) else Cell(row["status"], kind="status")


def class_table(row: Row) -> Table:
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
        caption="Metrics by class, one against the rest, with intervals over patients; below "
        f"{FEWEST} patients of a class there is none. Over all classes: {overall}.",
        head=["Class", "Test images", "Precision", "Recall", "F1", "AUROC", "Average precision"],
        rows=cells,
    )


def gain_cell(pair: Mapping[str, Any] | None, metric: str) -> Cell:
    """Return the difference of the two strategies on one backbone, in points, with its interval."""
    if pair is None:
        return Cell(NOTHING)
    name = f"{metric}_difference"
    cell, ends = number_cell(pair, name, points), (pair[f"{name}_low"], pair[f"{name}_high"])
    return cell if cell.kind == "reason" else Cell(cell.text, points_interval(*ends))


def _about_test_set(evaluations: Mapping[str, Any]) -> str:
    """Return the size of the test set and the meaning of the brackets."""
    seeds = (
        " Means over the training seeds, ± their standard deviation; the intervals cover seeds and patients."
        if several_seeds(evaluations)
        else ""
    )
    return (
        f"Test set: {plural(evaluations['images']['test'], 'image')} of "
        f"{plural(evaluations['patients']['test'], 'patient')}. In brackets: {100 * evaluations['confidence']:.0f} % "
        f"intervals over patients ({evaluations['n_resamples']:,} bootstrap resamples; for shares at least "
        f"Clopper–Pearson).{seeds}"
    )


def _metrics(row: Row) -> list[Cell]:
    """Return accuracy and macro-F1 of a run, or its status."""
    if "metrics" not in row:
        return [Cell(row["status"], kind="status", span=len(METRIC_TITLES))]
    return [metric_cell(row["metrics"], metric) for metric in METRIC_TITLES]


def _frame_row(row: Row) -> dict[str, Any]:
    known = {"backbone": row["backbone"], "status": row["status"], "note": row["note"]}
    if "metrics" not in row:
        return known
    costs = {name: row[name] for name in COSTS} | {f"{name}_reason": row.get(f"{name}_reason") for name in COSTS}
    return known | in_percent(row["metrics"]) | costs | {"n": top_layers(first_record(row)), "seeds": len(row["seeds"])}
