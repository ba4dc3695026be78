"""Precision and recall of quality control on the synthetic hospital: each planted defect, by the reason it must get."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters, SyntheticHospitalParameters
from lung_cxr.pipelines.ingestion import create_pipeline
from lung_cxr.settings import CONFIG_LOADER_ARGS
from lung_cxr.synthetic.hospital.write_exports import write_hospital
from made_up_hospital import with_raw_rows

REASONS = {  # planted → the reason it must be rejected for
    "blank": "nearly_blank",
    "blurred": "blurred",
    "corrupt": "unreadable",
    "duplicate": "exact_duplicate",
    "lateral": "not_frontal",
    "lateral_untagged": "not_frontal",
    "missing_file": "missing_file",
    "near_duplicate": "near_duplicate",
    "not_a_chest": "not_a_chest",
    "rotated": "rotated",
    "small": "too_small",
    "strip": "extreme_aspect_ratio",
    "too_bright": "too_bright",
    "too_dark": "too_dark",
    "truncated": "truncated",
    "wrong_code": "not_one_of_seven",
}
GROUPS = {"emr": EmrParameters, "icd10": Icd10Parameters, "ingestion": IngestionParameters}
ALSO_RIGHT = {"not_a_chest": ["implausible_pixels"]}  # a test pattern is sharper than any radiograph
FLAGGED = {"not_a_chest": "looks_foreign", "not_frontal": "looks_lateral"}  # reason → the flag of what is in doubt


class Outcome(NamedTuple):
    planted: int
    rejected: int
    flagged: int
    false: int

    @property
    def found(self) -> int:
        return self.rejected + self.flagged

    @property
    def recall(self) -> float:
        return self.found / self.planted

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.false)


def ingest(project: Path, folder: Path, each: int, patients: int) -> pd.DataFrame:
    """Write a hospital with `each` of every defect, ingest it as the demo does, return the truth with `reason`."""
    loader = OmegaConfigLoader(conf_source=str(project / "conf"), env="demo", **CONFIG_LOADER_ARGS)
    parameters, catalogue = loader["parameters"], DataCatalog.from_config(loader["catalog"])
    changed = {"burned_in_text": "off", "accept_unchecked_pixels": True, "max_fault_fraction": 1.0}
    parameters["ingestion"] |= changed | {"accept_unknown_view": True, "workers": 1}
    for name, model in GROUPS.items():
        catalogue[f"params:{name}"] = model.model_validate(parameters[name])
    values = parameters["synthetic_hospital"] | {"patients": patients, "burned_in_fraction": 0.0, "workers": 1}
    values |= {"minimum_patients_per_class": 1, "defects": dict.fromkeys(values["defects"], each)}
    truth = write_hospital(folder / "data/demo/01_raw/exports", SyntheticHospitalParameters.model_validate(values))
    SequentialRunner().run(create_pipeline().to_outputs("image_manifest"), catalogue)
    return with_outcomes(truth, folder / "data/demo", parameters["ingestion"]["standardise"]["max_inversion"])


def with_outcomes(truth: pd.DataFrame, data: Path, max_inversion: float) -> pd.DataFrame:
    tables = [data / f"02_intermediate/{name}.parquet" for name in ("rejected_records", "rejected_images")]
    rejected = with_raw_rows(pd.concat([pd.read_parquet(table) for table in tables]), "export")
    reasons = rejected.set_index(["export", "row"])["reason_code"]
    records = with_raw_rows(pd.read_parquet(data / "02_intermediate/records.parquet"), "source_export")
    manifest = pd.read_parquet(data / "03_primary/image_manifest.parquet").merge(records[["image_id", "row", "export"]])
    manifest = manifest.set_index(["export", "row"])
    mended = set(manifest[manifest["qc_inversion"] > max_inversion].index)
    flags = manifest.loc[manifest["qc_status"] == "accepted", "qc_reasons"]
    ordinals = {export: number for number, export in enumerate(sorted(truth["export"].unique()), start=1)}
    keys = list(zip(truth["export"].map(ordinals), truth["row"], strict=True))
    return truth.assign(
        reason=[reasons.get(key, "") for key in keys],
        flags=[flags.get(key, "").split(";") for key in keys],
        mended=[key in mended for key in keys],
    )


def _same_film(truth: pd.DataFrame, copy: str, original: str) -> pd.Series:
    """Rows that may show a near duplicate's film: it, its original, or the exact copy that stays for that."""
    owner = truth.loc[truth["study_id"] == original, "patient_id"].item()
    exact_copy = (truth["patient_id"] == owner) & (truth["defect"] == "duplicate")
    return truth["study_id"].isin([copy, original]) | exact_copy


def outcomes(truth: pd.DataFrame) -> dict[str, Outcome]:
    """Planted, rejected, flagged and falsely given, by reason; of a pair of duplicates either may stay."""
    result = {}
    for reason in sorted(set(REASONS.values())):
        planted = truth["defect"].map(REASONS) == reason
        given = truth["reason"].isin([reason, *ALSO_RIGHT.get(reason, ())])
        flagged = pd.Series([FLAGGED.get(reason) in flags for flags in truth["flags"]], truth.index)
        if reason == "near_duplicate":
            films = [_same_film(truth, *pair) for pair in truth.loc[planted, ["study_id", "picture_of"]].to_numpy()]
            found = sum(bool((given & film).any()) for film in films)
            result[reason] = Outcome(len(films), found, 0, int((given & ~np.any(films, axis=0)).sum()))
        elif reason == "exact_duplicate":
            result[reason] = Outcome(int(planted.sum()), int(given.sum()), 0, max(0, int(given.sum() - planted.sum())))
        else:
            false = given & ~planted | flagged & (truth["defect"] == "")  # a hand may look like a side view, too
            counts = (planted, planted & given, planted & flagged, false)
            result[reason] = Outcome(*(int(counted.sum()) for counted in counts))
    planted = truth["defect"] == "inverted"
    mended = truth["mended"]
    result["inverted"] = Outcome(int(planted.sum()), int((planted & mended).sum()), 0, int((mended & ~planted).sum()))
    return result


@pytest.mark.parametrize(
    ("each", "patients", "least"),
    [(1, 14, 0.5), pytest.param(24, 60, 0.95, marks=pytest.mark.slow)],
)
def test_planted_defects_are_found_for_their_reason(project, tmp_path, monkeypatch, each, patients, least):
    monkeypatch.chdir(tmp_path)
    truth = ingest(project, tmp_path, each, patients)
    found = outcomes(truth)
    table = {name: {**one._asdict(), "precision": one.precision, "recall": one.recall} for name, one in found.items()}
    print(json.dumps(table, indent=1))
    sound = truth[(truth["defect"] == "") & ~truth["study_id"].isin(truth["picture_of"])]
    sound = sound[sound["reason"] != "exact_duplicate"]  # the planted copy may be the one that stays
    assert (sound["reason"] == "").mean() > 0.95
    missed = {name: one for name, one in found.items() if min(one.precision, one.recall) < least}
    assert not missed
