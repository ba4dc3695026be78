"""Withdrawn patients and merged numbers, through ingestion and splitting, in a temporary folder."""

import logging
import shutil

import pandas as pd
import pytest

from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.imaging.emr.tables import TableError
from lung_cxr.pipelines import ingestion, splitting
from lung_cxr.splitting.split import split_sha256
from made_up_hospital import Hospital

SECRET = Secret(PUBLIC_SECRET)
PATIENTS = [f"P{number:02d}" for number in range(30)]


@pytest.fixture(scope="module")
def ready(project, tmp_path_factory):
    """The data of a hospital after its first refresh, made once."""
    folder = tmp_path_factory.mktemp("ready")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        made = Hospital(project, folder)
        made.receive("a", PATIENTS)
        made.run(with_pages=True)
    return made.data


@pytest.fixture
def split_hospital(hospital, ready):
    shutil.copytree(ready, hospital.data)
    return hospital


def keys_of(patient: str, exports: str = "a") -> list[str]:
    images = [SECRET.key("image", patient, f"{export}-{patient}.png") for export in exports]
    return [SECRET.key("patient", patient), *images]


def in_subset(hospital, subset: str) -> list[str]:
    assignments = hospital.table("05_model_input/patient_subsets.parquet").set_index("patient_key")["subset"]
    return [patient for patient in PATIENTS if assignments.get(SECRET.key("patient", patient)) == subset]


def test_withdrawn_patients_are_erased_everywhere_and_all_others_stay(split_hospital, caplog):
    leaving = {subset: in_subset(split_hospital, subset)[0] for subset in ("train", "validation", "test")}
    split = split_hospital.table("05_model_input/split.parquet")
    present = split_sha256(split)
    split_hospital.pretend_run("mobilenet/dynamic/seed_7", present, ["validation", "test"])
    old = "mobilenet/dynamic/superseded/2026-01-01T00.00.00.000000Z/seed_7"
    split_hospital.pretend_run(old, "another split", ["validation"])
    features = (
        split_hospital.data / "06_models/mobilenet/frozen_features/0123456789abcdef/images_0123456789abcdef/features"
    )
    features.parent.mkdir(parents=True)
    features.write_bytes(b"what frozen layers made of everybody's images")
    reference = split_hospital.data / "06_models/mobilenet/dynamic/seed_7/feature_reference.npz"
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_bytes(b"pooled features of some training images")
    panel = split_hospital.data / "08_reporting/grad_cam/panels/2026-01-01T00.00.00.000Z/panels/mobilenet.png"
    panel.parent.mkdir(parents=True)
    panel.write_bytes(b"somebody's chest")
    before = split_hospital.everything_kept()
    half_written = split_hospital.data / "07_model_output/mobilenet/dynamic/seed_7/.unfinished-predictions.parquet"
    half_written.write_bytes(f"PAR1 {SECRET.key('patient', leaving['test'])}".encode())
    assignments = split_hospital.table("05_model_input/patient_subsets.parquet")
    keys = [key for patient in leaving.values() for key in keys_of(patient)]
    assert all(key in before for key in keys)
    split_hospital.hand_in("withdrawn.csv", "patient_id\n" + "\n".join([*leaving.values(), "P99"]) + "\n")
    with caplog.at_level(logging.WARNING):
        split_hospital.run(ingestion, with_pages=True)
    after = split_hospital.everything_kept()
    assert [key for key in keys if key in after] == []
    assert "2 runs" in caplog.text
    report = split_hospital.report("withdrawal_report")
    assert (report["listed"], report["not_found"]) == (4, 1)
    assert "1 patient numbers" in caplog.text  # a misspelt number would leave a patient in the catalogue
    assert report["rows"] == {"1": 3}
    assert report["erased"]["images"] == 3
    assert report["erased"]["refresh_pages"] == 2  # the version and its copy may have shown them
    assert report["erased"]["grad_cam_panels"] == 1
    assert not panel.exists()
    assert report["erased"]["frozen_features"] == 1
    assert not features.exists()
    assert (report["erased"]["feature_references"], reference.exists()) == (1, False)
    assert len(list((split_hospital.data / "08_reporting/refresh_report.html").rglob("*.html"))) == 1
    assert report["affected_runs"] == [
        {"run": "mobilenet/dynamic/seed_7", "subsets": ["test", "train", "validation"], "certain": True},
        {"run": old, "subsets": ["train", "validation"], "certain": False},
    ]
    assert split_hospital.report("ingestion_summary")["withdrawn"] == {"1": 3}
    assert not list((split_hospital.data / "05_model_input").glob("pixels_*"))
    split_hospital.run(splitting)
    kept = assignments[~assignments["patient_key"].isin(keys)].reset_index(drop=True)
    pd.testing.assert_frame_equal(split_hospital.table("05_model_input/patient_subsets.parquet"), kept)
    rows = split[~split["patient_key"].isin(keys)].reset_index(drop=True)
    pd.testing.assert_frame_equal(split_hospital.table("05_model_input/split.parquet"), rows)


