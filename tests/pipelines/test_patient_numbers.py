"""Spellings of patient numbers through ingestion and splitting: one person stays one patient in one subset."""

import shutil

import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.imaging.emr import identifiers
from lung_cxr.pipelines import ingestion
from lung_cxr.splitting.assignments import PatientSubsetsError
from made_up_hospital import Hospital

SECRET = Secret(PUBLIC_SECRET)
NUMBERS = [f"{number:05d}" for number in range(40, 70)]


@pytest.fixture(scope="module")
def first_refresh(project, tmp_path_factory):
    """The data of a hospital after the first refresh, with 30 patients; made once."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        made = Hospital(project, folder)
        made.parameters["emr"]["keep_notes"] = True
        made.receive("a", NUMBERS)
        made.run()
    return made.data


@pytest.fixture
def refreshed(hospital, first_refresh):
    """A copy of it."""
    shutil.copytree(first_refresh, hospital.data)
    return hospital


def spell(hospital, export: str, spelling) -> None:
    """Rewrite the patient numbers of an export, as another program saves them."""
    path = hospital.exports / export / "emr.csv"
    table = pd.read_csv(path, dtype="str")
    table.assign(patient_id=table["patient_id"].map(spelling)).to_csv(path, index=False)


def no_file_may_be_read(monkeypatch) -> None:
    monkeypatch.setattr(
        "lung_cxr.imaging.catalogue.process_image.ImageProcessor.process", lambda *_: pytest.fail("a file was read")
    )


def patients(hospital) -> set[str]:
    return set(hospital.table("05_model_input/split.parquet")["patient_key"])


def in_two_subsets(hospital) -> int:
    """Persons with images in two subsets, by the hospital's own number."""
    split = hospital.table("05_model_input/split.parquet")
    person = {
        SECRET.key("patient", spelling): int(float(number))
        for number in NUMBERS
        for spelling in (number, number.lstrip("0"), f"{number}.0", f"{int(number)}.0")
    }
    return int((split["subset"].groupby(split["patient_key"].map(person)).nunique() > 1).sum())


def test_a_number_that_pandas_wrote_as_a_float_is_the_same_patient(hospital):
    numbers = [f"4{number}" for number in NUMBERS]
    hospital.receive("a", numbers)
    hospital.receive("b", numbers)
    spell(hospital, "b", lambda number: f"{number}.0")
    hospital.run()
    assert patients(hospital) == {SECRET.key("patient", number) for number in numbers}


def test_a_catalogue_with_two_spellings_is_repaired_without_reading_a_file(hospital, monkeypatch):
    hospital.receive("a", NUMBERS)
    hospital.receive("b", NUMBERS)
    spell(hospital, "b", lambda number: f"{number}.0")
    hospital.parameters["emr"]["accept_similar_patient_ids"] = True
    with monkeypatch.context() as patch:  # the grammar of earlier versions
        patch.setattr(identifiers, "WHOLE_DECIMAL", identifiers.re.compile("x"))
        hospital.run()
    assert len(patients(hospital)) == 60
    hospital.parameters["emr"]["accept_similar_patient_ids"] = False
    assert in_two_subsets(hospital) > 0
    before = hospital.table("03_primary/image_manifest.parquet")
    no_file_may_be_read(monkeypatch)
    for _ in range(2):
        hospital.run()
        assert in_two_subsets(hospital) == 0
        assert len(patients(hospital)) == 30
        after = hospital.table("03_primary/image_manifest.parquet")
        assert set(after["image_id"]) == set(before["image_id"])
        reasons = after.loc[after["qc_status"] == "rejected", "qc_reasons"].str.split(";").str[0]
        assert set(reasons) == {"merged_across_subsets"}


def test_lost_zeros_stop_the_refresh_and_the_width_repairs_the_catalogue(refreshed, monkeypatch):
    refreshed.receive("b", [*NUMBERS[:8], "99999"])
    spell(refreshed, "b", lambda number: number.lstrip("0"))
    with pytest.raises(IngestionError, match=r"similar_patient_id 8.*emr\.patient_id_width"):
        refreshed.run(ingestion)
    with pytest.raises(IngestionError, match="patient_id_width"):
        refreshed.run()
    manifest = refreshed.table("03_primary/image_manifest.parquet")
    assert len(manifest) == 31  # all of export a, and the one certain patient of export b
    refreshed.parameters["emr"]["patient_id_width"] = 5
    refreshed.run()
    assert patients(refreshed) == {SECRET.key("patient", number) for number in [*NUMBERS, "99999"]}
    assert len(refreshed.table("05_model_input/split.parquet")) == 39


