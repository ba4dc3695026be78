"""Identifiers and paths of EMR rows → the keyed hashes that name patients, studies, images and files.

An image that the catalogue knows under an earlier spelling of its numbers keeps that name, so that a change of the
grammar or of `emr.patient_id_width` reads no file again. Patient linkage joins the spellings of one number.
"""

import posixpath
from collections.abc import Collection, Iterator
from itertools import islice

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules, is_missing, normalise_identifier
from lung_cxr.imaging.emr.parsers import clean_text
from lung_cxr.text_columns import is_in, map_distinct


def with_keys(
    rows: pd.DataFrame, secret: Secret, rules: PatientIdRules, known_images: Collection[str] = frozenset()
) -> pd.DataFrame:
    """Normalise the identifiers of rows and add their keys.

    Args:
        rows: As `ExportTables.rows`.
        secret: Secret of the pseudonyms.
        rules: The hospital's rules for patient numbers.
        known_images: Ids of the images in the catalogue.

    Returns:
        The rows with `patient_id`, `study_id` and `clean_path` in normal form, `catalogued_id` (the spelling of the
        patient number in the keys), `patient_key` (before linkage), `study_key`, `image_id` and `file_key`.
    """
    present = next(_spellings(rows, rules))
    keyed = _keyed(present, secret)
    unknown = rows[~is_in(keyed["image_id"], known_images)] if known_images else rows[:0]
    for spelling in islice(_spellings(unknown, rules), 1, None) if len(unknown) else ():
        is_other = (spelling != present.loc[unknown.index]).any(axis=1)
        other = spelling[is_other & ~is_in(keyed.loc[unknown.index, "image_id"], known_images)]
        if len(other):
            keyed = _with_known(keyed, _keyed(other, secret), known_images)
    return rows.assign(
        patient_id=present["patient"],
        study_id=present["study"],
        clean_path=present["path"],
        file_key=_file_keys(present["path"], secret),
        **{str(name): keyed[name] for name in keyed},
    )


def keys_of_all_spellings(rows: pd.DataFrame, secret: Secret, rules: PatientIdRules) -> list[pd.DataFrame]:
    """Return `catalogued_id, patient_key, study_key, image_id` of the rows under every spelling of their numbers."""
    return [_keyed(spelling, secret) for spelling in _spellings(rows, rules)]


def key_paths(paths: pd.DataFrame, secret: Secret) -> pd.DataFrame:
    """Add `file_key` to `export, image_path`. The result maps keys back to files, so it is never saved."""
    keyed = paths.assign(file_key=_file_keys(map_distinct(paths["image_path"], normalised_path), secret))
    return keyed.drop_duplicates(["export", "file_key"], ignore_index=True)


def normalised_path(text: str) -> str:
    """Return an image path with forward slashes and no "./", "" for a missing path; its characters stay as they are."""
    clean = "" if is_missing(text) else text.strip().replace("\\", "/")
    return posixpath.normpath(clean) if clean else ""


def _earlier_path(text: str) -> str:
    """Return the path as earlier catalogues have it: NFKC, so that two files could share one image id."""
    return normalised_path(clean_text(text))


def _spellings(rows: pd.DataFrame, rules: PatientIdRules) -> Iterator[pd.DataFrame]:
    """Yield `patient, study, path` in normal form, then as catalogues under other rules or before them have them."""
    patients = rows["patient_id"]
    path = map_distinct(rows["image_path"], normalised_path)
    normal = map_distinct(rows["study_id"], normalise_identifier)
    for grammar in (rules, PatientIdRules(rules.width), PatientIdRules()):
        yield pd.DataFrame({"patient": map_distinct(patients, grammar.normalise), "study": normal, "path": path})
    earlier_path = map_distinct(rows["image_path"], _earlier_path)
    clean = map_distinct(rows["study_id"], clean_text)
    for spell in (lambda text: _zero_padded(clean_text(text), rules.width), clean_text):
        yield pd.DataFrame({"patient": map_distinct(patients, spell), "study": clean, "path": earlier_path})


def _zero_padded(number: str, width: int | None) -> str:
    return number.zfill(width or 0) if number.isdigit() else number


def _with_known(keyed: pd.DataFrame, earlier: pd.DataFrame, known_images: Collection[str]) -> pd.DataFrame:
    """Replace the keys of images that the catalogue knows under an earlier id of one image only."""
    known = earlier[is_in(earlier["image_id"], known_images) & ~is_in(earlier["image_id"], keyed["image_id"])]
    known = known.assign(present=keyed["image_id"]).sort_values(["present", "image_id"]).drop_duplicates("present")
    known = known[~known["image_id"].duplicated(keep=False)].set_index("present")
    replaced = known.reindex(keyed["image_id"]).set_axis(keyed.index)
    return replaced.where(replaced["image_id"].notna(), keyed).astype("str")


def _keyed(spelling: pd.DataFrame, secret: Secret) -> pd.DataFrame:
    parts = list(zip(*(spelling[name].tolist() for name in ("patient", "study", "path")), strict=True))
    keys = {
        "catalogued_id": spelling["patient"],
        "patient_key": map_distinct(spelling["patient"], lambda patient: secret.key("patient", patient)),
        "study_key": [secret.key("study", patient, study or path) for patient, study, path in parts],
        "image_id": [secret.key("image", *filter(None, names)) for names in parts],
    }
    return pd.DataFrame(keys, index=spelling.index).astype("str")


def _file_keys(paths: "pd.Series[str]", secret: Secret) -> "pd.Series[str]":
    return map_distinct(paths, lambda path: secret.key("file", path) if path else "")
