"""The seven classes and their one fixed order (Table 1 of the paper), and how an ICD-10 code finds its class."""

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

NOT_IN_CODE = re.compile(r"[\s.†‡*+\x00\u00ad\u200b-\u200f\u2060\ufeff]")  # marks, and what nobody sees
COVID_19 = "COVID-19"
PNEUMONIA = "Pneumonia"


def class_index(label: str) -> int:
    """Return the position of a class name in `DISEASES`."""
    return DISEASES.index(label)


def normalise_icd10(code: str) -> str:
    """NFKC, upper case, without dots, spaces, invisible characters, † ‡ * and +: "j18.9†" → "J189"."""
    return NOT_IN_CODE.sub("", unicodedata.normalize("NFKC", code)).upper()


def class_of_code(code: str, prefixes: Mapping[str, Iterable[str]]) -> str | None:
    """Return the class whose longest prefix starts `code`, or None where no class does.

    Args:
        code: One ICD-10 code as the hospital writes it.
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
    """Return the class of a co-coded record.

    The primary code decides, except that COVID-19 in any position beside a primary pneumonia is COVID-19.
    """
    first = class_of_code(primary, prefixes)
    if first == PNEUMONIA and any(class_of_code(code, prefixes) == COVID_19 for code in secondary):
        return COVID_19
    return first
