"""The class of each EMR row: the consensus diagnosis, or the ICD-10 codes where a row has no diagnosis."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lung_cxr.diseases import PNEUMONIA, class_of_code, class_of_codes, class_of_diagnosis, is_qualified
from lung_cxr.imaging.emr.code_fields import read_codes
from lung_cxr.imaging.emr.parsers import clean_text

OTHER = "other"  # the class of codes outside the seven classes


def label_rows(rows: pd.DataFrame, icd10_classes: Mapping[str, list[str]]) -> pd.DataFrame:
    """Return the class of each row, its source and the class of the codes alone.

    The diagnosis of the review board overrides the codes. Of several codes in the primary field the first is the
    primary code, the others are secondary codes.

    Args:
        rows: `diagnosis, icd10_primary, icd10_secondary` as text.
        icd10_classes: Class → ICD-10 prefixes.

    Returns:
        `label`: class, "" for none of the seven · `label_source`: `diagnosis` or `icd10` · `icd10_label`: class of the
        codes, `other` or "" without understood codes · `codes_are_sound`: False if a code field is not understood
        that the class depends on · `diagnosis_is_sound`: False for a class with a mark of doubt or negation.
    """
    fields = pd.Series(
        list(zip(rows["icd10_primary"], rows["icd10_secondary"], strict=True)), rows.index, dtype="object"
    )
    by_fields = {pair: _class_of_fields(pair[0], pair[1], icd10_classes) for pair in fields.unique()}
    coded = pd.Series([by_fields[pair] for pair in fields], rows.index, dtype="object")
    icd10_label = coded.fillna("").astype("str")
    classes = {text: class_of_diagnosis(text) or "" for text in rows["diagnosis"].unique()}
    is_diagnosed = rows["diagnosis"].map({text: clean_text(text) != "" for text in classes}).astype("bool")
    diagnosed = rows["diagnosis"].map(classes).astype("str")
    return pd.DataFrame(
        {
            "label": diagnosed.where(is_diagnosed, icd10_label.replace(OTHER, "")),
            "label_source": np.where(is_diagnosed, "diagnosis", "icd10"),
            "icd10_label": icd10_label,
        },
        index=rows.index,
        dtype="str",
    ).assign(
        codes_are_sound=coded.notna(),
        diagnosis_is_sound=~rows["diagnosis"].map({text: is_qualified(text) for text in classes}).astype("bool"),
    )


def override_labels(named: pd.DataFrame, image_ids: "pd.Series[str]", decided: Mapping[str, str]) -> pd.DataFrame:
    """Return the labels with those that a person has decided; their source is `decision`.

    Args:
        named: From `label_rows`.
        image_ids: Image of each row.
        decided: Image id → class.
    """
    is_decided = image_ids.isin(decided.keys())
    labels = image_ids.map(decided).where(is_decided, named["label"]).astype("str")
    return named.assign(label=labels, label_source=named["label_source"].mask(is_decided, "decision"))


def _class_of_fields(primary: str, secondary: str, icd10_classes: Mapping[str, list[str]]) -> str | None:
    """Return the class of two code fields, `other` for none of the seven, "" without codes, None if not understood."""
    codes, others = read_codes(primary), read_codes(secondary)
    if not codes:
        return None if codes is None else ""
    if others is None:  # only a primary pneumonia depends on the secondary codes
        first = class_of_code(codes[0], icd10_classes)
        return None if first == PNEUMONIA else first or OTHER
    return class_of_codes(codes[0], (*codes[1:], *others), icd10_classes) or OTHER
