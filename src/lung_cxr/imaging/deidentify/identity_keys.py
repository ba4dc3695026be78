"""Keyed forms of a patient's number, name and birth date, to compare an EMR row with a DICOM header.

Both sides are brought to one form first: numbers without zeros, case and punctuation, names as sorted words without
accents. Only the keys are stored; without the secret they tell nothing.
"""

import re
import unicodedata

from lung_cxr.imaging.deidentify.pseudonyms import Secret

IDENTITY_KEYS = ["header_id", "header_name", "header_birth"]


def identity_keys(number: str, name: str, birth_day: str, secret: Secret) -> dict[str, str]:
    """Return `IDENTITY_KEYS` → key (32 hex digits), "" for a missing value.

    Args:
        number: Core of the patient number, from `similar_ids.core_of`.
        name: Name of the patient, as a table or a header has it.
        birth_day: Birth date as YYYYMMDD; other text counts as missing.
        secret: Secret of the pseudonyms.
    """
    texts = zip(IDENTITY_KEYS, (number, name, birth_day), strict=True)
    return {kind: identity_key(kind, text, secret) for kind, text in texts}


def identity_key(kind: str, text: str, secret: Secret) -> str:
    """Return the key of one of `IDENTITY_KEYS`, for its text see `identity_keys`."""
    if kind == "header_name":
        text = " ".join(sorted(_words(text)))
    elif kind == "header_birth" and not (re.fullmatch(r"\d{8}", text) and text[4:] != "0000"):
        text = ""
    return secret.key(kind, text) if text else ""


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold().replace("đ", "d"))
    return re.findall(r"[^\W\d_]+", "".join(character for character in plain if not unicodedata.combining(character)))
