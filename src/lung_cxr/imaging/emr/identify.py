"""Identify the rows of all exports: keys, patient linkage and numbers that are held back as similar."""

from typing import NamedTuple

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.keys import with_keys
from lung_cxr.imaging.emr.patient_linkage import PatientLists, link_spellings, merge_patients
from lung_cxr.imaging.emr.similar_ids import count_similar_known, count_similar_listed, similar_ids
from lung_cxr.text_columns import is_in


class IdentifiedRows(NamedTuple):
    """Rows with keys, and the decisions about their patient numbers.

    Attributes:
        rows: As `keys.with_keys`.
        merged: Merged patient numbers, as `contracts.merged_patients`.
        similar: Patient numbers that are held back, from `similar_ids`.
        notes: Sentences about similar numbers of the catalogue.
    """

    rows: pd.DataFrame
    merged: pd.DataFrame
    similar: frozenset[str]
    notes: list[str]


def identify_rows(
    rows: pd.DataFrame,
    lists: PatientLists,
    previous_manifest: pd.DataFrame | None,
    assignments: pd.DataFrame,
    secret: Secret,
    rules: PatientIdRules,
    *,
    accept_similar: bool,
) -> IdentifiedRows:
    """Give the rows of all exports their keys, link the numbers of each person and find similar numbers.

    Args:
        rows: As `exports.read_all_rows`, without withdrawn patients.
        lists: The hospital's lists.
        previous_manifest: Image manifest of the last run, or None.
        assignments: As `contracts.patient_subsets`.
        secret: Secret of the pseudonyms.
        rules: The hospital's rules for patient numbers.
        accept_similar: `emr.accept_similar_patient_ids`.
    """
    known_images: set[str] = set()
    if previous_manifest is not None:
        known_images |= set(previous_manifest["image_id"].tolist())
    identified = with_keys(rows, secret, rules, known_images)
    known_patients = set(assignments["patient_key"].tolist())
    if previous_manifest is not None:
        known_patients |= _still_named(previous_manifest, identified)
    linked = link_spellings(lists, identified, known_patients, secret, rules)
    merged = merge_patients(linked, secret, assignments)
    if accept_similar:
        return IdentifiedRows(identified, merged, frozenset(), [])
    facts = (identified, linked.linked_ids, known_patients, secret)
    aliases = {number: (number, *rules.other_spellings(number)) for group in lists.linked_ids for number in group}
    similar_aliases = count_similar_listed(aliases, set(identified["patient_id"].tolist()), known_patients, secret)
    return IdentifiedRows(identified, merged, similar_ids(*facts), _notes(count_similar_known(*facts), similar_aliases))


def _still_named(manifest: pd.DataFrame, rows: pd.DataFrame) -> set[str]:
    """Return the patients of the last manifest, except those whose present exports name them no more.

    A refresh that was stopped has catalogued them under a number that was corrected since, such as one without its
    zeros. A patient with a subset is known all the same.
    """
    is_present = manifest["export"].isin(rows["export"].unique())
    is_named = is_in(manifest["patient_key"], rows["patient_key"]) | is_in(manifest["image_id"], rows["image_id"])
    return set(manifest.loc[is_named | ~is_present, "patient_key"].tolist())


def _notes(similar_known: int, similar_aliases: int) -> list[str]:
    notes = {
        "Patients of the catalogue with numbers that differ only in leading zeros, case or punctuation: "
        f"{similar_known:,}. If they are the same people, set emr.patient_id_width or emr.patient_id_ignores, or list "
        "them in patient_aliases.csv; if they are not, set emr.accept_similar_patient_ids": similar_known,
        "Numbers of patient_aliases that no patient has, but that equal a patient's number except for leading zeros, "
        f"case or punctuation: {similar_aliases:,}. Correct the list, or set emr.patient_id_width": similar_aliases,
    }
    return [note for note, count in notes.items() if count]
