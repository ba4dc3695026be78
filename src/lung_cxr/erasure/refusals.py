"""Refuse withdrawal lists that are probably wrong, before anything is erased: an erasure cannot be undone."""

from collections.abc import Collection, Mapping, Sequence

from lung_cxr.imaging.catalogue.summary import DecisionNeededError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.similar_ids import count_similar_listed


def refuse_many(erased: int, patients: int, max_fraction: float, confirmed: int) -> None:
    """Refuse an erasure of many patients unless their number is confirmed: a wrong list cannot be undone.

    Args:
        erased: Patients of the catalogue that would be erased.
        patients: Patients in the catalogue.
        max_fraction: `ingestion.max_withdrawn_fraction`.
        confirmed: `ingestion.confirmed_withdrawals`.

    Raises:
        DecisionNeededError: The share is above the limit and the number is not confirmed.
    """
    if erased > max_fraction * patients and erased > confirmed:
        raise DecisionNeededError(
            f"The withdrawal lists would erase {erased} of {patients} patients of the catalogue "
            f"({erased / patients:.1%}; ingestion.max_withdrawn_fraction is {max_fraction:.1%}). Nothing was erased. "
            f"Check the lists; if they are right, run with `--params ingestion.confirmed_withdrawals={erased}`"
        )


def refuse_similar(
    spellings: Mapping[str, Sequence[str]], numbers: Collection[str] | None, patients: set[str], secret: Secret
) -> None:
    """Refuse lists with a number that differs from a patient's number only in leading zeros, case or punctuation.

    Args:
        spellings: Number of the lists → it and its other spellings.
        numbers: Numbers of all rows in normal form; None if similar numbers are different patients.
        patients: Patient keys of the catalogue.
        secret: Secret of the pseudonyms.

    Raises:
        DecisionNeededError: There is such a number: its patient would stay in the catalogue.
    """
    if numbers is not None and (similar := count_similar_listed(spellings, numbers, patients, secret)):
        raise DecisionNeededError(
            f"The withdrawal lists hold {similar} numbers that no patient has, but that equal the number of a patient "
            "except for leading zeros, case or punctuation. Nothing was erased. Correct the lists (Excel drops leading "
            "zeros), or set emr.patient_id_width or emr.patient_id_ignores; if they are other patients, set "
            "emr.accept_similar_patient_ids"
        )
