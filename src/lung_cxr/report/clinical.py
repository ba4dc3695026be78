"""Sentences for clinicians: the disease that a run misses most often, its worst subgroup gap, redacted text."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.report.numbers import p_value, percent, percent_interval, plural, points, points_interval
from lung_cxr.report.rows import Row, images_by_class, row_title
from lung_cxr.report.sentences import SIGNIFICANT
from lung_cxr.report.tables.subgroup_tables import subgroup_title


def lowest_sensitivity(row: Row) -> tuple[str, str] | None:
    """Return the class with the lowest recall and its name in keys of metrics; None where no recall is known.

    Classes of too few patients for an interval count only if no class has more.

    Args:
        row: Finished row of `evaluate_grid`.
    """
    metrics = row["metrics"]
    keys = dict(zip(DISEASES, CLASS_NAMES_IN_KEYS, strict=True))
    known = {name: metrics[f"recall_{key}"] for name, key in keys.items() if metrics[f"recall_{key}"] is not None}
    with_interval = [name for name in known if metrics[f"recall_{keys[name]}_low"] is not None]
    worst = min(with_interval or known, key=lambda name: known[name], default=None)
    return None if worst is None else (worst, keys[worst])


def most_missed(row: Row) -> str:
    """Return the class of `lowest_sensitivity` as a sentence, and the class that it is taken for; "" if none is missed.

    Args:
        row: Finished row of `evaluate_grid`.
    """
    found = lowest_sensitivity(row)
    if found is None:
        return ""
    (worst, key), images = found, images_by_class(row)
    recall, low, high = (row["metrics"][f"recall_{key}{end}"] for end in ("", "_low", "_high"))
    if recall == 1:
        return ""
    interval = percent_interval(None if high is None else 1 - high, None if low is None else 1 - low)
    missed = f"{percent(1 - recall)} {interval}".strip()
    counts = list(row["confusion"][DISEASES.index(worst)])
    counts[DISEASES.index(worst)] = -1
    return (
        f"{row_title(row)} misses {worst} most often: {missed} of {plural(images[worst], 'image')}, most often taken "
        f"for {DISEASES[counts.index(max(counts))]}."
    )


def worst_gap(row: Row) -> str:
    """Return the subgroup gap with the smallest adjusted p-value as a sentence; why there is none otherwise.

    Args:
        row: Finished row of `evaluate_grid`.
    """
    gaps = row["gaps"]
    if not gaps["gaps"]:
        return f"{row_title(row)}: no subgroup has enough patients of a class to compare it with the others."
    return f"Worst subgroup gap of {plural(gaps['tested'], 'tested gap')}: {gap_in_words(row, gaps['gaps'][0])}"


def gap_in_words(row: Row, gap: Mapping[str, Any]) -> str:
    """Return one gap as a sentence, with its interval and its p-value adjusted by Holm's method."""
    interval = points_interval(100 * gap["difference_low"], 100 * gap["difference_high"])
    verdict = "significant" if gap["holm_p"] < SIGNIFICANT else "not significant"
    return (
        f"{row_title(row)} has a {gap['measure']} for {gap['class']} of {percent(gap['rate'])} in "
        f"{subgroup_title(gap)} and of {percent(gap['other_rate'])} in the others, "
        f"{points(100 * gap['difference'])} points {interval}; Holm-adjusted {p_value(gap['holm_p'])}: {verdict}."
    )


def redaction_sentence(redaction: Mapping[str, Any] | None, row: Row | None) -> str:
    """Return whether black boxes of redacted text differ by class, and whether the run calls a class by them.

    Args:
        redaction: Result of `redaction_by_class`; None: not tested.
        row: Finished row of `evaluate_grid`; None: no run.
    """
    if redaction is None or not sum(one["redacted"] for one in redaction["classes"].values()):
        return ""
    shares = {name: one["redacted"] / one["images"] for name, one in redaction["classes"].items() if one["images"]}
    most, least = max(shares, key=lambda name: shares[name]), min(shares, key=lambda name: shares[name])
    test = redaction["test"]
    if test["drifted"] is None:
        verdict = f"not tested: {test['p_reason']}"
    else:
        verdict = f"{p_value(test['p'])}: the boxes {'may be a cue' if test['drifted'] else 'are no clear cue'}"
    said = (
        f"Text was blacked out in {percent(shares[most])} of the {most} images and in {percent(shares[least])} of the "
        f"{least} images ({verdict})."
    )
    of_boxes = [gap for gap in row["gaps"]["gaps"] if gap["variable"] == "redacted"] if row else []
    return f"{said} {gap_in_words(row, of_boxes[0])}" if row and of_boxes else said
