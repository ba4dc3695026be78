"""Tables of the refresh page, from its facts."""

from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.report.numbers import NOTHING, decimal, p_value, percent, plural, points, three_digits
from lung_cxr.report.refresh.quality_thresholds import TITLES
from lung_cxr.report.refresh.sentences import variable_title
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell, number_cell, text_cell

FILES = {  # names of `refresh_counts` → column titles
    "new": "New",
    "changed": "Changed",
    "remade": "Processed again",
    "unchanged": "Unchanged",
    "absent": "Not found",
    "vanished": "Missing",
    "relabelled": "Relabelled",
}
LARGEST_CHANGES = 3  # categories in a cell


def exports_table(exports: Sequence[Mapping[str, Any]]) -> Table:
    """Return rows, accepted images, rejections and files of exports.

    Args:
        exports: Entries of `facts["exports"]`.
    """
    rows = []
    for export in exports:
        files = [Cell(_count(export["files"].get(name))) for name in FILES]
        fraction = percent(export["faults"] / export["rows"]) if export["faults"] and export["rows"] else ""
        rows.append(
            [
                name_cell(f"Export {export['export']}", _news(export)),
                Cell(_count(export["rows"]) if export["present"] else "moved away"),
                Cell(_count(export["accepted_before"])),
                Cell(_count(export["accepted"])),
                Cell(_count(export["patients"]), f"{export['returning_patients']:,} known"),
                Cell(_count(export["faults"]), fraction),
                Cell(_count(export["out_of_scope"])),
                *files,
            ]
        )
    return Table(
        caption="Exports. Before: at the last report. Known patients have an image in an earlier export. Files: by the "
        "action of this run.",
        head=["", "Rows", "Before", "Now", "Patients", "Faults", "Out of scope", *FILES.values()],
        groups=[("", 2), ("Accepted images", 3), ("Rows rejected", 2), ("Files", len(FILES))],
        rows=rows,
    )


def _news(export: Mapping[str, Any]) -> str:
    if export["new"]:
        return "new"
    before = export["before"].get("faults")
    was = "" if before in (None, export["faults"]) else f", {plural(before, 'fault')} before"
    return f"changed{was}" if export["changed"] else was.removeprefix(", ")


def classes_table(facts: Mapping[str, Any]) -> Table:
    """Return the accepted images of each class before and after."""
    before, after = (sum(row[side] for row in facts["classes"]) for side in ("before", "after"))
    rows = []
    for row in facts["classes"]:
        was, now = (row[side] / total if total else None for side, total in (("before", before), ("after", after)))
        moved = None if was is None or now is None else 100 * (now - was)
        rows.append(
            [
                name_cell(row["class"]),
                *_changed(row["before"], row["after"]),
                Cell(percent(was)),
                Cell(percent(now)),
                Cell(points(moved)),
            ]
        )
    rows.append([name_cell("All"), *_changed(before, after), Cell(""), Cell(""), Cell("")])
    return Table(
        caption="Accepted images by class, at the last report and now.",
        head=["Class", "Before", "Now", "Change", "Before", "Now", "Points"],
        groups=[("", 1), ("Images", 3), ("Share", 3)],
        rows=rows,
        rows_below_rule=1,
    )


def reasons_table(facts: Mapping[str, Any], kind: str, exports: Sequence[int]) -> Table | None:
    """Return the reasons of one kind with counts, meaning and advice; None where there are none.

    Args:
        facts: Result of `gather_facts`.
        kind: `fault` or `out of scope`.
        exports: Ordinals of the exports with an own column; the last column counts all exports.
    """
    rows = [
        [
            name_cell(row["reason"]),
            *(Cell(_count(row["by_export"].get(str(number), 0))) for number in exports),
            Cell(f"{row['count']:,}"),
            Cell(sentence(row["meaning"]), kind="words"),
            Cell(row["advice"], kind="words"),
        ]
        for row in facts["reasons"]
        if row["kind"] == kind
    ]
    captions = {
        "fault": "Faults: errors in the export. They count towards ingestion.max_fault_fraction.",
        "out of scope": "Out of scope: correct, but not wanted in this catalogue.",
    }
    columns = [f"Export\N{NO-BREAK SPACE}{number}" for number in exports]
    return Table(captions[kind], ["Reason", *columns, "All", "Meaning", "Advice"], rows) if rows else None


