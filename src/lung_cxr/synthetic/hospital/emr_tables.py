"""Write the EMR table of an export; each export spells sex, dates and codes differently."""

import io
import re
import zipfile
from pathlib import Path

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.clinical_notes import write_note
from lung_cxr.synthetic.hospital.defects import WRONG_CODES
from lung_cxr.synthetic.hospital.exams import EXPORTS, NOTE, Exam, stream

TABLE_FILES = dict(zip(EXPORTS, ("emr.csv", "emr.xlsx"), strict=True))
DATE_FORMATS = dict(zip(EXPORTS, ("%Y-%m-%d", "%d/%m/%Y"), strict=True))  # the hospital changed its system
SEXES = dict(zip(EXPORTS, ({"F": "F", "M": "M"}, {"F": "Nữ", "M": "Nam"}), strict=True))

ICD10 = {  # (primary, secondary) as coders write them
    "Pneumonia": (("J18.9", ""), ("J15.9", ""), ("J12.9", "I10"), ("J13", ""), ("j18.1", "E11.9"), ("J18.0†", "")),
    "COVID-19": (("U07.1", ""), ("U07.1", "J12.8"), ("J12.8", "U07.1"), ("J12.8", "I10;U07.1"), ("U07.2", "")),
    "Tuberculosis": (("A15.0", ""), ("A16.2", ""), ("A15.3", "E11.9"), ("A19.0", ""), ("A16.0", "B20")),
    "Pleural Effusion": (("J90", ""), ("J91*", "C34.9"), ("J90 ", "I10"), ("J91.8", "")),
    "Pneumothorax": (("J93.9", ""), ("J93.1", ""), ("J93.0", "J44.9"), ("J93.8", "")),
    "Pulmonary Edema": (("J81", ""), ("I50.1", "I10"), ("J81", "I25.1"), ("J81.0", "N18.5")),
    "Atelectasis": (("J98.1", ""), ("J98.11", ""), ("J98.1", "C34.0")),
}
CONSENSUS_SHARE = 0.15  # share of rows with a consensus diagnosis
OVERRULED_SHARE = 0.2  # share of these that contradict the code

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP archive can state


def emr_row(parameters: SyntheticHospitalParameters, exam: Exam) -> dict[str, str]:
    """Return one row of an EMR table, all values as text."""
    generator = stream(parameters, NOTE, exam.number)
    coded, diagnosis = exam.disease, ""
    if not exam.defect and generator.random() < CONSENSUS_SHARE:
        diagnosis = exam.disease
        coded = str(generator.choice(DISEASES)) if generator.random() < OVERRULED_SHARE else coded
    primary, secondary = ICD10[coded][int(generator.integers(len(ICD10[coded])))]
    if exam.defect == "wrong_code":
        primary, secondary = str(generator.choice(WRONG_CODES)), ""
    dates = DATE_FORMATS[exam.export]
    return {
        "patient_id": exam.person.patient_id,
        "patient_name": exam.person.name,
        "sex": SEXES[exam.export][exam.person.sex],
        "birth_date": exam.person.birth_date.strftime(dates),
        "study_id": exam.study_id,
        "exam_date": exam.exam_date.strftime(dates),
        "view": exam.view,
        "image_path": exam.image_path,
        "icd10_primary": primary,
        "icd10_secondary": secondary,
        "diagnosis": diagnosis,
        "clinical_note": write_note(generator, exam),
    }


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table by its suffix (.csv or .xlsx), the same bytes every time."""
    if path.suffix == ".csv":
        table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")  # as Windows systems export it
    else:
        path.write_bytes(_timeless_workbook(table))


def _timeless_workbook(table: pd.DataFrame) -> bytes:
    """Return Excel bytes without the times of writing that openpyxl puts into the archive."""
    written, timeless = io.BytesIO(), io.BytesIO()
    table.to_excel(written, index=False, sheet_name="EMR")
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(timeless, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2023-01-01T00:00:00Z", content)
            target.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return timeless.getvalue()
