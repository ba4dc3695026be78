"""Cleaned numbers and paths → the keyed hashes by which patients, studies, images and files are known."""

import posixpath

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.parsers import clean_identifiers, clean_text


def with_keys(rows: pd.DataFrame, secret: Secret, width: int | None) -> pd.DataFrame:
    """Clean the identifiers of rows and add what names them past 02.

    Returns:
        The rows with `patient_key` (of the number as written), `study_key`, `image_id`, `file_key`, `clean_path`.
    """
    patients = clean_identifiers(rows["patient_id"], width)
    studies = clean_identifiers(rows["study_id"])
    paths = _normalised(rows["image_path"])
    together = list(zip(patients, studies, paths, strict=True))
    return rows.assign(
        patient_id=patients,
        study_id=studies,
        clean_path=paths,
        patient_key=patients.map({patient: secret.key("patient", patient) for patient in patients.unique()}).astype(
            "str"
        ),
        file_key=_file_keys(paths, secret),
        image_id=[secret.key("image", *filter(None, parts)) for parts in together],
        study_key=[secret.key("study", patient, study or path) for patient, study, path in together],
    )


def key_paths(paths: pd.DataFrame, secret: Secret) -> pd.DataFrame:
    """Add `file_key` to `export, image_path`: the way back from a key to its file, never saved."""
    keyed = paths.assign(file_key=_file_keys(_normalised(paths["image_path"]), secret))
    return keyed.drop_duplicates(["export", "file_key"], ignore_index=True)


def normalised_path(text: str) -> str:
    """One spelling for each image path: forward slashes, no "./", NFKC."""
    clean = clean_text(text).replace("\\", "/")
    return posixpath.normpath(clean) if clean else ""


def _normalised(paths: "pd.Series[str]") -> "pd.Series[str]":
    return paths.map({path: normalised_path(path) for path in paths.unique()}).astype("str")


def _file_keys(normalised: "pd.Series[str]", secret: Secret) -> "pd.Series[str]":
    return normalised.map({path: secret.key("file", path) if path else "" for path in normalised.unique()}).astype(
        "str"
    )
