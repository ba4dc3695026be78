"""The class of each EMR row: the consensus diagnosis, or the ICD-10 codes where a row has no diagnosis."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lung_cxr.diseases import PNEUMONIA, class_of_code, class_of_codes, class_of_diagnosis, is_qualified
from lung_cxr.imaging.emr.code_fields import read_codes
from lung_cxr.imaging.emr.parsers import clean_text
from lung_cxr.text_columns import is_in, map_distinct

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
    fields = list(zip(rows["icd10_primary"].tolist(), rows["icd10_secondary"].tolist(), strict=True))
    by_fields = {pair: _class_of_fields(*pair, icd10_classes) for pair in set(fields)}
    coded = pd.Series([by_fields[pair] for pair in fields], rows.index, dtype="object")
    icd10_label = coded.fillna("").astype("str")
    is_diagnosed = map_distinct(rows["diagnosis"], lambda text: clean_text(text) != "", "bool")
    diagnosed = map_distinct(rows["diagnosis"], lambda text: class_of_diagnosis(text) or "")
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
        diagnosis_is_sound=~map_distinct(rows["diagnosis"], is_qualified, "bool"),
    )


def override_labels(named: pd.DataFrame, image_ids: "pd.Series[str]", decided: Mapping[str, str]) -> pd.DataFrame:
    """Return the labels with those that a person has decided; their source is `decision`.

    Args:
        named: From `label_rows`.
        image_ids: Image of each row.
        decided: Image id → class.
    """
    is_decided = is_in(image_ids, decided.keys())
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
