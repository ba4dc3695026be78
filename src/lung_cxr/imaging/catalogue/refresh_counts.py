"""What a refresh has done to the catalogue, in counts: of every export by itself, and of all."""

from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue.refresh_plan import RefreshPlan

FILE_STATES = ("new", "changed", "remade", "unchanged", "absent", "vanished")


def count_refresh(
    records: pd.DataFrame, plan: RefreshPlan, ledger: pd.DataFrame, previous: pd.DataFrame | None
) -> dict[str, Any]:
    """Count by comparing with the last manifest, so that a run that was killed and went on counts as one.

    Args:
        records: `image_id, source_export, label`.
        plan: Of this run; it has the images that are not lateral by their record.
        ledger: After this run: `image_id, source_key, pixel_sha256`.
        previous: The last manifest, if there was one.

    Returns:
        `exports` (ordinal of the latest export that names the image, as text) and `total`, each with:
        `new`: files not in the catalogue before · `changed`: other bytes than before · `remade`: the same bytes, made
        again under other settings or since the stored image was not whole · `unchanged` · `absent`: named, but not
        there, now or ever · `vanished`: there before; their images stay · `relabelled`: another class than before,
        whatever became of the file. And `accepted_by_class_before`: accepted images of each class in the last manifest,
        None where there was none.
    """
    table = records[["image_id", "source_export", "label"]].assign(planned=records["image_id"].map(plan.states))
    table = table.merge(ledger[["image_id", "source_key", "pixel_sha256"]], on="image_id", how="left")
    names = {"source_key": "source_key_before", "pixel_sha256": "pixel_sha256_before", "label": "label_before"}
    before = pd.DataFrame(columns=["image_id", *names]) if previous is None else previous[["image_id", *names]]
    table = table.merge(before.rename(columns=names), on="image_id", how="left").fillna({"source_key_before": ""})
    table["state"] = [_state(row) for row in table.itertuples(index=False)]
    table["relabelled"] = table["label_before"].notna() & (table["label"] != table["label_before"])
    numbers = sorted(records["source_export"].unique().tolist())
    return {
        "exports": {str(number): _counts(table[table["source_export"] == number]) for number in numbers},
        "total": _counts(table),
        "accepted_by_class_before": None if previous is None else _accepted_by_class(previous),
    }


def counts_in_words(counted: dict[str, Any]) -> str:
    """The total, for the log: what happened only."""
    happened = [f"{count} {state}" for state, count in counted["total"].items() if count and state != "unchanged"]
    return f"Against the catalogue so far: {', '.join(happened) or 'no change'}"


def _state(row: Any) -> str | None:
    """What became of one file; None where the record says that it is a lateral view, which is not looked for."""
    if not isinstance(row.planned, str):
        return None
    if row.planned in ("absent", "vanished"):
        return row.planned
    if not row.source_key_before:
        return "new"
    if row.source_key != row.source_key_before:
        return "changed"
    return "remade" if row.planned == "remade" or row.pixel_sha256 != row.pixel_sha256_before else "unchanged"


def _counts(table: pd.DataFrame) -> dict[str, int]:
    found = table["state"].value_counts()
    return {state: int(found.get(state, 0)) for state in FILE_STATES} | {"relabelled": int(table["relabelled"].sum())}


def _accepted_by_class(manifest: pd.DataFrame) -> dict[str, int]:
    labels = manifest.loc[manifest["qc_status"] == "accepted", "label"]
    return {name: int((labels == name).sum()) for name in DISEASES}
