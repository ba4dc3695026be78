"""The refresh in a sentence or two, and what must be said before it. Every claim is made from the counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.imaging.reasons import LABEL_REVIEW
from lung_cxr.report.numbers import percent, plural

TITLES = {
    "label": "mix of classes",
    "view": "views",
    "sex": "sexes",
    "age": "ages",
    "age given": "share of known ages",
    "side": "image sizes",
}


def variable_title(name: str) -> str:
    """Return a compared variable as it stands in a sentence."""
    return TITLES.get(name, name.replace("_", " "))


def headline(facts: Mapping[str, Any]) -> str:
    """Return the answer to "what did this refresh do?" in plain text.

    Args:
        facts: What `gather_facts` puts together, without the headline.
    """
    said = [
        "Synthetic data, no real patient." if facts["synthetic"] else "",
        _what_came(facts),
        _what_moved(facts),
        _what_drifted(facts),
    ]
    return " ".join(text for text in said if text)


def notices(facts: Mapping[str, Any], allowed_fault_fraction: float) -> list[str]:
    """Return what a reader must know before any number, most important first.

    Args:
        facts: What `gather_facts` returned.
        allowed_fault_fraction: `ingestion.max_fault_fraction`.
    """
    vanished = facts["files"].get("vanished", 0)
    unseen = sum(row["count"] for row in facts["flags"] if row["flag"] == "not_looked_at")
    gone = [export["export"] for export in facts["exports"] if not export["present"]]
    lost = [export for export in facts["exports"] if export["accepted"] < export["accepted_before"]]
    said = [
        *(_too_many_faults(export, allowed_fault_fraction) for export in facts["exports"]),
        f"{plural(unseen, 'image')} accepted without a look for burned-in text: this page shows none of them, but the "
        "catalogue may hold identifiers."
        if unseen
        else "",
        f"{plural(vanished, 'file')} of earlier runs {'is' if vanished == 1 else 'are'} gone; their images stay in the "
        "catalogue as they were."
        if vanished
        else "",
        f"Rows of patients who withdrew: {facts['withdrawn_rows']:,}, "
        "left out; what was kept of them is erased, and the runs that saw them are in withdrawal_report.json."
        if facts["withdrawn_rows"]
        else "",
        *(
            f"Export {export['export']} has {export['accepted_before'] - export['accepted']:,} accepted images fewer "
            "than at the last report."
            for export in lost
        ),
        _labels_to_review(facts["label_review"]),
        *(f"{note}." for note in facts["notes_on_tables"]),
        f"{_exports(gone)} {'was' if len(gone) == 1 else 'were'} moved away; what was accepted stays." if gone else "",
        _synthetic(facts),
    ]
    return [text for text in said if text]


def _labels_to_review(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    parts = "; ".join(f"{count:,}: {LABEL_REVIEW[reason]}" for reason, count in counts.items())
    return f"For the board to look at again (02_intermediate/label_review.parquet): {parts}."


def _what_came(facts: Mapping[str, Any]) -> str:
    new = [export for export in facts["exports"] if export["new"]]
    images, patients = facts["catalogue"]["images"], facts["catalogue"]["patients"]
    if not new:
        read = facts["files"].get("new", 0) + facts["files"].get("changed", 0) + facts["files"].get("remade", 0)
        files = f"{plural(read, 'file')} of known exports read" if read else "no file read"
        return (
            f"No new export, {files}: the catalogue holds {plural(images, 'image')} of {plural(patients, 'patient')}."
        )
    added = plural(sum(export["accepted"] for export in new), "image")
    if len(new) == 1:
        added += f" of {plural(new[0]['patients'], 'patient')}"
    if len(facts["exports"]) > 1:
        added += f", now {images:,} of {plural(patients, 'patient')}"
    return f"{_exports([export['export'] for export in new])} added {added}; {_what_was_rejected(new)}."


def _what_was_rejected(new: Sequence[Mapping[str, Any]]) -> str:
    faults = sum(export["faults"] for export in new)
    rejected = faults + sum(export["out_of_scope"] for export in new)
    if not rejected:
        return "no row was rejected"
    return f"{plural(rejected, 'row')} {'was' if rejected == 1 else 'were'} rejected, {faults:,} for faults"


def _what_moved(facts: Mapping[str, Any]) -> str:
    """Return what became of images of earlier exports."""
    old = [export for export in facts["exports"] if not export["new"]]
    counts = {
        name: sum(export["files"].get(name, 0) for export in old)
        for name in ("new", "changed", "remade", "relabelled", "vanished")
    }
    words = {"new": "new", "changed": "changed", "remade": "made again", "relabelled": "relabelled", "vanished": "gone"}
    found = [f"{count:,} {words[name]}" for name, count in counts.items() if count]
    difference = sum(export["accepted"] - export["accepted_before"] for export in old)
    if difference:
        found.append(f"{abs(difference):,} accepted images {'more' if difference > 0 else 'fewer'}")
    return f"In earlier exports: {', '.join(found)}." if found else ""


def _what_drifted(facts: Mapping[str, Any]) -> str:
    if not facts["new_exports"]:
        return ""
    compared = [entry for entry in facts["drift"] if entry["comparisons"]]
    if not compared:
        return "There is nothing yet to compare it with."
    drifted = [_drifted_in_words(entry) for entry in compared if _drifted(entry)]
    if drifted:
        return f"Drifted: {'; '.join(drifted)}."
    untested = all(one["drifted"] is None for entry in compared for one in entry["comparisons"])
    return "Too few patients to say whether anything drifted." if untested else "Nothing drifted."


def _drifted(entry: Mapping[str, Any]) -> list[str]:
    return [variable_title(one["variable"]) for one in entry["comparisons"] if one["drifted"]]


def _drifted_in_words(entry: Mapping[str, Any]) -> str:
    return f"{', '.join(_drifted(entry))} of export {entry['export']}"


def _too_many_faults(export: Mapping[str, Any], allowed: float) -> str:
    if not export["rows"] or export["faults"] / export["rows"] <= allowed:
        return ""
    return (
        f"Too many faults in export {export['export']}: {export['faults']:,} of {plural(export['rows'], 'row')}, "
        f"{percent(export['faults'] / export['rows'])}; {percent(allowed)} are allowed. What is good was saved; no "
        "patient gets a subset until the export is mended or ingestion.max_fault_fraction raised."
    )


def _synthetic(facts: Mapping[str, Any]) -> str:
    made_up, of = facts["synthetic"], len(facts["exports"])
    if not made_up:
        return ""
    which = "All data are" if made_up == of else f"{made_up} of {of} exports are"
    return f"{which} synthetic: drawn by a program, no patient behind them."


def _exports(numbers: Sequence[int]) -> str:
    """Return e.g. "Export 3" or "Exports 1, 2 and 3"."""
    if len(numbers) == 1:
        return f"Export {numbers[0]}"
    return f"Exports {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
