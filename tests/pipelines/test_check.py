"""The pipeline `check`: what it finds in a second export before the refresh, and that it changes and leaks nothing."""

import json
import logging
import shutil

import numpy as np
import pandas as pd
import pytest

from lung_cxr.exit_codes import ExitCode
from lung_cxr.export_check.check_findings import ExportCheckError
from lung_cxr.imaging.emr.exports import MARKER
from lung_cxr.imaging.reading import read
from lung_cxr.pipelines import check
from lung_cxr.report.check.sentences import as_text
from made_up_dicom import make_dicom
from made_up_hospital import Hospital

PIXELS = np.zeros((16, 16), np.uint16)
FIRST = ["0090041", "0090042", "0090043", "0090044", "0090045"]
NAMES = ["Nguyễn Văn Bí Mật", "Trần Thị Kín", "Lê Quang Ẩn"]


@pytest.fixture(scope="module")
def refreshed(project, tmp_path_factory):
    """A catalogue of one export, and a sound second export in place."""
    folder = tmp_path_factory.mktemp("hospital")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        made = Hospital(project, folder)
        made.parameters["ingestion"]["workers"] = 1
        made.receive("2026-01", FIRST)
        made.run()
        made.receive("2026-02", [*FIRST[:2], "0090046", "0090047"])
    return folder


