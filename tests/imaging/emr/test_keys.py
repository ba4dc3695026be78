import pandas as pd
import pytest

from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.keys import normalised_path, with_keys


@pytest.mark.parametrize(("written", "normal"), [("./a//b.dcm", "a/b.dcm"), ("a\\b.dcm ", "a/b.dcm"), ("", "")])
def test_a_path_has_one_spelling(written, normal):
    assert normalised_path(written) == normal


def rows(*patients, study=""):
    cells = {"patient_id": patients, "study_id": study, "image_path": [f"{i}.png" for i in range(len(patients))]}
    return pd.DataFrame(cells, dtype="str")


def image(secret, patient, position):
    return secret.key("image", patient, f"{position}.png")


def test_a_new_image_gets_the_keys_of_the_normal_form(secret):
    keyed = with_keys(rows("40000.0", "12"), secret, PatientIdRules(5))
    assert keyed["patient_id"].tolist() == keyed["catalogued_id"].tolist() == ["40000", "00012"]
    assert keyed["patient_key"].tolist() == [secret.key("patient", number) for number in ("40000", "00012")]
    assert keyed["image_id"].tolist() == [image(secret, "40000", 0), image(secret, "00012", 1)]


def test_a_known_image_keeps_the_keys_of_its_earlier_spelling(secret):
    known = {image(secret, "40000.0", 0), image(secret, "12", 1), image(secret, "00013", 2)}
    keyed = with_keys(rows("40000.0", "12", "13", "14"), secret, PatientIdRules(5), known)
    assert keyed["patient_id"].tolist() == ["40000", "00012", "00013", "00014"]
    assert keyed["catalogued_id"].tolist() == ["40000.0", "12", "00013", "00014"]
    assert known <= set(keyed["image_id"])
    assert keyed["patient_key"].tolist()[:2] == [secret.key("patient", number) for number in ("40000.0", "12")]


def test_a_known_study_keeps_its_earlier_spelling(secret):
    known = {secret.key("image", "7", "NULL", "0.png")}
    assert with_keys(rows("7", study="NULL"), secret, PatientIdRules(), known)["image_id"].tolist() == [*known]
    assert with_keys(rows("7", study="NULL"), secret, PatientIdRules())["image_id"].tolist() == [image(secret, "7", 0)]


def test_names_that_are_equal_in_nfkc_are_different_images_and_files(secret):
    cells = {"patient_id": ["7", "7"], "study_id": "", "image_path": ["x²1.png", "x21.png"]}
    keyed = with_keys(pd.DataFrame(cells, dtype="str"), secret, PatientIdRules())
    assert keyed["image_id"].nunique() == keyed["file_key"].nunique() == 2


def test_an_earlier_id_that_two_files_share_stays_with_the_file_of_that_name(secret):
    cells = {"patient_id": ["7", "7"], "study_id": "", "image_path": ["x²1.png", "x21.png"]}
    shared = secret.key("image", "7", "x21.png")
    keyed = with_keys(pd.DataFrame(cells, dtype="str"), secret, PatientIdRules(), {shared})
    assert keyed["image_id"].tolist() == [secret.key("image", "7", "x²1.png"), shared]
    one = with_keys(pd.DataFrame(cells, dtype="str").head(1), secret, PatientIdRules(), {shared})
    assert one["image_id"].tolist() == [shared]  # the only file: it keeps its id


def test_all_rows_of_an_image_take_the_id_that_the_catalogue_knows(secret):
    cells = {"patient_id": ["40000.0", "40000"], "study_id": "S", "image_path": "a.png"}
    known = secret.key("image", "40000.0", "S", "a.png")
    keyed = with_keys(pd.DataFrame(cells, dtype="str"), secret, PatientIdRules(), {known})
    assert keyed["image_id"].tolist() == [known, known]
