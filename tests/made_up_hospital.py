"""A hospital in a folder of its own: exports come in, pipelines run, everything kept can be searched."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from PIL import Image

from lung_cxr import parameters as groups
from lung_cxr.contracts import predictions as predictions_contract
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.imaging.emr.exports import MARKER
from lung_cxr.pipelines import ingestion, splitting
from lung_cxr.report.refresh import page
from lung_cxr.settings import CONFIG_LOADER_ARGS

GROUPS = {
    "emr": groups.EmrParameters,
    "icd10": groups.Icd10Parameters,
    "ingestion": groups.IngestionParameters,
    "splitting": groups.SplittingParameters,
    "ingestion_report": groups.IngestionReportParameters,
    "key_rotation": groups.KeyRotationParameters,
    "training": groups.TrainingParameters,
    "label_audit": groups.LabelAuditParameters,
    "extraction": groups.ExtractionParameters,
    "reidentify": groups.ReidentifyParameters,
}
CODES = {"Pneumonia": "J18.9", "COVID-19": "U07.1", "Tuberculosis": "A15.0"}


def with_raw_rows(table: pd.DataFrame, export: str) -> pd.DataFrame:
    """Return a table of the synthetic hospital with raw row numbers; `export`: column of the export's ordinal."""
    hashes = KeyedHashes(Secret(PUBLIC_SECRET))
    return table.assign(row=[hashes.raw_row(*pair) for pair in zip(table[export], table["row"], strict=True)])


@cache
def _configuration(project: Path) -> tuple[dict, dict]:
    loader = OmegaConfigLoader(conf_source=str(project / "conf"), env="test", **CONFIG_LOADER_ARGS)
    return loader["catalog"], loader["parameters"]


def configuration_of_test_environment(project: Path) -> tuple[dict, dict]:
    """Return catalogue and parameters, read once; the caller may change them."""
    return deepcopy(_configuration(project))


def draw_no_refresh_page(patch: pytest.MonkeyPatch) -> None:
    """Leave out the page of a refresh, which takes longer than all else of a small one."""
    patch.setattr(page, "render_refresh_report", lambda *_, **__: "left out")


def write_export(folder: Path, patients: list[str]) -> None:
    """Write an export with one image of each patient; "A=1" is patient A's image of seed 1."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for patient in patients:
        name = f"{folder.name}-{patient}.png"
        rng = np.random.default_rng([*folder.name.encode(), *patient.encode()])
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12)).astype(np.uint8))
        pixels = np.asarray(coarse.resize((128, 128), Image.Resampling.BICUBIC)).astype(int)
        noisy = np.clip(pixels + rng.integers(-20, 20, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / name)
        code = CODES[list(CODES)[sum(patient.encode()) % 3]]
        rows.append({"patient_id": patient, "image_path": name, "icd10_primary": code, "view": "PA"})
    table = pd.DataFrame(rows).assign(exam_date="2026-03-31", birth_date="1950-01-01", sex="F", clinical_note="ho")
    table.to_csv(folder / "emr.csv", index=False)


class Hospital:
    """A folder of exports and the catalogue that is made of it, under the settings of conf/test."""

    def __init__(self, project: Path, folder: Path):
        self.data = folder / "data/test"
        self.exports = self.data / "01_raw/exports"
        self.datasets, self.parameters = configuration_of_test_environment(project)

    def receive(self, export: str, patients: list[str]) -> None:
        """Write a synthetic export, see `write_export`."""
        write_export(self.exports / export, patients)
        (self.exports / export / MARKER).touch()

    def hand_in(self, name: str, text: str) -> None:
        (self.exports / name).write_text(text)

    def run(self, *pipelines, with_pages: bool = False) -> None:
        """Run pipelines, ingestion and splitting unless others are named."""
        catalogue = DataCatalog.from_config(self.datasets)
        for name, model in GROUPS.items():
            catalogue[f"params:{name}"] = model.model_validate(self.parameters[name])
        catalogue["params:backbones"] = self.parameters["backbones"]
        for pipeline in pipelines or (ingestion, splitting):
            with pytest.MonkeyPatch.context() as patch:
                if not with_pages:
                    draw_no_refresh_page(patch)
                SequentialRunner().run(pipeline.create_pipeline(), catalogue)

    def table(self, path: str) -> pd.DataFrame:
        return pd.read_parquet(self.data / path)

    def report(self, name: str) -> dict:
        newest = max((self.data / f"08_reporting/{name}.json").iterdir())
        return json.loads((newest / f"{name}.json").read_text())

    def pretend_run(self, cell: str, split_hash: str, predicted: list[str]) -> None:
        """A finished run, as training leaves it: a record, a model and predictions."""
        split = self.table("05_model_input/split.parquet")
        rows = split[split["subset"].isin(predicted)]
        rows = rows.assign(**dict.fromkeys(PROBABILITY_COLUMNS, 1 / len(DISEASES)))
        columns = list(predictions_contract.columns)
        for layer in ("06_models", "07_model_output"):
            (self.data / layer / cell).mkdir(parents=True)
        (self.data / "06_models" / cell / "identity.json").write_text(json.dumps({"split_sha256": split_hash}))
        output = self.data / "07_model_output" / cell
        (output / "run_record.json").write_text(json.dumps({"split_sha256": split_hash, "seed": 7}))
        rows[columns].to_parquet(output / "predictions.parquet", index=False)

    def everything_kept(self) -> str:
        """All text below data/ past 01_raw, tables as CSV, and the names of all files."""
        files = [path for path in sorted(self.data.rglob("*")) if path.is_file() and "01_raw" not in path.parts]
        return "\n".join(str(path) + "\n" + _text(path) for path in files)


def _text(path: Path) -> str:
    return pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_text("utf-8", "replace")
