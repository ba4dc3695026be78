"""The seven classes in their fixed order (Table 1 of the paper), and the rules that map ICD-10 codes to them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

DISEASES = (
    "Pneumonia",
    "COVID-19",
    "Tuberculosis",
    "Pleural Effusion",
    "Pneumothorax",
    "Pulmonary Edema",
    "Atelectasis",
)
"""Class names in the order of Table 1: index i here is logit i of every model."""

PROBABILITY_COLUMNS = tuple(f"p_{re.sub('[^a-z0-9]+', '_', name.lower())}" for name in DISEASES)
"""Columns of `predictions.parquet`, in class order: `p_pneumonia` … `p_atelectasis`."""

QUALIFIED = re.compile(r"[?!¬≠~<>=%×✕✗✘☐⊖]|\[\s*\]|^[\W_]*-|-[\W_]*$")  # "Pneumonia?", "COVID-19 (-)", "[ ] Pneumonia"
DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
NOT_IN_CODE = re.compile(r"[\s.†‡*+\x00\u00ad\u200b-\u200f\u2060\ufeff]")  # marks and invisible characters
COVID_19 = "COVID-19"
PNEUMONIA = "Pneumonia"


def class_index(label: str) -> int:
    """Return the position of a class name in `DISEASES`."""
    return DISEASES.index(label)


def class_of_diagnosis(text: str) -> str | None:
    """Return the class that a diagnosis names, None for any other diagnosis, also for a qualified one.

    Case, blanks, punctuation, kinds of hyphen, full-width and invisible characters do not matter: "covid‑19 ".
    """
    return None if is_qualified(text) else _CLASS_BY_LETTERS.get(_letters_and_digits(text))


def is_qualified(text: str) -> bool:
    """Return True if a diagnosis names a class with a mark of doubt or negation: "Pneumonia?", "COVID-19 (-)"."""
    plain = DASHES.sub("-", unicodedata.normalize("NFKC", text))
    return _letters_and_digits(text) in _CLASS_BY_LETTERS and QUALIFIED.search(plain) is not None


def normalise_icd10(code: str) -> str:
    """Return a code in upper case without dots, blanks, invisible characters and † ‡ * +: "j18.9†" → "J189"."""
    return NOT_IN_CODE.sub("", unicodedata.normalize("NFKC", code)).upper()


def class_of_code(code: str, prefixes: Mapping[str, Iterable[str]]) -> str | None:
    """Return the class whose longest prefix starts `code`, None if no class has one.

    Args:
        code: One ICD-10 code in any spelling that `normalise_icd10` accepts.
        prefixes: Class name → its ICD-10 prefixes (`icd10.classes` in `parameters_ingestion.yml`).
    """
    found = [
        (len(plain), name)
        for name, codes in prefixes.items()
        for plain in map(normalise_icd10, codes)
        if normalise_icd10(code).startswith(plain)
    ]
    return max(found)[1] if found else None


def class_of_codes(primary: str, secondary: Iterable[str], prefixes: Mapping[str, Iterable[str]]) -> str | None:
    """Return the class of a record with several codes.

    The primary code decides, except that a primary pneumonia with COVID-19 in any other position is COVID-19.
    """
    first = class_of_code(primary, prefixes)
    if first == PNEUMONIA and any(class_of_code(code, prefixes) == COVID_19 for code in secondary):
        return COVID_19
    return first


def _letters_and_digits(text: str) -> str:
    letters = "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())
    return letters.replace("oedema", "edema")  # British spelling


_CLASS_BY_LETTERS = {_letters_and_digits(name): name for name in DISEASES}
