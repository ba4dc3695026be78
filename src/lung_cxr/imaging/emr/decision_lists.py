"""Read the lists of people's decisions about single images: `decisions.csv`, `decisions_2.csv` …

A decision names its image by the image's key or by export and path. Who decided, when and why stays in 01_raw.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from lung_cxr.contracts import DECISIONS, KEY
from lung_cxr.diseases import DISEASES, class_of_diagnosis
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.keys import normalised_path
from lung_cxr.imaging.emr.list_files import ListName, find_lists, place_of_list
from lung_cxr.imaging.emr.tables import TableError, read_text_table

LIST_NAME = ListName("decisions", re.compile(r"decisions\(?[0-9]*\)?"), "decision", [".csv"])
NAMES = ("image", "export", "path", "decision", "value")  # columns that are read
LISTED_COLUMNS = ["image_id", "export", "file_key", "decision", "value", "list", "list_row"]
SHOWN_ROWS = 10  # in an error


def find_decision_lists(exports: Iterable[Export], raw_folder: Path) -> list[Path]:
    """Return all lists of decisions in 01_raw and beside, above or in the exports, in the order of reading."""
    return list(find_lists(list(exports), LIST_NAME, [raw_folder]))


def read_decisions(exports: Iterable[Export], raw_folder: Path, known: pd.DataFrame, secret: Secret) -> pd.DataFrame:
    """Read all lists of decisions; without a list the table is empty.

    Args:
        exports: All present exports.
        raw_folder: `01_raw`; the exports may lie elsewhere.
        known: As `contracts.known_exports`; a decision names an export by its folder or its number.
        secret: Secret of the pseudonyms.

    Returns:
        `LISTED_COLUMNS` in the order of the rows: `image_id`, or `export` (ordinal; else 0) and `file_key`; the class
        of a label decision as `value`; place of the list; row below its header.

    Raises:
        TableError: A list cannot be read, or rows of it are not understood; the message has their numbers, no value.
    """
    exports = list(exports)
    ordinals = {str(number): number for number in known["export"]}
    ordinals |= dict(zip(known["export_id"], known["export"], strict=True))
    tables = [no_decisions()]
    for path in find_decision_lists(exports, raw_folder):
        fields, malformed = _read_fields(path)
        keyed = _keyed(fields, ordinals, secret)
        _refuse(path.name, fields, keyed, malformed)
        tables.append(keyed.assign(list=place_of_list(path, exports), list_row=keyed.index))
    return pd.concat(tables, ignore_index=True)[LISTED_COLUMNS]


def no_decisions() -> pd.DataFrame:
    """Return `LISTED_COLUMNS` without a row."""
    return pd.DataFrame(columns=LISTED_COLUMNS).astype({"export": "int64", "list_row": "int64"})


def _read_fields(path: Path) -> tuple[pd.DataFrame, list[int]]:
    """Return the columns `NAMES` as clean text, and the numbers of malformed rows."""
    table, malformed, *_ = read_text_table(path)
    found = {re.sub(r"[\s_-]", "", name.casefold()): name for name in table.columns}
    if "decision" not in found or not ("image" in found or {"export", "path"} <= found.keys()):
        raise TableError(
            f"{path.name}: found no column decision, or no column that names the image; expected a header with image "
            "(or export and path), decision, value, who, when, why. Correct the list and run ingestion again; nothing "
            "was read"
        )
    texts = {name: table[found[name]] if name in found else "" for name in NAMES}
    return pd.DataFrame(texts, index=table.index, dtype="str").map(str.strip), malformed


def _keyed(fields: pd.DataFrame, ordinals: dict[str, int], secret: Secret) -> pd.DataFrame:
    """Return the rows with keys in place of names; "" and 0 for what is not understood."""
    image_ids = fields["image"].str.lower()
    by_path = (image_ids == "") & (fields["path"] != "")
    paths = fields["path"].where(by_path, "").map(normalised_path)
    words = fields["decision"].map(lambda text: re.sub(r"[\s-]", "_", text.casefold()))
    classes = fields["value"].map(lambda text: class_of_diagnosis(text) or "")
    return pd.DataFrame(
        {
            "image_id": image_ids.where(image_ids.str.match(KEY), ""),
            "export": fields["export"].where(by_path, "").map(lambda name: ordinals.get(name, 0)).astype("int64"),
            "file_key": paths.map(lambda path: secret.key("file", path) if path else ""),
            "decision": words.where(words.isin(DECISIONS), ""),
            "value": classes.where(words == "label", ""),
        },
        index=fields.index,
    )


def _refuse(name: str, fields: pd.DataFrame, keyed: pd.DataFrame, malformed: list[int]) -> None:
    """Refuse a list with rows that are not understood.

    Raises:
        TableError: As `read_decisions`.
    """
    is_named = (fields["image"] != "") | ((fields["export"] != "") & (fields["path"] != ""))
    by_path = is_named & (fields["image"] == "")
    is_label = keyed["decision"] == "label"
    faults = {
        "name no image; expected a key in image, or export and path": ~is_named,
        "hold no image key; expected 32 hex digits in image": is_named & ~by_path & (keyed["image_id"] == ""),
        "name an unknown export; expected its folder or its number": by_path & (keyed["export"] == 0),
        f"have an unknown decision; expected {', '.join(DECISIONS)}": keyed["decision"] == "",
        f"have an unknown class; expected for label one of {', '.join(DISEASES)}": is_label & (keyed["value"] == ""),
        "have a value that is not used; expected one for label only": ~is_label & (fields["value"] != ""),
    }
    is_sound = ~keyed.index.isin(malformed)
    found = {fault: keyed.index[is_so & is_sound] for fault, is_so in faults.items()}
    found["have too many or too few fields, or a stray quote"] = keyed.index[~is_sound]
    said = [f"{len(rows)} rows {fault} ({_listed(rows)})" for fault, rows in found.items() if len(rows)]
    if said:
        raise TableError(
            f"{name}: {'; '.join(said)}. Row 1 is the first below the header. Correct the list and run ingestion "
            "again; nothing was read"
        )


def _listed(rows: "pd.Index[int]") -> str:
    more = " …" if len(rows) > SHOWN_ROWS else ""
    return f"row {', '.join(map(str, rows[:SHOWN_ROWS]))}{more}"
