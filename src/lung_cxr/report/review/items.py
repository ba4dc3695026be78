"""Questions for a person: one item per question, until a decision about its images is in force."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lung_cxr.imaging.catalogue.decisions import OVERRULED
from lung_cxr.imaging.catalogue.header_check import MISMATCH
from lung_cxr.imaging.catalogue.patient_conflicts import CONFLICT
from lung_cxr.imaging.reasons import FLAGS, LABEL_REVIEW, RECORD_FAULTS, TEXT_IN_PIXELS
from lung_cxr.report.refresh.advice import MEANINGS, advice

KINDS = {
    "identity": "Identity disagreement",
    "label": "Label conflict",
    "near_duplicate": "Near duplicate of another patient",
    "label_suspect": "Suspected label error",
    "quarantined": "Quarantined image",
    "redacted": "Redacted image",
    "flagged": "Flagged image",
}
"""Kinds of items in the order of the page."""

CONFIRM = ("accept", "reject")


@dataclass(frozen=True)
class Review:
    """Inputs of the page.

    Attributes:
        image_manifest: `contracts.image_manifest`.
        excluded: `image_id, reason_code` of images whose newest row was rejected.
        label_review: `contracts.label_review`.
        compared: Pairs of candidate near duplicates, `manifest.PAIR_COLUMNS`.
        decisions: `contracts.image_decisions`, with outcomes.
        suspects: `contracts.label_suspects` of the last label audit; None without one.
    """

    image_manifest: pd.DataFrame
    excluded: pd.DataFrame
    label_review: pd.DataFrame
    compared: pd.DataFrame
    decisions: pd.DataFrame
    suspects: pd.DataFrame | None


@dataclass(frozen=True)
class Item:
    """One question to a person.

    Attributes:
        kind: Name in `KINDS`.
        why: Sentence that says what is doubtful.
        images: Ids of the images to be seen side by side.
        waiting: Ids of those that need a decision.
        answers: Decisions that settle the question.
    """

    kind: str
    why: str
    images: Sequence[str]
    waiting: Sequence[str]
    answers: Sequence[str]


def list_items(review: Review, min_correlation: float) -> list[Item]:
    """Return the questions that no decision has answered, by kind.

    Args:
        review: Inputs of the page.
        min_correlation: Minimum correlation of near duplicates.
    """
    images = review.image_manifest
    codes = dict(zip(images["image_id"].tolist(), images["qc_reasons"].str.split(";"), strict=True))
    items = [
        *_identities(images, codes),
        *_label_conflicts(review),
        *_near_duplicates(review.compared, codes, min_correlation),
        *_label_suspects(review),
        *_single_images(codes),
    ]
    in_force = review.decisions[review.decisions["outcome"] == ""]
    answered = set(zip(in_force["image_id"], in_force["decision"], strict=True))
    order = list(KINDS)
    return sorted((item for item in items if not _is_answered(item, answered)), key=lambda item: order.index(item.kind))


def _is_answered(item: Item, answered: set[tuple[str, str]]) -> bool:
    return all(any((image_id, word) in answered for word in item.answers) for image_id in item.waiting)


def _identities(images: pd.DataFrame, codes: Mapping[str, Sequence[str]]) -> Iterator[Item]:
    conflicts = images[images["image_id"].map(codes).map(lambda found: found[0] == CONFLICT).astype(bool)]
    remedy = "Reject only an image that shall stay out after the correction, too"
    correct = {code: f"{MEANINGS[code]}. {advice(code)} {remedy}" for code in (CONFLICT, MISMATCH)}
    for _, group in conflicts.groupby("pixel_sha256"):
        together = group["image_id"].tolist()
        yield Item("identity", correct[CONFLICT], together, together, ["reject"])
    for image_id, found in codes.items():
        if found[0] == MISMATCH:
            yield Item("identity", correct[MISMATCH], [image_id], [image_id], ["reject"])
        elif "header_disagrees" in found:
            yield Item("identity", FLAGS["header_disagrees"], [image_id], [image_id], CONFIRM)


def _label_conflicts(review: Review) -> Iterator[Item]:
    accepted = set(review.image_manifest.loc[review.image_manifest["qc_status"] == "accepted", "image_id"].tolist())
    for row in review.label_review.itertuples():
        if row.reason == "exact_duplicate_patients_differ":  # an identity item
            continue
        images = [image_id for image_id in (row.image_id, row.other_image_id) if image_id]
        waiting = [image_id for image_id in images if image_id in accepted]
        why = f"{LABEL_REVIEW[row.reason]}: {row.label} and {row.other_label}"
        if waiting:
            yield Item("label", why, images, waiting, ["label", *CONFIRM])
    conflicting = review.excluded.loc[review.excluded["reason_code"] == "conflicting_labels", "image_id"]
    for image_id in conflicting:
        yield Item("label", RECORD_FAULTS["conflicting_labels"], [image_id], [image_id], ["label", "reject"])


def _label_suspects(review: Review) -> Iterator[Item]:
    """Yield the suspects that are still accepted under the audited label."""
    if review.suspects is None:
        return
    accepted = review.image_manifest[review.image_manifest["qc_status"] == "accepted"]
    labels = dict(zip(accepted["image_id"], accepted["label"], strict=True))
    for row in review.suspects.itertuples():
        if labels.get(row.image_id) == row.label:
            why = (
                f"a model of other patients gives {row.other_label} the probability {row.other_probability:.0%}, and "
                f"the label {row.label} {row.probability:.0%}"
            )
            yield Item("label_suspect", why, [row.image_id], [row.image_id], ["label", *CONFIRM])


def _near_duplicates(
    compared: pd.DataFrame, codes: Mapping[str, Sequence[str]], min_correlation: float
) -> Iterator[Item]:
    alike = compared[compared["correlation"] >= min_correlation].sort_values("correlation")
    earlier = dict(zip(alike["other_image_id"], alike["image_id"], strict=True))  # the most similar one
    for image_id, found in codes.items():
        if found[0] == "near_duplicate":
            images = [image_id] + [other for other in [earlier.get(image_id)] if other]
            yield Item("near_duplicate", MEANINGS["near_duplicate"], images, [image_id], CONFIRM)


def _single_images(codes: Mapping[str, Sequence[str]]) -> Iterator[Item]:
    for image_id, found in codes.items():
        only = [image_id]
        if found[0] in OVERRULED - {"near_duplicate"}:
            yield Item("quarantined", MEANINGS[found[0]], only, only, CONFIRM)
        elif found[0] in TEXT_IN_PIXELS:
            yield Item("quarantined", MEANINGS[found[0]], only, only, ["keep_pixels", "reject"])
        elif "redacted" in found and found[0] in FLAGS:
            yield Item("redacted", MEANINGS["redacted"], only, only, ["keep_pixels", *CONFIRM])
        for flag in ("looks_foreign", "looks_lateral"):
            if flag in found and found[0] in FLAGS:
                yield Item("flagged", MEANINGS[flag], only, only, CONFIRM)
