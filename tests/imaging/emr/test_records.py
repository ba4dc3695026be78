import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.imaging.emr.column_names import LOGICAL_COLUMNS
from lung_cxr.imaging.reasons import RECORD_FAULTS


def row(**cells):
    sound = {
        "patient_id": "P1", "image_path": "a.dcm", "icd10_primary": "J18.9", "study_id": "S1",
        "exam_date": "2026-03-31", "sex": "F", "birth_date": "1980-01-01", "view": "PA",
    }  # fmt: skip
    return {"export": 1, "table": 1, "malformed": False, **dict.fromkeys(LOGICAL_COLUMNS, ""), **sound, **cells}


@pytest.fixture
def clean(clean_rows, emr):
    def run(*rows, **settings):
        numbered = [{"row": number, **cells} for number, cells in enumerate(rows, start=1)]
        return clean_rows(pd.DataFrame(numbered), emr.model_copy(update=settings))

    return run


def test_a_sound_row_is_a_pseudonymous_record(clean, secret):
    cleaned = clean(row())
    record = contracts.records.validate(cleaned.records).iloc[0]
    assert record["patient_key"] == secret.key("patient", "P1")
    assert record["study_key"] == secret.key("study", "P1", "S1")
    assert record["image_id"] == secret.key("image", "P1", "S1", "a.dcm")
    assert record["file_key"] == secret.key("file", "a.dcm")
    assert record[["label", "view", "sex", "age_years", "export", "row"]].tolist() == ["Pneumonia", "PA", "F", 46, 1, 1]
    assert record["exam_day"] - pd.Timestamp("2026-03-31") == pd.Timedelta(days=secret.date_shift("P1"))
    assert cleaned.rejected.empty
    assert cleaned.excluded.empty


@pytest.mark.parametrize(
    ("cells", "source"),
    [
        ({}, ["Pneumonia", "icd10", "Pneumonia"]),
        ({"diagnosis": "Tuberculosis"}, ["Tuberculosis", "diagnosis", "Pneumonia"]),
        ({"diagnosis": "atelectasis ", "icd10_primary": "C34.1"}, ["Atelectasis", "diagnosis", "other"]),
        ({"diagnosis": "Pneumonia", "icd10_primary": ""}, ["Pneumonia", "diagnosis", ""]),
        ({"diagnosis": "Pneumonia", "icd10_primary": "see note"}, ["Pneumonia", "diagnosis", ""]),
        ({"diagnosis": "Pneumonia", "icd10_secondary": "U07.1"}, ["Pneumonia", "diagnosis", "COVID-19"]),
    ],
)
def test_a_record_says_who_gave_its_class_and_what_the_codes_say(clean, cells, source):
    record = contracts.records.validate(clean(row(**cells)).records).iloc[0]
    assert record[["label", "label_source", "icd10_label"]].tolist() == source


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"malformed": True, "patient_id": ""}, "malformed_row"),
        ({"patient_id": " "}, "missing_patient_id"),
        ({"patient_id": "NULL"}, "missing_patient_id"),
        ({"patient_id": "3.45679E+10"}, "malformed_patient_id"),
        ({"study_id": "1.2E+16"}, "malformed_study_id"),
        ({"image_path": "N/A"}, "missing_image_path"),
        ({"diagnosis": "NULL", "icd10_primary": "nan"}, "missing_diagnosis"),
        ({"image_path": ""}, "missing_image_path"),
        ({"image_path": "../a.dcm"}, "path_outside_export"),
        ({"image_path": "C:\\a.dcm"}, "path_outside_export"),
        ({"icd10_primary": " "}, "missing_diagnosis"),
        ({"icd10_primary": "pneumonia"}, "malformed_icd10"),
        ({"patient_id": "40.000"}, "malformed_patient_id"),
        ({"patient_id": "2026-03-12"}, "malformed_patient_id"),
        ({"diagnosis": "Pneumonia?"}, "malformed_diagnosis"),
        ({"diagnosis": "COVID-19 (-)"}, "malformed_diagnosis"),
        ({"icd10_primary": "J45.9"}, "not_one_of_seven"),
        ({"diagnosis": "No Finding"}, "not_one_of_seven"),
        ({"icd10_primary": "", "icd10_secondary": "J18.9"}, "missing_diagnosis"),
    ],
)
def test_every_broken_row_is_one_line_with_its_reason(clean, broken, reason):
    cleaned = clean(row(patient_id="P0", image_path="0.dcm"), row(**broken))
    rejected = contracts.rejected_records.validate(cleaned.rejected)
    assert rejected[["export", "row", "reason_code", "detail"]].to_numpy().tolist() == [[1, 2, reason, "table 1"]]
    assert len(cleaned.records) == 1


def test_similar_new_numbers_are_faults_unless_they_are_accepted(clean):
    rows = row(patient_id="0123"), row(patient_id="123", image_path="b.dcm", export=2)
    assert clean(*rows).rejected[["export", "reason_code"]].to_numpy().tolist() == [[2, "similar_patient_id"]]
    assert clean(*rows, accept_similar_patient_ids=True).records["patient_key"].nunique() == 2


def test_every_fault_of_the_vocabulary_is_tested():
    tested = {
        "malformed_row", "missing_patient_id", "missing_image_path", "path_outside_export", "missing_diagnosis",
        "malformed_icd10", "conflicting_labels", "malformed_patient_id", "malformed_study_id", "similar_patient_id",
        "malformed_diagnosis",
    }  # fmt: skip
    assert tested == set(RECORD_FAULTS)


def test_a_row_broken_in_two_ways_is_one_line(clean):
    cleaned = clean(row(patient_id="", icd10_primary=""))
    assert cleaned.rejected["reason_code"].tolist() == ["missing_patient_id"]


