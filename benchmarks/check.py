"""CPU seconds of the check on one export of 100,000 rows, all files missing; target: below 60.

    python benchmarks/check.py out.json [--rows 100000]

No file is opened, so the time is that of the tables. With DICOM files, add the time of their headers
(`header_seconds`, measured on 2,000 copies of a small file).
"""

import argparse
import json
import logging
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from lung_cxr.export_check.check_exports import Catalogue, Settings, check_exports
from lung_cxr.imaging.catalogue.header_patient import read_header_patient
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.pseudonymise import EarlierRun
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters
from lung_cxr.splitting.assignments import checked_assignments

CONFIGURATION = Path(__file__).parents[1] / "conf/base/parameters_ingestion.yml"
HEADERS = 2000
SECRET = Secret("benchmark of the check 8d1f0c7a95b2")


def write_export(folder: Path, rows: int) -> None:
    """Write a table in which each patient has two images."""
    rng = np.random.default_rng(2024)
    patients = [f"BN{number:08d}" for number in range(rows // 2)]
    days = pd.to_datetime("2026-01-01") + pd.to_timedelta(rng.integers(0, 365, rows), unit="D")
    births = pd.to_datetime("1930-01-01") + pd.to_timedelta(rng.integers(0, 30000, rows), unit="D")
    table = pd.DataFrame(
        {
            "patient_id": rng.choice(patients, rows),
            "image_path": [f"images/{number:06d}.dcm" for number in range(rows)],
            "icd10_primary": rng.choice(["J18.9", "U07.1", "A15.0", "J90", "J93", "I10"], rows),
            "icd10_secondary": "",
            "diagnosis": "",
            "study_id": [f"XR{number:07d}" for number in range(rows)],
            "exam_date": days.strftime("%d/%m/%Y"),
            "birth_date": births.strftime("%d/%m/%Y"),
            "sex": rng.choice(["nam", "nữ"], rows),
            "view": "PA",
            "patient_name": "Nguyễn Văn A",
            "clinical_note": "",
        }
    )
    table.to_csv(folder / "emr.csv", index=False)


def header_seconds(folder: Path) -> float:
    """Return CPU seconds per header."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False, is_little_endian=True)
    header.PatientID, header.PatientName, header.PatientSex = "BN00000001", "Nguyen^Van A", "M"
    header.PatientBirthDate, header.Rows, header.Columns = "19500101", 16, 16
    header.add_new("PixelData", "OW", bytes(512))
    header.save_as(folder / "one.dcm", enforce_file_format=False)
    start = time.process_time()
    for _ in range(HEADERS):
        read_header_patient(folder / "one.dcm", 50, SECRET)
    return (time.process_time() - start) / HEADERS


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    values = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    settings = Settings(
        EmrParameters.model_validate(values["emr"]),
        Icd10Parameters.model_validate(values["icd10"]),
        IngestionParameters.model_validate(values["ingestion"]),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "2026-01"
        folder.mkdir()
        write_export(folder, options.rows)
        exports = {"2026-01": Export("2026-01", folder, synthetic=True)}
        processor = ImageProcessor.from_parameters(settings.ingestion, ImageStore(Path(name)), SECRET)
        catalogue = Catalogue(
            None, None, EarlierRun(None, None, checked_assignments(None), None), {}, processor, Path(name)
        )
        start = time.process_time()
        facts = check_exports(exports, catalogue, SECRET, settings)
        seconds = time.process_time() - start
        result = {
            "rows": facts["exports"][0]["rows"],
            "records": facts["exports"][0]["records"],
            "cpu_seconds": round(seconds, 1),
            "header_seconds": round(header_seconds(folder), 6),
            "machine": platform.processor() or platform.machine(),
        }
    options.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
