"""People's decisions about single images: which image a row decides, and which decisions apply.

A decision overrules a threshold, the label or the text search for one image. It never overrules a withdrawal, a file
that cannot be read, or a fault of identity. Of several decisions about one image, the last row applies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from lung_cxr.text_columns import is_in

OVERRULED = frozenset(
    {
        *("too_small", "extreme_aspect_ratio", "blurred", "nearly_blank", "too_dark", "too_bright"),
        *("implausible_pixels", "rotated", "not_a_chest", "not_frontal", "unknown_view", "near_duplicate"),
    }
)
"""Reasons of QC rules that `accept` overrules if the image is stored."""

CODES = {  # decision → its mark in the manifest: a reason of rejection or a flag
    "accept": "accepted_by_decision",
    "reject": "rejected_by_decision",
    "label": "label_by_decision",
    "keep_pixels": "pixels_kept_by_decision",
}
SUBJECTS = {"accept": "status", "reject": "status", "label": "label", "keep_pixels": "pixels"}


@dataclass(frozen=True)
class Decisions:
    """The decisions that are in force.

    Attributes:
        accepted: Ids of images whose QC verdicts are overruled.
        rejected: Ids of images that a person rejects.
        labels: Image id → class.
        pixels_kept: Ids of images that are stored without a search for text.
    """

    accepted: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    pixels_kept: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Decisions":
        """Return the decisions of `contracts.image_decisions` that have no outcome yet."""
        in_force = table[table["outcome"] == ""]
        ids = {word: in_force.loc[in_force["decision"] == word, "image_id"] for word in SUBJECTS}
        classes = in_force.loc[in_force["decision"] == "label", "value"]
        labels = dict(zip(ids["label"], classes, strict=True))
        return cls(frozenset(ids["accept"]), frozenset(ids["reject"]), labels, frozenset(ids["keep_pixels"]))


def match_decisions(
    listed: pd.DataFrame, rows: pd.DataFrame, manifest: pd.DataFrame | None, previous: pd.DataFrame | None
) -> pd.DataFrame:
    """Find the image of every decision.

    Args:
        listed: From `decision_lists.read_decisions`.
        rows: `image_id, export, file_key` of all rows of the present exports, without withdrawn patients.
        manifest: Image manifest of the last run, or None.
        previous: Result of the last run, or None: it knows the paths of archived exports.

    Returns:
        As `contracts.image_decisions`. `outcome` is "" for decisions that are in force; decisions of the last run that
        are in no list any more are `removed`. A decision about an unknown image keeps no key: it may be withdrawn.
    """
    known = set(rows["image_id"].tolist()) | (set() if manifest is None else set(manifest["image_id"].tolist()))
    images = {} if previous is None else _images_of_paths(previous[is_in(previous["image_id"], known)])
    images |= _images_of_paths(rows[is_in(rows["file_key"], listed["file_key"])])
    paths = zip(listed["export"], listed["file_key"], strict=True)
    found = [
        {image_id} if image_id else images.get(path, set())
        for image_id, path in zip(listed["image_id"], paths, strict=True)
    ]
    ids = [min(named) if len(named) == 1 and named <= known else "" for named in found]
    table = listed.assign(image_id=pd.Series(ids, listed.index, dtype="str"), subject=listed["decision"].map(SUBJECTS))
    is_replaced = table.duplicated(["image_id", "subject"], keep="last") & (table["image_id"] != "")
    table["outcome"] = is_replaced.map({True: "replaced", False: ""}).astype("str")
    unnamed = ["several_images" if len(named) > 1 else "unknown_image" for named in found]
    table["outcome"] = table["outcome"].where(table["image_id"] != "", pd.Series(unnamed, listed.index, dtype="str"))
    return pd.concat([table, _removed(table, previous, known)], ignore_index=True).drop(columns="subject")


def _images_of_paths(table: pd.DataFrame) -> dict[tuple[int, str], set[str]]:
    named = table.loc[(table["export"] > 0) & (table["file_key"] != ""), ["export", "file_key", "image_id"]]
    images: dict[tuple[int, str], set[str]] = {}
    for export, file_key, image_id in named.drop_duplicates().itertuples(index=False):
        images.setdefault((export, file_key), set()).add(image_id)
    return images


def _removed(table: pd.DataFrame, previous: pd.DataFrame | None, known: set[str]) -> pd.DataFrame:
    """Return the decisions that were in force at the last run and have no successor in a list now."""
    if previous is None:
        return table.head(0)
    names = ["image_id", "subject"]
    present = set(table[names].itertuples(index=False, name=None))
    in_force = previous[(previous["outcome"] == "") & is_in(previous["image_id"], known)]
    in_force = in_force.assign(subject=in_force["decision"].map(SUBJECTS))
    gone = [subject not in present for subject in in_force[names].itertuples(index=False, name=None)]
    return in_force[gone].assign(list="", list_row=0, outcome="removed")


def overrule(table: pd.DataFrame, decided: Decisions, reasons: list[list[str]]) -> "pd.Series[bool]":
    """Remove the reasons that `accept` overrules, before images are compared with each other.

    Args:
        table: `image_id, pixel_sha256, view, reason` of every image; index: 0 to n − 1.
        decided: Decisions in force.
        reasons: Reasons of each image, by the rules for single images.

    Returns:
        True for accepted images without any such reason: for these, `accept` overrules a near duplicate. One decision
        does not overrule a limit and a near duplicate, because a person has seen only the first.
    """
    accepted = table["image_id"].isin(decided.accepted) & (table["pixel_sha256"] != "") & (table["reason"] == "")
    is_distinct = accepted.copy()
    for position in table.index[accepted]:
        stated = {"not_frontal"} if table.at[position, "view"] == "lateral" else set()  # by the table or the header
        is_distinct[position] = not reasons[position]
        reasons[position] = [code for code in reasons[position] if code not in OVERRULED - stated]
    return is_distinct


def mark_decided(table: pd.DataFrame, decided: Decisions, reasons: list[list[str]], flags: list[list[str]]) -> None:
    """Reject the images that a person rejects, last, so that no other image changes; flag all other decisions.

    Args:
        table: `image_id, label_decided, pixels_kept` of every image; index: 0 to n − 1.
        decided: Decisions in force.
        reasons: Reasons of each image, by all rules.
        flags: Flags of each image.
    """
    ids = table["image_id"]
    for position in table.index[ids.isin(decided.accepted)]:
        if not reasons[position]:
            flags[position].append(CODES["accept"])
    for position in table.index[table["label_decided"]]:
        flags[position].append(CODES["label"])
    for position in table.index[table["pixels_kept"]]:
        flags[position].append(CODES["keep_pixels"])
    for position in table.index[ids.isin(decided.rejected)]:
        reasons[position].append(CODES["reject"])


def with_outcomes(table: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions with the outcome of those that did not take effect.

    Args:
        table: From `match_decisions`.
        manifest: Image manifest of the same run.
    """
    named = manifest[manifest["image_id"].isin(table["image_id"])]
    codes = dict(zip(named["image_id"], named["qc_reasons"].str.split(";"), strict=True))
    rejected = set(named.loc[named["qc_status"] == "rejected", "image_id"])
    outcomes = [
        outcome or _outcome(decision, codes.get(image_id), image_id in rejected)
        for outcome, decision, image_id in zip(table["outcome"], table["decision"], table["image_id"], strict=True)
    ]
    return table.assign(outcome=pd.Series(outcomes, table.index, dtype="str"))


def _outcome(decision: str, codes: list[str] | None, is_rejected: bool) -> str:
    if codes is None:
        return "" if decision == "reject" else "row_rejected"
    if CODES[decision] in codes:
        return ""
    return codes[0] if is_rejected else "no_file"