def test_a_mended_table_leaves_no_patient_of_its_lost_zeros(hospital):
    hospital.receive("a", NUMBERS)
    hospital.run()
    hospital.receive("b", [*NUMBERS[:8], "00099"])
    spell(hospital, "b", lambda number: number.lstrip("0"))
    with pytest.raises(IngestionError, match="similar_patient_id 8"):
        hospital.run(ingestion)
    assert SECRET.key("patient", "99") in set(hospital.table("03_primary/image_manifest.parquet")["patient_key"])
    spell(hospital, "b", lambda number: number.zfill(5))
    hospital.run()
    assert patients(hospital) == {SECRET.key("patient", number) for number in [*NUMBERS, "00099"]}


@pytest.mark.parametrize("archived", [False, True])
def test_a_width_set_later_makes_one_patient_of_two_known_numbers(hospital, monkeypatch, archived):
    hospital.receive("a", NUMBERS)
    hospital.receive("b", NUMBERS)
    spell(hospital, "b", lambda number: number.lstrip("0"))
    hospital.parameters["emr"]["accept_similar_patient_ids"] = True
    hospital.run()
    assert len(patients(hospital)) == 60
    assert in_two_subsets(hospital) > 0
    before = hospital.table("03_primary/image_manifest.parquet")
    assignments = hospital.table("05_model_input/patient_subsets.parquet")
    if archived:
        (hospital.exports / "b").rename(hospital.data / "archive")
    hospital.parameters["emr"] |= {"accept_similar_patient_ids": False, "patient_id_width": 5}
    no_file_may_be_read(monkeypatch)
    hospital.run()
    assert in_two_subsets(hospital) == 0
    assert len(patients(hospital)) == 30
    after = hospital.table("03_primary/image_manifest.parquet")
    assert set(after["image_id"]) == set(before["image_id"])
    pd.testing.assert_frame_equal(hospital.table("05_model_input/patient_subsets.parquet"), assignments)


def test_a_list_finds_a_withdrawn_number_in_every_spelling(hospital):
    hospital.receive("a", NUMBERS)
    hospital.receive("b", NUMBERS)
    spell(hospital, "b", lambda number: f'="{number}"')
    hospital.run()
    hospital.hand_in("withdrawn.csv", f"patient_id\n{NUMBERS[0]}.0\n'{NUMBERS[1]}\n")
    hospital.run()
    report = hospital.report("withdrawal_report")
    assert (report["listed"], report["not_found"], report["rows"]) == (2, 0, {"1": 2, "2": 2})
    kept = hospital.everything_kept()
    assert not [number for number in NUMBERS[:2] if SECRET.key("patient", number) in kept]
    assert len(hospital.table("05_model_input/split.parquet")) == 56


def test_a_list_without_leading_zeros_stops_the_run(hospital):
    """Excel drops the zeros of a list: the patient would stay."""
    numbers = [f"0{number}" for number in NUMBERS[:4]]
    hospital.receive("a", numbers)
    hospital.hand_in("withdrawn.csv", f"patient_id\n{NUMBERS[0]}\n")
    with pytest.raises(IngestionError, match="hold 1 numbers"):
        hospital.run(ingestion)
    hospital.parameters["emr"]["patient_id_width"] = len(numbers[0])
    hospital.run(ingestion)
    assert SECRET.key("patient", numbers[0]) not in hospital.everything_kept()
    assert len(hospital.table("03_primary/image_manifest.parquet")) == 3


def test_a_lost_fingerprint_is_written_again_and_another_key_is_refused(hospital, monkeypatch):
    hospital.datasets["pseudonymisation_key"] = {"type": "lung_cxr.datasets.SecretKeyDataset"}
    monkeypatch.setenv("LUNG_CXR_KEY", "the first secret, forty characters or so")
    hospital.receive("a", NUMBERS)
    hospital.run()
    fingerprint = hospital.data / "02_intermediate/key_fingerprint.txt"
    before = fingerprint.read_text()
    fingerprint.unlink()
    monkeypatch.setenv("LUNG_CXR_KEY", "another secret of forty characters or so")
    with pytest.raises(IngestionError, match="30 images"):
        hospital.run()
    assert not fingerprint.exists()
    monkeypatch.setenv("LUNG_CXR_KEY", "the first secret, forty characters or so")
    hospital.run()
    assert fingerprint.read_text() == before


