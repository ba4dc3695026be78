"""Compare the patient of each DICOM header with the patient of its row: a slid column of paths exchanges patients.

A disagreement counts where the export can be compared: most of its headers agree, or the header names another patient
of the tables. Where an export agrees in few headers and none names another patient, the PACS uses other numbers or
names: the field is not compared, and the report says so once.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lung_cxr.imaging.deidentify.identity_keys import IDENTITY_KEYS
from lung_cxr.text_columns import is_in

MISMATCH = "header_of_another_patient"
MOST = 0.5  # share of agreeing headers from which on a disagreement is an exception
MOST_SEXES = 0.9  # half of the sexes agree by chance
IDENTITY_COLUMNS = ["image_id", *IDENTITY_KEYS]


class HeaderCheck(NamedTuple):
    """Result of the comparison.

    Attributes:
        mismatch: Whether the header of each image names another patient than the row.
        not_compared: Export (as text, for JSON) → fields that the PACS writes in another way throughout.
    """

    mismatch: "pd.Series[bool]"
    not_compared: dict[str, list[str]]


def check_headers(images: pd.DataFrame, identities: pd.DataFrame) -> HeaderCheck:
    """Compare headers and rows.

    Args:
        images: `image_id, sex, source_export` and, of the header, `header_id, header_name, header_birth, header_sex`.
            A missing value is "", a missing export NaN.
        identities: `IDENTITY_COLUMNS` of the rows.
    """
    rows = identities.set_index("image_id").reindex(images["image_id"]).fillna("").set_axis(images.index)
    mismatch = pd.Series(False, index=images.index)
    settled = pd.Series(False, index=images.index)
    not_compared: dict[str, list[str]] = {}
    for field in (*IDENTITY_KEYS, "header_sex"):
        is_sex = field == "header_sex"
        row = images["sex"].replace("unknown", "") if is_sex else rows[field]
        header = images[field].replace("O", "") if is_sex else images[field]
        known = (row != "") & (header != "") & images["source_export"].notna()
        agrees = known & (row == header)
        share = agrees.groupby(images["source_export"]).transform("sum") / known.groupby(
            images["source_export"]
        ).transform("sum").replace(0, np.nan)
        comparable = share >= (MOST_SEXES if is_sex else MOST)
        names_another = is_in(header, row) & (field in ("header_id", "header_name"))
        mismatch |= known & ~agrees & (comparable | names_another) & ~settled
        settled |= agrees
        strange = known & ~agrees & ~comparable & ~names_another & ~mismatch
        if not is_sex:
            for export in sorted(images.loc[strange, "source_export"].unique()):
                not_compared.setdefault(str(int(export)), []).append(field)
    return HeaderCheck(mismatch, not_compared)
