import pandas as pd
import pytest

from lung_cxr.imaging.emr.row_labels import label_rows


def label(icd10, primary="", secondary="", diagnosis=""):
    fields = {"icd10_primary": [primary], "icd10_secondary": [secondary], "diagnosis": [diagnosis]}
    return label_rows(pd.DataFrame(fields, dtype="str"), icd10.classes).iloc[0]


@pytest.mark.parametrize("secondary", ["U07.1", "J96.0, U07.1", "(J96.0) (U07.1)", "J96.0\nU07.1", "U07.1 - COVID-19"])
def test_covid_19_in_any_position_beside_a_pneumonia_is_covid_19(icd10, secondary):
    assert label(icd10, "J12.8", secondary)["label"] == "COVID-19"
    assert label(icd10, f"J12.8;{secondary}")["label"] == "COVID-19"


def test_an_unreadable_secondary_field_is_a_fault_only_where_the_class_depends_on_it(icd10):
    assert not label(icd10, "J12.8", "UO7.1")["codes_are_sound"]
    assert label(icd10, "J90", "UO7.1")[["label", "codes_are_sound"]].tolist() == ["Pleural Effusion", True]


def test_the_first_code_of_the_primary_field_is_the_primary_code(icd10):
    assert label(icd10, "J90; J18.9; I10")["label"] == "Pleural Effusion"
    assert label(icd10, "I10; J18.9")[["label", "icd10_label"]].tolist() == ["", "other"]


@pytest.mark.parametrize(
    "diagnosis", ["COVID-19", "COVID‑19", "covid–19", "COVID19", " Covid 19. ", "ＣＯＶＩＤ-19", "COVID-19\u200b"]
)
def test_hyphens_and_invisible_characters_do_not_change_a_diagnosis(icd10, diagnosis):
    assert label(icd10, "J90", diagnosis=diagnosis)[["label", "label_source"]].tolist() == ["COVID-19", "diagnosis"]


def test_british_spelling_is_the_same_class(icd10):
    assert label(icd10, diagnosis="Pulmonary Oedema")["label"] == "Pulmonary Edema"


def test_any_other_diagnosis_is_none_of_the_seven(icd10):
    assert label(icd10, "J18.9", diagnosis="No Finding")[["label", "icd10_label"]].tolist() == ["", "Pneumonia"]


def test_an_invisible_diagnosis_is_no_diagnosis(icd10):
    assert label(icd10, "J18.9", diagnosis="\ufeff ")[["label", "label_source"]].tolist() == ["Pneumonia", "icd10"]
