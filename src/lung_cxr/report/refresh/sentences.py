"""Headline and notices of the refresh report, generated from the counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.imaging.catalogue.fault_check import BLOCKING
from lung_cxr.imaging.reasons import LABEL_REVIEW
from lung_cxr.report.labels import SYNTHETIC
from lung_cxr.report.numbers import percent, plural
from lung_cxr.report.refresh.changes import LISTED, exports_in_words, settings_in_words

TITLES = {
    "label": "mix of classes",
    "view": "views",
    "sex": "sexes",
    "age": "ages",
    "age given": "share of known ages",
    "side": "image sizes",
}


def variable_title(name: str) -> str:
    """Return the title of a compared variable in a sentence."""
    return TITLES.get(name, name.replace("_", " "))


def headline(facts: Mapping[str, Any]) -> str:
    """Return the summary of the refresh as plain text.

    Args:
        facts: Facts of `gather_facts` without the headline.
    """
    sentences = [
        SYNTHETIC if facts["synthetic"] else "",
        _what_came(facts),
        exports_in_words(facts["exports"]),
        _what_moved(facts),
        _what_drifted(facts),
    ]
    return " ".join(text for text in sentences if text)


def notices(facts: Mapping[str, Any], allowed_fault_fraction: float) -> list[str]:
    """Return the warnings that stand above all numbers, most important first.

    Args:
        facts: Result of `gather_facts`.
        allowed_fault_fraction: `ingestion.max_fault_fraction`.
    """
    vanished = facts["files"].get("vanished", 0)
    unchecked = sum(row["count"] for row in facts["flags"] if row["flag"] == "not_looked_at")
    gone = [export["export"] for export in facts["exports"] if not export["present"]]
    lost = [export for export in facts["exports"] if export["accepted"] < export["accepted_before"]]
    said = [
        *(
            f"A person must decide before any patient is assigned to a subset. {BLOCKING[row['reason']]}."
            for row in facts["reasons"]
            if row["reason"] in BLOCKING
        ),
        *(_too_many_faults(export, _blocking(facts, export), allowed_fault_fraction) for export in facts["exports"]),
        settings_in_words(facts["changed_settings"]),
        f"{plural(unchecked, 'accepted image')} not searched for burned-in text: this page shows none of them, but the "
        "catalogue may contain identifiers."
        if unchecked
        else "",
        f"{plural(vanished, 'file')} of earlier runs {'is' if vanished == 1 else 'are'} missing; the catalogue keeps "
        "their images unchanged."
        if vanished
        else "",
        f"Withdrawn patients: {plural(facts['withdrawn_rows'], 'row')} left out. Their stored data are erased, and "
        "withdrawal_report.json lists the runs that were trained or tested on them."
        if facts["withdrawn_rows"]
        else "",
        _patient_lists(facts.get("patient_lists", {})),
        *(
            f"Export {export['export']} has {export['accepted_before'] - export['accepted']:,} accepted images fewer "
            "than at the last report."
            for export in lost
        ),
        _labels_to_review(facts["label_review"]),
        *(f"{note}." for note in facts["notes_on_tables"]),
        f"{_exports(gone)} {'was' if len(gone) == 1 else 'were'} moved away; the accepted images stay." if gone else "",
        _synthetic(facts),
    ]
    return [text for text in said if text]


def _patient_lists(files: Mapping[str, int]) -> str:
    if not files:
        return "No list of withdrawn patients or of aliases was found in 01_raw or beside, in or above the exports."
    return f"Lists of patients that were read: {'; '.join(f'{place}, {n:,} rows' for place, n in files.items())}."


def _labels_to_review(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    parts = "; ".join(f"{count:,}: {LABEL_REVIEW[reason]}" for reason, count in counts.items())
    return f"Labels for review by the board (08_reporting/review.html): {parts}."


def _what_came(facts: Mapping[str, Any]) -> str:
    new, total = [export for export in facts["exports"] if export["new"]], len(facts["exports"])
    if not new:
        return _nothing_came(facts)
    added = plural(sum(export["accepted"] for export in new), "image")
    if len(new) == 1:
        added += f" of {plural(new[0]['patients'], 'patient')}"
    if total > 1:
        added += f", now {facts['catalogue']['images']:,} of {plural(facts['catalogue']['patients'], 'patient')}"
    names = _exports([export["export"] for export in new])
    if total > 1:
        names = f"{plural(total, 'export')}, {len(new)} new: {names[0].lower()}{names[1:]}"
    return f"{names} added {added}; {_what_was_rejected(new)}."


def _nothing_came(facts: Mapping[str, Any]) -> str:
    read = sum(facts["files"].get(state, 0) for state in ("new", "changed", "remade"))
    return (
        f"{plural(len(facts['exports']), 'export')}, none new, {plural(read, 'file') if read else 'no file'} read: the "
        f"catalogue holds {plural(facts['catalogue']['images'], 'image')} of "
        f"{plural(facts['catalogue']['patients'], 'patient')}."
    )


def _what_was_rejected(new: Sequence[Mapping[str, Any]]) -> str:
    faults = sum(export["faults"] for export in new)
    rejected = faults + sum(export["out_of_scope"] for export in new)
    if not rejected:
        return "no row was rejected"
    return f"{plural(rejected, 'row')} {'was' if rejected == 1 else 'were'} rejected, {faults:,} for faults"


def _what_moved(facts: Mapping[str, Any]) -> str:
    """Return the changes of earlier exports."""
    old = [export for export in facts["exports"] if not export["new"]]
    counts = {
        name: sum(export["files"].get(name, 0) for export in old)
        for name in ("new", "changed", "remade", "relabelled", "vanished")
    }
    words = {"remade": "processed again", "vanished": "missing"}
    found = [f"{count:,} {words.get(name, name)}" for name, count in counts.items() if count]
    difference = sum(export["accepted"] - export["accepted_before"] for export in old)
    if difference:
        found.append(f"{abs(difference):,} accepted images {'more' if difference > 0 else 'fewer'}")
    return f"In earlier exports: {', '.join(found)}." if found else ""


def _what_drifted(facts: Mapping[str, Any]) -> str:
    if not facts["new_exports"]:
        return ""
    compared = [entry for entry in facts["drift"] if entry["comparisons"]]
    if not compared:
        return "Drift: no earlier export to compare with."
    drifted = [_drifted_in_words(entry) for entry in compared if _drifted(entry)]
    if drifted:
        return f"Drift: {'; '.join(drifted)}."
    untested = all(one["drifted"] is None for entry in compared for one in entry["comparisons"])
    return "Drift: not tested, too few patients." if untested else "Drift: none found."


def _drifted(entry: Mapping[str, Any]) -> list[str]:
    return [variable_title(one["variable"]) for one in entry["comparisons"] if one["drifted"]]


def _drifted_in_words(entry: Mapping[str, Any]) -> str:
    return f"{', '.join(_drifted(entry))} of export {entry['export']}"


def _blocking(facts: Mapping[str, Any], export: Mapping[str, Any]) -> int:
    """Return the number of faults of an export that no limit allows."""
    number = str(export["export"])
    return sum(row["by_export"].get(number, 0) for row in facts["reasons"] if row["reason"] in BLOCKING)


def _too_many_faults(export: Mapping[str, Any], blocking: int, allowed: float) -> str:
    faults = export["faults"] - blocking
    if not export["rows"] or faults <= allowed * export["rows"]:
        return ""
    return (
        f"Too many faults in export {export['export']}: {faults:,} of {plural(export['rows'], 'row')}, "
        f"{percent(faults / export['rows'])}; {percent(allowed)} are allowed. Valid images were saved. No "
        "patient is assigned to a subset until the export is corrected or ingestion.max_fault_fraction is raised."
    )


def _synthetic(facts: Mapping[str, Any]) -> str:
    synthetic, total = facts["synthetic"], len(facts["exports"])
    if not synthetic:
        return ""
    subject = "All images are" if synthetic == total else f"{synthetic} of {total} exports are"
    return f"{subject} synthetic, without real patients."


def _exports(numbers: Sequence[int]) -> str:
    """Return e.g. "Export 3", "Exports 1, 2 and 3" or "Exports 1–4, 7"."""
    if len(numbers) == 1:
        return f"Export {numbers[0]}"
    if len(numbers) > LISTED:
        runs: list[list[int]] = []
        for number in sorted(numbers):
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        return f"Exports {', '.join(f'{run[0]}–{run[-1]}' if len(run) > 1 else str(run[0]) for run in runs)}"
    return f"Exports {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
