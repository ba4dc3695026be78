"""The new key of every patient, study, image and file, made from the raw rows of all exports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.keys import with_keys
from lung_cxr.imaging.emr.separate_files import all_keys


@dataclass(frozen=True)
class NewKeys:
    """The new key of each old key.

    Attributes:
        keys: Old key → new key of patients, studies, images and files.
        images: Old key → new key of images only.
        shift_days: Old patient key → days to add to the shifted dates of the patient.
    """

    keys: Mapping[str, str]
    images: Mapping[str, str]
    shift_days: Mapping[str, int]

    def unknown(self, keys: "pd.Series[str]") -> "pd.Series[bool]":
        """Return True for each key that has no new key and is no new key itself."""
        known = self._known  # a set: `isin` would convert it for every column
        return pd.Series([key not in known for key in keys], keys.index, dtype=bool)

    @cached_property
    def _known(self) -> set[str]:
        return {"", *self.keys, *self.new}

    @cached_property
    def new(self) -> set[str]:
        """Return all new keys."""
        return set(self.keys.values())


def new_keys(rows: pd.DataFrame, numbers: Iterable[str], old: Secret, new: Secret, rules: PatientIdRules) -> NewKeys:
    """Return the new key of every patient, study, image and file of the raw rows, in all spellings of their numbers.

    Args:
        rows: As `ExportTables.rows`, unfiltered.
        numbers: Further patient numbers: those of `patient_aliases.csv`.
        old: The present secret.
        new: The new secret.
        rules: The hospital's rules for patient numbers.
    """
    before, after = (all_keys(rows, secret, rules) for secret in (old, new))
    columns = ("study_key", "image_id")
    keys = {key: name for column in columns for key, name in zip(before[column], after[column], strict=True)}
    files = (with_keys(rows, secret, rules)["file_key"] for secret in (old, new))
    keys |= {key: name for key, name in zip(*files, strict=True) if key}
    known = {*before["catalogued_id"], *numbers}
    known |= {spelling for number in known for spelling in rules.other_spellings(number)}
    patients = {number: old.key("patient", number) for number in known}
    keys |= {key: new.key("patient", number) for number, key in patients.items()}
    days = {key: new.date_shift(number) - old.date_shift(number) for number, key in patients.items()}
    return NewKeys(keys, dict(zip(before["image_id"], after["image_id"], strict=True)), days)
