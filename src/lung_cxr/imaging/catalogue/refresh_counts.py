"""Count the changes that a refresh makes to the catalogue, by export and in total."""

from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue.refresh_plan import RefreshPlan

FILE_STATES = ("new", "changed", "remade", "unchanged", "absent", "vanished")


def count_refresh(
    records: pd.DataFrame, plan: RefreshPlan, ledger: pd.DataFrame, previous: pd.DataFrame | None
) -> dict[str, Any]:
    """Count changes against the last manifest, so that a killed and resumed run counts as one.

    Args:
        records: `image_id, source_export, label`.
        plan: Plan of this run; images that are lateral by their record are not in it.
        ledger: Ledger after this run: `image_id, source_key, pixel_sha256`.
        previous: Last manifest, None if there is none.

    Returns:
        `exports` (ordinal, as text, of the latest export that names the image) and `total`, each with the numbers of
        files that are: `new`: not in the last manifest · `changed`: other bytes · `remade`: same bytes, processed again
        because settings changed or the stored image was damaged · `unchanged` · `absent`: named, but never found ·
        `vanished`: found earlier, now missing; their images stay · `relabelled`: another class, in addition to one of
        the states above. `accepted_by_class_before`: accepted images of each class in the last manifest, None if there
        is none.
    """
    table = records[["image_id", "source_export", "label"]].assign(planned=records["image_id"].map(plan.states))
    table = table.merge(ledger[["image_id", "source_key", "pixel_sha256"]], on="image_id", how="left")
    names = {"source_key": "source_key_before", "pixel_sha256": "pixel_sha256_before", "label": "label_before"}
    before = pd.DataFrame(columns=["image_id", *names]) if previous is None else previous[["image_id", *names]]
    table = table.merge(before.rename(columns=names), on="image_id", how="left").fillna({"source_key_before": ""})
    table["state"] = _states(table)
    table["relabelled"] = table["label_before"].notna() & (table["label"] != table["label_before"])
    numbers = sorted(records["source_export"].unique().tolist())
    return {
        "exports": {str(number): _counts(table[table["source_export"] == number]) for number in numbers},
        "total": _counts(table),
        "accepted_by_class_before": None if previous is None else _accepted_by_class(previous),
    }


def counts_in_words(counted: dict[str, Any]) -> str:
    """Return the total as one line for the log; counts of zero are omitted."""
    happened = [f"{count} {state}" for state, count in counted["total"].items() if count and state != "unchanged"]
    return f"Against the catalogue so far: {', '.join(happened) or 'no change'}"


def _states(table: pd.DataFrame) -> "pd.Series[str]":
    """Return the state of each file, NaN for a lateral view by its record: its file is not read."""
    planned, pixels = table["planned"], table["pixel_sha256"]
    states = pd.Series("unchanged", table.index, dtype="str")
    states = states.mask((planned == "remade") | (pixels != table["pixel_sha256_before"]), "remade")
    states = states.mask(table["source_key"] != table["source_key_before"], "changed")
    states = states.mask(table["source_key_before"] == "", "new")
    return states.mask(planned.isin(["absent", "vanished"]) | planned.isna(), planned)


def _counts(table: pd.DataFrame) -> dict[str, int]:
    found = table["state"].value_counts()
    return {state: int(found.get(state, 0)) for state in FILE_STATES} | {"relabelled": int(table["relabelled"].sum())}


def _accepted_by_class(manifest: pd.DataFrame) -> dict[str, int]:
    labels = manifest.loc[manifest["qc_status"] == "accepted", "label"]
    return {name: int((labels == name).sum()) for name in DISEASES}