@pytest.mark.parametrize(
    ("cells", "label"),
    [
        ({"icd10_primary": "j18.0†"}, "Pneumonia"),
        ({"icd10_primary": "J12.8", "icd10_secondary": "I10; U07.1"}, "COVID-19"),
        ({"icd10_primary": "J90 ", "icd10_secondary": "U07.1"}, "Pleural Effusion"),
        ({"icd10_primary": "A16.5"}, "Tuberculosis"),
        ({"icd10_primary": "J91*"}, "Pleural Effusion"),
        ({"icd10_primary": "I50.1"}, "Pulmonary Edema"),
        ({"icd10_primary": "J18.9", "diagnosis": "tuberculosis"}, "Tuberculosis"),
        ({"icd10_primary": "no code", "diagnosis": " Pulmonary  Edema "}, "Pulmonary Edema"),
    ],
)
def test_the_board_wins_over_the_code_and_the_code_finds_its_class(clean, cells, label):
    assert clean(row(**cells)).records["label"].tolist() == [label]


def test_an_image_without_a_study_is_its_own_study(clean, secret):
    records = clean(row(study_id=""), row(study_id="", image_path="b.dcm")).records
    assert records["study_key"].nunique() == 2
    assert secret.key("image", "P1", "a.dcm") in set(records["image_id"])


def test_order_and_intervals_of_a_patients_studies_are_kept(clean):
    days = ["2026-01-10", "2026-03-31", "2025-12-24"]
    rows = [row(exam_date=day, image_path=f"{day}.dcm", study_id=day) for day in days]
    records = clean(*rows).records.set_index("row")["exam_day"]
    expected = pd.to_datetime(days)
    assert (records[2] - records[1], records[1] - records[3]) == (expected[1] - expected[0], expected[0] - expected[2])


def test_an_unparsable_date_is_an_empty_day_not_a_rejection(clean):
    records = clean(row(exam_date="31 tháng 3", age="93")).records
    assert records["exam_day"].isna().all()
    assert records["exam_day_reason"].tolist() == ["not_understood"]
    assert clean(row(exam_date=" "), row(image_path="b")).records.set_index("row")["exam_day_reason"].to_dict() == {
        1: "not_given", 2: "",
    }  # fmt: skip
    assert records["age_years"].tolist() == [90]


def test_padding_makes_one_patient_of_excel_and_csv(clean):
    records = clean(row(patient_id="123"), row(patient_id="00123", image_path="b.dcm"), patient_id_width=5).records
    assert records["patient_key"].nunique() == 1


def test_the_latest_export_is_what_counts_and_the_first_is_where_it_was_seen(clean):
    cleaned = clean(row(icd10_primary="J18.9"), row(icd10_primary="A15.0", export=2))
    record = cleaned.records.iloc[0]
    assert record[["label", "export", "source_export"]].tolist() == ["Tuberculosis", 1, 2]
    assert cleaned.rejected[["export", "reason_code"]].to_numpy().tolist() == [[1, "superseded_record"]]


def test_an_image_that_its_latest_export_puts_out_of_scope_is_excluded(clean, secret):
    cleaned = clean(row(), row(diagnosis="No Finding", export=2))
    assert cleaned.records.empty
    assert cleaned.excluded.to_numpy().tolist() == [[secret.key("image", "P1", "S1", "a.dcm"), "not_one_of_seven"]]


def test_two_classes_for_one_image_in_one_export_are_a_conflict(clean):
    cleaned = clean(row(), row(icd10_primary="A15.0"))
    assert cleaned.records.empty
    assert cleaned.rejected["reason_code"].tolist() == ["conflicting_labels"] * 2


def test_the_same_row_twice_is_one_record(clean):
    cleaned = clean(row(), row())
    assert cleaned.records["row"].tolist() == [2]
    assert cleaned.rejected["reason_code"].tolist() == ["superseded_record"]


def test_the_order_of_rows_does_not_matter(clean_rows):
    rows = [
        {"row": i, **row(patient_id=f"P{i % 5}", image_path=f"{i % 9}.dcm", export=1 + i % 2)} for i in range(1, 40)
    ]
    straight = clean_rows(pd.DataFrame(rows))
    shuffled = pd.DataFrame(rows).sample(frac=1, random_state=0)
    for one, other in zip(straight, clean_rows(shuffled), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_nothing_identifying_is_left(clean):
    cells = {
        "patient_id": "PAT-4711",
        "image_path": "pictures/secret.dcm",
        "study_id": "STUDY-9",
        "exam_date": "2026-03-31",
    }
    cells |= {"birth_date": "1954-07-08", "patient_name": "Nguyễn Văn Bí Mật", "clinical_note": "ho nhiều"}
    cleaned = clean(row(**cells), row(**{**cells, "icd10_primary": "%%", "image_path": "pictures/b.dcm"}))
    assert (len(cleaned.records), len(cleaned.rejected)) == (1, 1)
    everything = "".join(frame.to_csv() for frame in cleaned)
    assert not [value for value in cells.values() if value in everything]


def test_thousands_of_rows_take_no_longer_than_a_second(clean_rows):
    n = 5_000
    cells = {name: np.full(n, value, object) for name, value in row().items()}
    cells |= {
        "row": np.arange(1, n + 1),
        "patient_id": [f"P{i // 3}" for i in range(n)],
        "image_path": [f"{i}.dcm" for i in range(n)],
    }
    cleaned = clean_rows(pd.DataFrame(cells))
    assert len(cleaned.records) == n
    assert cleaned.records["patient_key"].nunique() == -(-n // 3)
