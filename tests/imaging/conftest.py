"""Small radiographs, DICOM files of every kind, and the settings of conf/base, for the tests of imaging."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.identify import identify_rows
from lung_cxr.imaging.emr.patient_linkage import MERGED_COLUMNS, PatientLists
from lung_cxr.imaging.emr.records import CleanedRecords, clean_records
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters
from lung_cxr.splitting.assignments import checked_assignments
from made_up_dicom import make_dicom


@pytest.fixture(scope="session")
def dicom() -> Callable[..., bytes]:
    """See `make_dicom`."""
    return make_dicom


@pytest.fixture(scope="session")
def smooth() -> Callable[..., np.ndarray]:
    """A field of soft waves with some fine detail, (H, W) float, 0…1: every seed another."""

    def draw(seed: int = 0, height: int = 96, width: int = 80) -> np.ndarray:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        waves = sum(
            rng.normal() * np.sin(2 * np.pi * (a * x + b * y) + rng.uniform(0, 6)) for a in range(5) for b in range(5)
        )
        waves = waves + 0.1 * rng.normal(size=(height, width))
        return (waves - waves.min()) / (waves.max() - waves.min())

    return draw


@pytest.fixture(scope="session")
def base_settings(project) -> dict[str, Any]:
    """conf/base/parameters_ingestion.yml."""
    return yaml.safe_load((project / "conf/base/parameters_ingestion.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def emr(base_settings) -> EmrParameters:
    return EmrParameters.model_validate(base_settings["emr"])


@pytest.fixture(scope="session")
def icd10(base_settings) -> Icd10Parameters:
    return Icd10Parameters.model_validate(base_settings["icd10"])


@pytest.fixture(scope="session")
def ingestion(base_settings) -> IngestionParameters:
    """The base settings at a side of 64 pixels, one worker, all pixels accepted, none looked at for text or a chest."""
    values = dict(base_settings["ingestion"], workers=1, accept_unchecked_pixels=True, burned_in_text="off")
    values["standardise"] = dict(values["standardise"], side=64, max_inversion=None)
    scores = ("max_rotation", "max_lateral", "flag_lateral", "max_non_chest", "flag_non_chest", "max_non_chest_rotated")
    unjudged = dict.fromkeys(scores)
    values["quality"] = dict(values["quality"], min_side=32, **unjudged)
    return IngestionParameters.model_validate(values)


@pytest.fixture(scope="session")
def secret() -> Secret:
    return Secret("a secret of forty characters or so, 40!!")


@pytest.fixture(scope="session")
def clean_rows(secret, emr, icd10) -> Callable[..., CleanedRecords]:
    """Rows of `read_all_rows` → records, as the first refresh makes them."""

    def run(rows: pd.DataFrame, settings: EmrParameters = emr, previous: pd.DataFrame | None = None) -> CleanedRecords:
        lists, rules = PatientLists(), PatientIdRules.of(settings)
        accept = settings.accept_similar_patient_ids
        found = identify_rows(rows, lists, previous, checked_assignments(None), secret, rules, accept_similar=accept)
        return clean_records(found.rows, secret, found.merged, found.similar, settings, icd10.classes)

    return run


@pytest.fixture(scope="session")
def no_merged_patients() -> pd.DataFrame:
    """`merged_patients` of a hospital that has merged no numbers."""
    return pd.DataFrame(columns=MERGED_COLUMNS).astype({"shift_days": "int64", "excluded": bool})