def test_erasing_again_finds_nothing_and_the_affected_runs_stay_listed(split_hospital):
    train = in_subset(split_hospital, "train")[0]
    present = split_sha256(split_hospital.table("05_model_input/split.parquet"))
    split_hospital.pretend_run("vgg16/traditional/seed_7", present, ["test"])
    split_hospital.hand_in("withdrawn.csv", f"patient_id\n{train}\n")
    split_hospital.run()
    split_hospital.run()
    report = split_hospital.report("withdrawal_report")
    assert set(report["erased"].values()) == {0}
    assert [run["run"] for run in report["affected_runs"]] == ["vgg16/traditional/seed_7"]
    folder = split_hospital.data / "07_model_output/vgg16/traditional"
    shutil.rmtree(folder)
    split_hospital.run(ingestion)
    assert split_hospital.report("withdrawal_report")["affected_runs"] == []


STEPS = [  # of a withdrawal, in this order
    "mark_affected_runs",
    "erase_pixels",
    "catalogue.erase_from_journal",
    "catalogue.erase_files",
    "catalogue.erase_rows",
]


@pytest.mark.parametrize(
    "step", ["catalogue.erase_images", *(pytest.param(step, marks=pytest.mark.slow) for step in STEPS)]
)
def test_a_run_killed_between_two_steps_is_finished_by_the_next(split_hospital, monkeypatch, step):
    train = in_subset(split_hospital, "train")[0]
    split_hospital.hand_in("withdrawn.csv", f"patient_id\n{train}\n")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"lung_cxr.erasure.withdrawal.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            split_hospital.run(ingestion)
    split_hospital.run(ingestion)
    after = split_hospital.everything_kept()
    assert [key for key in keys_of(train) if key in after] == []


def test_a_run_killed_before_the_last_table_is_finished_though_the_export_is_gone(split_hospital, monkeypatch):
    """What names the patient's images goes last: without raw rows, the manifest is the only way to them."""
    train = in_subset(split_hospital, "train")[0]
    shutil.rmtree(split_hospital.exports / "a")
    split_hospital.receive("b", ["NEW"])
    split_hospital.hand_in("withdrawn.csv", f"patient_id\n{train}\n")
    from lung_cxr.erasure import catalogue

    erase_rows, calls = catalogue.erase_rows, []

    def until_the_manifest(path, keys):
        calls.append(path.name)
        if path.name == "image_manifest.parquet":
            raise KeyboardInterrupt
        return erase_rows(path, keys)

    with monkeypatch.context() as patch:
        patch.setattr("lung_cxr.erasure.catalogue.erase_rows", until_the_manifest)
        with pytest.raises(KeyboardInterrupt):
            split_hospital.run(ingestion)
    assert calls[-1] == "image_manifest.parquet"
    split_hospital.run(ingestion)
    after = split_hospital.everything_kept()
    assert [key for key in keys_of(train) if key in after] == []


