import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image

from lung_cxr.diseases import DISEASES, class_of_codes
from lung_cxr.imaging.reading.read import decode_image
from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.emr_tables import TABLE_FILES
from lung_cxr.synthetic.hospital.exams import EXPORTS, Exam
from lung_cxr.synthetic.hospital.write_exports import MARKER, image_bytes, write_hospital

MAX_MEGAPIXELS = 1  # more than any file of these tests has
ICD10_CLASSES = {  # DESIGN of the class map: as in parameters_ingestion.yml
    "Pneumonia": [f"J{number}" for number in range(12, 19)],
    "COVID-19": ["U07.1", "U07.2"],
    "Tuberculosis": ["A15", "A16", "A19"],
    "Pleural Effusion": ["J90", "J91"],
    "Pneumothorax": ["J93"],
    "Pulmonary Edema": ["J81", "I50.1"],
    "Atelectasis": ["J98.1"],
}


def emr(folder: Path, export: str) -> pd.DataFrame:
    file = folder / export / TABLE_FILES[export]
    read = pd.read_csv if file.suffix == ".csv" else pd.read_excel
    return read(file, dtype=str, keep_default_na=False)


def contents(folder: Path) -> dict[str, str]:
    """Relative path of every file → hash of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def small(parameters: SyntheticHospitalParameters, **changes: object) -> SyntheticHospitalParameters:
    fewest = {"patients": 7, "minimum_patients_per_class": 1, "side": 128, "defects": {"duplicate": 1, "truncated": 1}}
    return SyntheticHospitalParameters(**{**parameters.model_dump(), **fewest, **changes})


def test_truth_and_tables_tell_of_the_same_rows(hospital):
    folder, truth = hospital
    for export in EXPORTS:
        rows = truth[truth["export"] == export]
        table = emr(folder, export)
        assert rows["row"].tolist() == list(range(1, len(table) + 1))
        for column in ("patient_id", "study_id", "image_path"):
            assert rows[column].tolist() == table[column].tolist()


def test_every_file_is_in_a_table_and_only_the_missing_are_missing(hospital):
    folder, truth = hospital
    for export, rows in truth.groupby("export"):
        images = {str(path.relative_to(folder / export)) for path in (folder / export / "images").rglob("*.*")}
        assert images == set(rows.loc[rows["defect"] != "missing_file", "image_path"])
        assert (folder / export / MARKER).is_file()


def test_the_codes_give_the_label_drawn_unless_the_board_or_a_defect_says_otherwise(hospital):
    folder, truth = hospital
    for export in EXPORTS:
        table, rows = emr(folder, export), truth[truth["export"] == export].reset_index(drop=True)
        coded = [
            class_of_codes(primary, secondary.split(";"), ICD10_CLASSES)
            for primary, secondary in zip(table["icd10_primary"], table["icd10_secondary"], strict=True)
        ]
        decided = table["diagnosis"].where(table["diagnosis"] != "", pd.Series(coded, dtype=object))
        wrong = rows["defect"] == "wrong_code"
        assert decided[~wrong].tolist() == rows.loc[~wrong, "label"].tolist()
        assert decided[wrong].isna().all()


def test_all_classes_and_all_formats_of_table_are_there(hospital):
    folder, truth = hospital
    assert set(truth["label"]) == set(DISEASES)
    first, second = (emr(folder, export) for export in EXPORTS)
    assert first["exam_date"].str.match(r"\d{4}-\d\d-\d\d$").all()
    assert second["exam_date"].str.match(r"\d\d/\d\d/\d{4}$").all()
    assert set(first["sex"]) <= {"F", "M"}
    assert set(second["sex"]) <= {"Nữ", "Nam"}
    assert set(first["view"]) | set(second["view"]) == {"PA", "AP", "LAT", ""}
    assert first["patient_id"].str.match(r"0\d{7}$").all()


def test_notes_hold_identifiers_in_two_languages(hospital):
    folder, _ = hospital
    table = pd.concat([emr(folder, export) for export in EXPORTS])
    naming = [name in note for name, note in zip(table["patient_name"], table["clinical_note"], strict=True)]
    assert sum(naming) > len(table) / 4
    assert table["clinical_note"].str.contains("BN|Bệnh nhân|Họ tên").any()
    assert table["clinical_note"].str.contains("Pt |film|Contact|called|comparison").any()


def test_defective_files_are_what_the_truth_says(hospital):
    folder, truth = hospital
    defects = truth[truth["defect"] != ""].set_index("defect")
    paths = {kind: folder / row["export"] / row["image_path"] for kind, row in defects.iterrows()}
    assert not paths["missing_file"].exists()
    assert paths["corrupt"].read_bytes()[:4] not in (b"\x89PNG", b"\xff\xd8\xff\xe0")
    copies = list(contents(folder).values())
    duplicate = hashlib.sha256(paths["duplicate"].read_bytes()).hexdigest()
    assert copies.count(duplicate) == 2
    copied = truth[truth["image_path"] != defects.loc["duplicate", "image_path"]]
    twin = next(r for r in copied.itertuples() if contents_of(folder, r) == duplicate)
    assert twin.patient_id == defects.loc["duplicate", "patient_id"]


def contents_of(folder: Path, row: object) -> str:
    path = folder / row.export / row.image_path
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def test_sound_dicom_files_can_be_opened_and_belong_to_their_row(hospital):
    folder, truth = hospital
    without_header = truth["defect"].isin(["corrupt", "truncated", "missing_file", "duplicate"])
    sound = truth[truth["image_path"].str.endswith(".dcm") & ~without_header]
    for row in sound.itertuples():
        dataset = pydicom.dcmread(folder / row.export / row.image_path)
        assert dataset.PatientID == row.patient_id
        assert dataset.AccessionNumber == row.study_id
        assert dataset.BurnedInAnnotation == ("YES" if row.burned_in else "NO")
        assert dataset.PhotometricInterpretation == row.photometric
        assert (dataset.ViewPosition == "LL") == (row.defect == "lateral")


def shown(exam: Exam, parameters: SyntheticHospitalParameters) -> np.ndarray:
    """What a reader makes of the file, at 64 × 64."""
    values = decode_image(image_bytes(exam, parameters), MAX_MEGAPIXELS).values
    return np.asarray(Image.fromarray(values).resize((64, 64), Image.Resampling.BOX))


def test_what_is_done_to_an_image_is_what_its_name_says(parameters, schedule):
    by_kind = {exam.defect: exam for exam in schedule}
    views = {kind: shown(by_kind[kind], parameters) for kind in ("inverted", "rotated", "too_dark", "too_bright")}
    sound = {kind: shown(replace(by_kind[kind], defect=""), parameters) for kind in views}
    assert np.corrcoef(views["inverted"].ravel(), sound["inverted"].ravel())[0, 1] < -0.9
    turns = [np.corrcoef(np.rot90(sound["rotated"], k).ravel(), views["rotated"].ravel())[0, 1] for k in range(4)]
    assert max(turns[1:]) > 0.95 > turns[0]
    assert (views["too_dark"] <= views["too_dark"].min() + 0.1 * np.ptp(views["too_dark"])).mean() > 0.5
    assert (views["too_bright"] >= views["too_bright"].max() - 0.1 * np.ptp(views["too_bright"])).mean() > 0.5


def test_a_near_duplicate_is_another_patients_image_a_little_smaller(parameters, schedule):
    exam = next(exam for exam in schedule if exam.defect == "near_duplicate")
    original = next(other for other in schedule if other.study_id == exam.picture_of.study_id)
    assert original.person.patient_id != exam.person.patient_id
    assert np.corrcoef(shown(exam, parameters).ravel(), shown(original, parameters).ravel())[0, 1] > 0.97
    sizes = [decode_image(image_bytes(one, parameters), MAX_MEGAPIXELS).values.shape for one in (exam, original)]
    assert sizes[0][0] < sizes[1][0]


def test_a_truncated_file_is_the_beginning_of_a_sound_one(parameters, schedule):
    exam = next(exam for exam in schedule if exam.defect == "truncated")
    sound = image_bytes(type(exam)(**{**vars(exam), "defect": ""}), parameters)
    cut = image_bytes(exam, parameters)
    assert sound.startswith(cut)
    assert 0.3 < len(cut) / len(sound) < 0.7


def test_the_same_parameters_give_the_same_bytes(tmp_path, parameters):
    for name in ("one", "two"):
        write_hospital(tmp_path / name, small(parameters))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(tmp_path, parameters):
    for name, workers in (("one", 1), ("two", 2)):
        write_hospital(tmp_path / name, small(parameters, workers=workers))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_writing_again_draws_nothing_and_tells_the_same_truth(tmp_path, parameters, monkeypatch):
    first = write_hospital(tmp_path, small(parameters))
    monkeypatch.setattr("lung_cxr.synthetic.hospital.write_exports.image_bytes", lambda *_: pytest.fail("drawn again"))
    pd.testing.assert_frame_equal(write_hospital(tmp_path, small(parameters, workers=2)), first)


def test_other_parameters_replace_what_was_written(tmp_path, parameters):
    write_hospital(tmp_path, small(parameters))
    other = write_hospital(tmp_path, small(parameters, seed=99))
    for export, rows in other.groupby("export"):
        files = {path.name for path in (tmp_path / export / "images").rglob("*.*")}
        assert files == {Path(path).name for path in rows["image_path"]}


def test_a_file_that_has_gone_is_drawn_again(tmp_path, parameters):
    truth = write_hospital(tmp_path, small(parameters))
    before = contents(tmp_path)
    (tmp_path / truth.loc[0, "export"] / truth.loc[0, "image_path"]).unlink()
    write_hospital(tmp_path, small(parameters))
    assert contents(tmp_path) == before


def test_an_interrupted_writing_is_taken_up_again(tmp_path, parameters, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(
            "lung_cxr.synthetic.hospital.write_exports.write_table", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            write_hospital(tmp_path, small(parameters))
    assert json.loads((tmp_path / EXPORTS[0] / MARKER).read_text(encoding="utf-8"))["fingerprint"] == "unfinished"
    write_hospital(tmp_path, small(parameters))
    assert all((tmp_path / export / table).is_file() for export, table in TABLE_FILES.items())


def test_real_exports_are_never_written_beside(tmp_path, parameters):
    (tmp_path / "2024-01").mkdir()
    (tmp_path / "2024-01" / "emr.csv").write_text("patient_id\n00123\n", encoding="utf-8")
    with pytest.raises(FileExistsError, match="without the marker file SYNTHETIC"):
        write_hospital(tmp_path, small(parameters))
    assert [path.name for path in tmp_path.iterdir()] == ["2024-01"]
