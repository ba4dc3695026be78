"""Identifiers and paths of EMR rows → the keyed hashes that name patients, studies, images and files."""

import posixpath
from collections.abc import Callable

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.parsers import clean_identifiers, clean_text


def with_keys(rows: pd.DataFrame, secret: Secret, width: int | None) -> pd.DataFrame:
    """Normalise the identifiers of rows and add their keys.

    Args:
        rows: As `Export.read_rows` returns them.
        secret: Secret of the pseudonyms.
        width: `emr.patient_id_width`.

    Returns:
        The rows with `patient_key` (of the number in the row, before linkage), `study_key`, `image_id`, `file_key` and
        `clean_path`.
    """
    patients = clean_identifiers(rows["patient_id"], width)
    studies = clean_identifiers(rows["study_id"])
    paths = _mapped(rows["image_path"], normalised_path)
    parts = list(zip(patients, studies, paths, strict=True))
    return rows.assign(
        patient_id=patients,
        study_id=studies,
        clean_path=paths,
        patient_key=_mapped(patients, lambda patient: secret.key("patient", patient)),
        file_key=_file_keys(paths, secret),
        image_id=[secret.key("image", *filter(None, names)) for names in parts],
        study_key=[secret.key("study", patient, study or path) for patient, study, path in parts],
    )


def key_paths(paths: pd.DataFrame, secret: Secret) -> pd.DataFrame:
    """Add `file_key` to `export, image_path`. The result maps keys back to files, so it is never saved."""
    keyed = paths.assign(file_key=_file_keys(_mapped(paths["image_path"], normalised_path), secret))
    return keyed.drop_duplicates(["export", "file_key"], ignore_index=True)


def normalised_path(text: str) -> str:
    """Return one spelling for each image path: forward slashes, no "./", NFKC."""
    clean = clean_text(text).replace("\\", "/")
    return posixpath.normpath(clean) if clean else ""


def _file_keys(paths: "pd.Series[str]", secret: Secret) -> "pd.Series[str]":
    return _mapped(paths, lambda path: secret.key("file", path) if path else "")


def _mapped(texts: "pd.Series[str]", function: Callable[[str], str]) -> "pd.Series[str]":
    """Apply a function once to each distinct text."""
    return texts.map({text: function(text) for text in texts.unique()}).astype("str")
