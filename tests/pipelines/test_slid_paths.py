"""A column of paths that slid by one row: the headers of the DICOM files name other patients than the rows."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.pipelines import ingestion
from made_up_dicom import make_dicom

PATIENTS = [f"P{number:02d}" for number in range(12)]


@pytest.fixture
def with_headers(hospital):
    """An export of DICOM files; `number` gives the PatientID of a row's patient."""

    def receive(number=str) -> pd.DataFrame:
        hospital.receive("a", PATIENTS)
        table = pd.read_csv(hospital.exports / "a/emr.csv", dtype="str")
        for row in table.itertuples():
            png = hospital.exports / "a" / row.image_path
            pixels = np.asarray(Image.open(png))
            png.with_suffix(".dcm").write_bytes(make_dicom(pixels, PatientID=number(row.patient_id), ViewPosition="PA"))
            png.unlink()
        table["image_path"] = table["image_path"].str.replace(".png", ".dcm")
        table["birth_date"] = ""
        table.to_csv(hospital.exports / "a/emr.csv", index=False)
        return table

    return receive


def reasons(hospital) -> dict[str, int]:
    rejected = hospital.table("02_intermediate/rejected_images.parquet")
    return rejected["reason_code"].value_counts().to_dict()


def test_headers_of_the_rows_patients_are_accepted(hospital, with_headers):
    with_headers(lambda number: f" {number.lower()} ")
    hospital.run(ingestion)
    assert reasons(hospital) == {}


def test_slid_paths_are_faults_or_flags(hospital, with_headers):
    table = with_headers()
    slid = [*table["image_path"][1:7], table["image_path"][0], *table["image_path"][7:]]
    table.assign(image_path=slid).to_csv(hospital.exports / "a/emr.csv", index=False)
    hospital.parameters["ingestion"]["max_fault_fraction"] = 1.0
    hospital.run(ingestion)
    assert reasons(hospital) == {"header_of_another_patient": 7}
    manifest = hospital.table("03_primary/image_manifest.parquet")
    assert (manifest["qc_status"] == "accepted").sum() == 5
    hospital.parameters["ingestion"]["header_mismatch"] = "flag"
    hospital.run(ingestion)
    flagged = hospital.table("03_primary/image_manifest.parquet")
    assert flagged["qc_reasons"].str.contains("header_disagrees").sum() == 7
    assert (flagged["qc_status"] == "accepted").all()


def test_a_pacs_with_its_own_numbers_is_reported_once(hospital, with_headers):
    with_headers(lambda number: f"PACS-{number[::-1]}X")
    hospital.run(ingestion)
    assert reasons(hospital) == {}
    assert hospital.report("ingestion_summary")["headers_not_compared"] == {"1": ["header_id"]}