@pytest.fixture
def hospital(project, refreshed, tmp_path, monkeypatch):
    shutil.copytree(refreshed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    made = Hospital(project, tmp_path)
    made.parameters["ingestion"]["workers"] = 1
    return made


def rows_of(hospital, export="2026-02"):
    return pd.read_csv(hospital.exports / export / "emr.csv", dtype="str", keep_default_na=False)


def write(hospital, rows, export="2026-02"):
    rows.to_csv(hospital.exports / export / "emr.csv", index=False)


def report(hospital):
    return json.loads((hospital.data / "08_reporting/check_report.json").read_text())


def failed_check(hospital):
    with pytest.raises(ExportCheckError) as found:
        hospital.run(check)
    return found.value.exit_code, report(hospital)


def state(hospital):
    files = (path for path in hospital.data.rglob("*") if path.is_file() and "08_reporting" not in path.parts)
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def test_a_sound_export_passes_decodes_no_pixel_and_changes_nothing(hospital, monkeypatch):
    monkeypatch.setattr(read, "decode_image", None)
    before = state(hospital)
    hospital.run(check)
    assert state(hospital) == before
    found = report(hospital)
    assert found["findings"] == []
    first, second = found["exports"]
    assert (first["status"], first["files"]) == ("known", {"unchanged": 5})
    assert (second["status"], second["files"]) == ("new", {"new": 4})
    assert (second["rows"], second["records"], second["patients"], second["known_patients"]) == (4, 4, 4, 2)
    columns = {column["column"]: column for column in second["tables"][0]["columns"]}
    assert columns["exam_date"] == {
        "column": "exam_date", "name": "exam_date", "filled": 4, "understood": 4, "shapes": ["9999-99-99"]
    }  # fmt: skip
    assert columns["patient_id"]["shapes"] == ["9999999"]
    now, most = ({row["class"]: row[name] for row in found["classes"]} for name in ("now", "at_most"))
    assert sum(now.values()) == 5
    assert sum(most.values()) == 9
    assert "2*        4        4   50.0 %        4        0        0        0    0.0 %" in as_text(found)


def test_similar_numbers_need_a_decision(hospital):
    rows = rows_of(hospital)
    write(hospital, rows.assign(patient_id=rows["patient_id"].replace("0090046", "90041")))
    hospital.parameters["ingestion"]["max_fault_fraction"] = 0.5
    code, found = failed_check(hospital)
    assert code == ExitCode.DECISION
    assert found["exports"][1]["similar_rows"] == 1
    assert "patient_aliases.csv" in found["findings"][0]["text"]


def test_a_half_copied_folder_has_too_many_faults(hospital):
    hospital.parameters["ingestion"]["max_fault_fraction"] = 0.05
    for path in sorted((hospital.exports / "2026-02").glob("*.png"))[:2]:
        path.unlink()
    code, found = failed_check(hospital)
    assert code == ExitCode.FAULTS
    assert found["exports"][1]["files"] == {"new": 2, "absent": 2}
    assert "2 of 4 rows are faulty (50.0%, allowed 5.0%): missing_file 2" in found["findings"][0]["text"]


def test_a_column_that_other_exports_have_is_missed(hospital):
    write(hospital, rows_of(hospital).drop(columns="birth_date"))
    code, found = failed_check(hospital)
    assert code == ExitCode.DECISION
    text = "Export 2, emr.csv: no column for birth_date, which other exports have"
    assert [(one["level"], one["text"]) for one in found["findings"]] == [("look", text)]


def test_each_export_that_cannot_be_read_is_a_finding_and_the_others_are_checked(hospital):
    write(hospital, rows_of(hospital).drop(columns="image_path"))
    (hospital.exports / "2026-03").mkdir()
    (hospital.exports / "2026-03" / MARKER).touch()
    code, found = failed_check(hospital)
    assert code == ExitCode.INPUT
    texts = [one["text"] for one in found["findings"] if one["level"] == "stops"]
    assert [text[:8] for text in texts] == ["Export 2", "Export 3"]
    assert [one["export"] for one in found["exports"]] == [1]


def test_a_wrong_key_and_a_long_withdrawal_list_are_found_together(hospital):
    hospital.hand_in("decisions.csv", "image,decision\n" + f"{0:032x},accept\n")
    hospital.hand_in("withdrawn.csv", "patient_id\n" + "\n".join(FIRST[:3]))
    (hospital.data / "02_intermediate/key_fingerprint.txt").write_text("0" * 32)
    code, found = failed_check(hospital)
    assert code == ExitCode.KEY
    assert [one["exit_code"] for one in found["findings"]] == [ExitCode.KEY, ExitCode.DECISION]
    assert found["lists"] == {"withdrawn.csv beside the exports": 3, "decisions.csv beside the exports": 1}
    assert found["withdrawn"] == 5


def test_with_another_key_no_share_of_known_patients_is_given(hospital, monkeypatch):
    hospital.datasets["pseudonymisation_key"] = {"type": "lung_cxr.datasets.SecretKeyDataset"}
    monkeypatch.setenv("LUNG_CXR_KEY", "another secret of forty characters or so")
    code, found = failed_check(hospital)
    assert code == ExitCode.KEY
    first, second = found["exports"]
    assert (first["status"], first["known_patients"], first["files"]["changed"]) == ("known", None, None)
    assert (second["status"], second["patients"], second["records"]) == ("new", 4, 4)
    assert {row["at_most"] for row in found["classes"]} == {None}
    text = as_text(found)
    assert "2*        4        4        ?        ?        ?        0        0    0.0 %" in text
    assert "?: cannot be known without the key of the catalogue" in text


def test_headers_of_other_patients_and_shared_files_are_found(hospital):
    rows = rows_of(hospital).assign(patient_name=[*NAMES, "Phạm Lộ"])
    for number, row in rows.iterrows():
        owner = rows.loc[(number + 1) % 4 if number < 2 else number]
        data = make_dicom(PIXELS, PatientID=owner["patient_id"], PatientName=owner["patient_name"])
        (hospital.exports / "2026-02" / row["image_path"]).write_bytes(data)
    rows.loc[3, "image_path"] = rows.loc[2, "image_path"]
    write(hospital, rows)
    hospital.parameters["ingestion"]["header_mismatch"] = "flag"
    code, found = failed_check(hospital)
    second = found["exports"][1]
    assert code == ExitCode.DECISION
    assert second["headers"]["disagree"] == 3  # two exchanged, and the second owner of the shared file
    assert (second["named_twice"], second["two_patients"]) == (1, 1)
    assert any("named by rows of two patients" in one["text"] for one in found["findings"])


def test_no_output_holds_a_value_of_the_tables(hospital, caplog):
    rows = rows_of(hospital).assign(
        patient_name=[*NAMES, "Phạm Lộ"], clinical_note="Gọi 0903123456", icd10_primary=["UO7.1", "J18.9", "x9", "J93"]
    )
    write(hospital, rows.assign(sex="Bí Mật", exam_date=["13/02/2026", "02/13/2026", "31/31/2026", "soon"]))
    with caplog.at_level(logging.DEBUG, "lung_cxr"):
        _, found = failed_check(hospital)
    page = (hospital.data / "08_reporting/check_report.html").read_text(encoding="utf-8")
    values = {value for name in rows.columns for value in rows[name] if len(value) > 2}
    for text in (json.dumps(found, ensure_ascii=False), page, as_text(found), caplog.text):
        assert [value for value in (*values, "2026-02", "Bí Mật", "13/02", "2026-02-") if value in text] == []