def test_a_malformed_list_stops_the_run_before_the_catalogue_is_touched(split_hospital):
    before = split_hospital.everything_kept()
    split_hospital.hand_in("withdrawn.csv", "Nguyễn Văn A\n")
    with pytest.raises(TableError, match="no column patient_id") as error:
        split_hospital.run(ingestion)
    assert "Nguy" not in str(error.value)
    assert split_hospital.everything_kept() == before


def test_without_withdrawals_no_folder_is_searched(split_hospital, monkeypatch):
    monkeypatch.setattr(
        "lung_cxr.erasure.withdrawal.erase_withdrawn", lambda *_: pytest.fail("a patient was searched for")
    )
    split_hospital.run(ingestion)
    assert split_hospital.report("withdrawal_report")["affected_runs"] == []


def test_a_patient_taken_off_the_list_is_read_as_new(split_hospital, caplog):
    train = in_subset(split_hospital, "train")[0]
    split_hospital.hand_in("withdrawn.csv", f"patient_id\n{train}\n")
    split_hospital.run()
    (split_hospital.exports / "withdrawn.csv").unlink()
    with caplog.at_level(logging.INFO):
        split_hospital.run()
    assert "1 of 30 files to read: 1 new" in caplog.text
    assert len(split_hospital.table("05_model_input/split.parquet")) == 30


def test_merged_numbers_without_a_subset_become_one_patient_and_no_file_is_read_again(hospital, monkeypatch):
    hospital.receive("a", PATIENTS)
    hospital.run(ingestion)
    before = hospital.table("03_primary/image_manifest.parquet").set_index("image_id")
    hospital.hand_in("patient_aliases.csv", "patient_id,merged_into\nP00,P01\nP01,P02\n")
    monkeypatch.setattr(
        "lung_cxr.imaging.catalogue.process_image.ImageProcessor.process", lambda *_: pytest.fail("a file was opened")
    )
    hospital.run()
    after = hospital.table("03_primary/image_manifest.parquet").set_index("image_id")
    assert set(after.index) == set(before.index)
    merged = after.loc[[keys_of(patient)[1] for patient in ("P00", "P01", "P02")]]
    assert merged["patient_key"].tolist() == [SECRET.key("patient", "P02")] * 3
    assert merged["exam_day"].nunique() == 1
    split = hospital.table("05_model_input/split.parquet")
    assert split[split["patient_key"] == SECRET.key("patient", "P02")]["subset"].nunique() == 1


@pytest.mark.parametrize("archived", [False, True])
def test_a_merge_across_subsets_excludes_the_later_patients_images(split_hospital, archived):
    first, later = in_subset(split_hospital, "train")[0], "Q1"
    test = in_subset(split_hospital, "test")
    split_hospital.receive("b", [later, first])
    split_hospital.run()
    assignments = split_hospital.table("05_model_input/patient_subsets.parquet")
    row = assignments["patient_key"] == SECRET.key("patient", later)
    assignments.loc[row, "subset"] = "test"
    assignments.to_parquet(split_hospital.data / "05_model_input/patient_subsets.parquet", index=False)
    (split_hospital.data / "05_model_input/split.parquet").unlink()  # the change is intended
    split_hospital.run(splitting)
    split_hospital.hand_in("patient_aliases.csv", f"patient_id,merged_into\n{first},{later}\n")
    if archived:
        shutil.rmtree(split_hospital.exports / "b")
    for _ in range(2):
        split_hospital.run()
        manifest = split_hospital.table("03_primary/image_manifest.parquet").set_index("image_id")
        gone = manifest.loc[SECRET.key("image", later, f"b-{later}.png")]
        assert (gone["qc_status"], gone["qc_reasons"].split(";")[0]) == ("rejected", "merged_across_subsets")
        split = split_hospital.table("05_model_input/split.parquet").set_index("image_id")["subset"]
        assert {split[key] for key in keys_of(first, "ab")[1:]} == {"train"}
        assert keys_of(later, "b")[1] not in split.index
        assert set(in_subset(split_hospital, "test")) == set(test)