def test_deleted_assignments_are_refused_while_the_split_exists(refreshed):
    assignments = refreshed.data / "05_model_input/patient_subsets.parquet"
    assignments.rename(assignments.with_suffix(".away"))
    with pytest.raises(PatientSubsetsError, match="of 30 patients 30"):
        refreshed.run()
    assignments.with_suffix(".away").rename(assignments)
    refreshed.run()


def test_a_list_that_erases_many_patients_asks_for_confirmation(refreshed):
    before = refreshed.everything_kept()
    refreshed.hand_in("withdrawn.csv", "patient_id\n" + "\n".join(NUMBERS[:20]) + "\n")
    with pytest.raises(IngestionError, match=r"20 of 30 patients .*confirmed_withdrawals=20"):
        refreshed.run()
    assert refreshed.everything_kept() == before
    refreshed.parameters["ingestion"]["confirmed_withdrawals"] = 20
    refreshed.run()
    assert len(refreshed.table("05_model_input/split.parquet")) == 10
    assert refreshed.report("withdrawal_report")["files"] == {"withdrawn.csv beside the exports": 20}


@pytest.mark.parametrize("in_place", [True, False])
def test_a_corrected_number_moves_the_image_to_the_other_patient(refreshed, in_place):
    target = "a"
    if not in_place:
        shutil.copytree(refreshed.exports / "a", refreshed.exports / "b")
        target = "b"
    spell(refreshed, target, lambda number: {NUMBERS[0]: "55555"}.get(number, number))
    for _ in range(2):
        refreshed.run()
        manifest = refreshed.table("03_primary/image_manifest.parquet").set_index("patient_key")
        old, new = (manifest.loc[SECRET.key("patient", number)] for number in (NUMBERS[0], "55555"))
        assert (old["qc_status"], old["qc_reasons"].split(";")[0]) == ("rejected", "patient_corrected")
        assert new["qc_status"] == "accepted"
        assert refreshed.report("ingestion_summary")["patients_corrected"] == 1
        assert (manifest["qc_status"] == "accepted").sum() == 30


def test_one_file_of_two_patients_is_a_fault_of_both_and_a_review_item(hospital):
    hospital.receive("a", [*NUMBERS, "55555"])
    path = hospital.exports / "a/emr.csv"
    table = pd.read_csv(path, dtype="str")
    table.loc[table["patient_id"] == "55555", ["image_path", "icd10_primary"]] = [
        "a-00040.png",
        table["icd10_primary"][0],
    ]
    table.to_csv(path, index=False)
    hospital.run()
    rejected = hospital.table("02_intermediate/rejected_images.parquet")
    assert rejected["reason_code"].tolist() == ["pixels_of_two_patients"] * 2
    assert hospital.table("02_intermediate/label_review.parquet")["reason"].tolist() == [
        "exact_duplicate_patients_differ"
    ]
    assert not {SECRET.key("patient", number) for number in ("00040", "55555")} & patients(hospital)


def test_one_path_in_two_months_is_two_images(refreshed, monkeypatch):
    """Without study numbers, January's image had February's id and was overwritten."""
    before = refreshed.table("03_primary/image_manifest.parquet")
    refreshed.receive("b", NUMBERS)
    for path in (refreshed.exports / "b").glob("*.png"):
        path.rename(path.with_name(path.name.replace("b-", "a-")))
    table = pd.read_csv(refreshed.exports / "b/emr.csv", dtype="str")
    table["image_path"] = table["image_path"].str.replace("b-", "a-")
    table.to_csv(refreshed.exports / "b/emr.csv", index=False)
    refreshed.run()
    after = refreshed.table("03_primary/image_manifest.parquet")
    assert (after["qc_status"] == "accepted").sum() == 60
    old = after[after["image_id"].isin(before["image_id"])].reset_index(drop=True)
    assert old["pixel_sha256"].tolist() == before["pixel_sha256"].tolist()
    assert after["study_key"].nunique() == 60
    no_file_may_be_read(monkeypatch)
    refreshed.run()
    pd.testing.assert_frame_equal(refreshed.table("03_primary/image_manifest.parquet"), after)