def flags_table(facts: Mapping[str, Any]) -> Table | None:
    """Return the flags of accepted images; None where there are none."""
    rows = [
        [name_cell(row["flag"]), Cell(f"{row['count']:,}"), text_cell(sentence(row["meaning"]))]
        for row in facts["flags"]
    ]
    return Table("Flags of accepted images.", ["Flag", "Images", "Meaning"], rows) if rows else None


def drift_table(comparisons: Sequence[Mapping[str, Any]], compared: str, sides: Sequence[str], level: float) -> Table:
    """Return the comparison of two sets of images, one row per variable.

    Args:
        comparisons: Result of `measure_drift`.
        compared: Beginning of the caption: which images are compared.
        sides: Titles of the two sets.
        level: Significance level of drift.
    """
    rows = []
    for one in comparisons:
        decision = {True: "yes", False: "no", None: ""}[one["drifted"]]
        tested = [
            number_cell(one, "distance", lambda value: decimal(value, 2)),
            number_cell(one, "by_chance", lambda value: decimal(value, 2)),
            number_cell(one, "holm_p", lambda value: p_value(value).removeprefix("p = ").removeprefix("p ")),
        ]
        described = _categories(one) if one["kind"] == "category" else _quartiles(one)
        words = [Cell(text, kind="words") for text in described]
        name = name_cell(variable_title(one["variable"]).capitalize())
        rows.append([name, *merged_reasons(tested), Cell(decision, kind="status"), *words])
    return Table(
        caption=f"{compared}. Distance: total variation (categories) or Kolmogorov–Smirnov statistic (numbers). By "
        "chance: 95 % quantile of random reassignments of patients. p: permutation test over patients, Holm-adjusted; "
        f"level {level:g}.",
        head=["Variable", "Distance", "By chance", "p", "Drift", *sides],
        rows=rows,
    )


def quality_table(facts: Mapping[str, Any]) -> Table:
    """Return thresholds and quantiles of every metric over all readable images."""
    rows = []
    for row in facts["quality"]:
        limits = [f"at least {row['at_least']:g}" if row["at_least"] is not None else ""]
        limits.append(f"at most {row['at_most']:g}" if row["at_most"] is not None else "")
        limits.append(f"flagged above {row['flagged_above']:g}" if row["flagged_above"] is not None else "")
        numbers = [Cell(three_digits(row[name])) for name in ("minimum", "p1", "median")]
        numbers += [Cell(three_digits(row[name])) for name in ("p99", "maximum")]
        title = TITLES.get(row["metric"], row["metric"].replace("_", " ").capitalize())
        limit = ", ".join(filter(None, limits)).replace(" ", "\N{NO-BREAK SPACE}") or "none"
        rows.append([name_cell(title), text_cell(limit), Cell(f"{row['beyond_limit']:,}"), *numbers])
    return Table(
        caption="Quality metrics of every readable image, accepted or rejected.",
        head=["Metric", "Threshold", "Images beyond", "Minimum", "1st percentile", "Median", "99th", "Maximum"],
        rows=rows,
    )


def settings_table(settings: Mapping[str, Any]) -> Table:
    """Return the parameters of the refresh by their dotted names."""
    rows = [[name_cell(name), text_cell(value)] for name, value in sorted(_flat(settings).items())]
    return Table("Parameters of the refresh.", ["Parameter", "Value"], rows)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat


def sentence(text: str) -> str:
    """Return text with a capital first letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def _count(value: int | None) -> str:
    return NOTHING if not value else f"{value:,}"


def _changed(before: int, after: int) -> list[Cell]:
    change = f"{after - before:+,}".replace("-", "−") if after != before else NOTHING
    return [Cell(f"{before:,}"), Cell(f"{after:,}"), Cell(change)]


def _categories(one: Mapping[str, Any]) -> tuple[str, str]:
    """Return the shares of the most changed categories, before and now."""
    before, now = one["before"]["shares"], one["now"]["shares"]
    moved = sorted({*before, *now}, key=lambda name: (-abs(now.get(name, 0) - before.get(name, 0)), name))
    shown = moved[:LARGEST_CHANGES]
    before_words, now_words = (
        ", ".join(f"{name} {percent(side.get(name, 0))}" for name in shown) or NOTHING for side in (before, now)
    )
    return before_words, now_words


def _quartiles(one: Mapping[str, Any]) -> tuple[str, str]:
    """Return median and quartiles, before and now."""
    before_words, now_words = (
        NOTHING
        if side["median"] is None
        else f"{three_digits(side['median'])} ({three_digits(side['low'])}–{three_digits(side['high'])})"
        for side in (one["before"], one["now"])
    )
    return before_words, now_words
