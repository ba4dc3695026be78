from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.exams import EXPORTS, Exam, draw_schedule, patients_per_class

TABLE_1 = dict(zip(DISEASES, (10398, 2456, 1070, 718, 404, 265, 105), strict=True))


def of_size(parameters: SyntheticHospitalParameters, **changes: object) -> SyntheticHospitalParameters:
    return SyntheticHospitalParameters(**{**parameters.model_dump(), **changes})


@settings(max_examples=50, deadline=None)
@given(patients=st.integers(70, 3000), floor=st.integers(1, 10))
def test_patients_are_shared_out_completely_and_above_the_floor(patients: int, floor: int):
    parameters = SyntheticHospitalParameters(
        seed=1,
        patients=patients,
        side=128,
        returning_fraction=0.2,
        class_counts=TABLE_1,
        minimum_patients_per_class=floor,
        defects={},
        burned_in_fraction=0,
        workers=1,
    )
    counts = patients_per_class(parameters)
    assert sum(counts.values()) == patients
    assert min(counts.values()) >= floor
    assert [counts[name] for name in DISEASES] == sorted(counts.values(), reverse=True)  # the long tail keeps its order


def test_without_a_floor_to_lift_the_shares_are_those_of_table_1(parameters):
    counts = patients_per_class(of_size(parameters, patients=15416, minimum_patients_per_class=1))
    assert counts == pytest.approx(TABLE_1, abs=1)


def test_every_class_keeps_its_patients_whatever_is_planted(parameters, schedule: list[Exam]):
    sound = {(exam.disease, exam.patient) for exam in schedule if not exam.defect}
    patients = Counter(disease for disease, _ in sound)
    assert all(patients[name] >= parameters.minimum_patients_per_class for name in DISEASES)


def test_as_many_defects_are_planted_as_were_asked_for(parameters, schedule: list[Exam]):
    planted = Counter(exam.defect for exam in schedule if exam.defect)
    assert planted == Counter(parameters.defects)


def test_the_second_export_holds_new_patients_and_old_ones(parameters):
    exams = draw_schedule(of_size(parameters, patients=200))
    first, second = ({v.patient for v in exams if v.export == export} for export in EXPORTS)
    returning = {v.patient for v in exams if v.returning}
    assert returning == first & second
    assert len(second - first) > 20
    assert 0.6 < len(returning) / len(first) / parameters.returning_fraction < 1.4
    assert max(v.exam_date for v in exams if v.export == EXPORTS[0]) < min(
        v.exam_date for v in exams if v.export == EXPORTS[1]
    )


def test_a_patient_is_one_person_with_mostly_one_disease(parameters):
    exams = pd.DataFrame(
        {"patient": v.patient, "person": v.person.patient_id, "disease": v.disease}
        for v in draw_schedule(of_size(parameters, patients=300))
    )
    assert (exams.groupby("patient")["person"].nunique() == 1).all()
    several = exams.groupby("patient").filter(lambda rows: len(rows) > 1).groupby("patient")["disease"].nunique()
    assert 0.75 < (several == 1).mean() < 1


def test_paths_and_study_numbers_are_unique_and_paths_hold_the_name(schedule: list[Exam]):
    assert len({(exam.export, exam.image_path) for exam in schedule}) == len(schedule)
    assert len({exam.study_id for exam in schedule}) == len(schedule)
    assert all(exam.ascii_name.replace(" ", "").upper() in exam.image_path for exam in schedule)


def test_another_seed_is_another_hospital(parameters, schedule: list[Exam]):
    assert draw_schedule(of_size(parameters, seed=8)) != schedule


def test_a_hospital_too_small_for_its_floor_says_what_to_change(parameters):
    with pytest.raises(ValidationError, match="raise patients or lower minimum_patients_per_class"):
        of_size(parameters, patients=20)


def test_an_unknown_defect_or_a_class_left_out_is_refused(parameters):
    with pytest.raises(ValidationError):
        of_size(parameters, defects={"upside_down": 1})
    with pytest.raises(ValidationError, match="exactly the classes"):
        of_size(parameters, class_counts={"Pneumonia": 1})
