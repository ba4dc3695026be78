"""Key rotation: the catalogue equals one that was made with the new key, and every subset is kept."""

import json
import logging
import shutil

import pandas as pd
import pytest

from lung_cxr.erasure import key_rotation as rotation
from lung_cxr.imaging.catalogue.key_check import HalfRotatedKeyError
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.pipelines import ingestion, key_rotation, splitting
from lung_cxr.splitting.split import split_sha256
from made_up_hospital import Hospital

OLD, NEW = "the old secret, forty characters or so..", "the new secret, forty characters or so.."
PATIENTS = [f"P{number:02d}" for number in range(12)]
HASHES = ("pixel_sha256", "other_pixel_sha256", "difference_hash")
PRIVATE = {"type": "lung_cxr.datasets.SecretKeyDataset"}


@pytest.fixture(scope="module")
def ready(project, tmp_path_factory):
    """Two exports under the old key, two merged numbers, two runs; made once."""
    folder = tmp_path_factory.mktemp("ready")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LUNG_CXR_KEY", OLD)
        made = Hospital(project, folder)
        made.parameters["emr"]["keep_notes"] = True
        made.datasets["pseudonymisation_key"] = dict(PRIVATE)
        made.receive("a", PATIENTS)
        made.run()
        made.receive("b", ["P00", "P01", "Q1", "Q2"])
        made.hand_in("patient_aliases.csv", "patient_id,merged_into\nQ1,P01\n")
        made.run()
        present = split_sha256(made.table("05_model_input/split.parquet"))
        made.pretend_run("mobilenet/dynamic/seed_7", present, ["validation", "test"])
        made.pretend_run("mobilenet/dynamic/superseded/2026-01-01T00.00.00.000000Z/seed_7", "another", ["test"])
    return made.data


@pytest.fixture
def catalogued(hospital, ready, monkeypatch):
    """A copy of `ready`, with both keys set."""
    hospital.datasets["pseudonymisation_key"] = dict(PRIVATE)
    monkeypatch.setenv("LUNG_CXR_KEY", OLD)
    monkeypatch.setenv("LUNG_CXR_NEW_KEY", NEW)
    shutil.copytree(ready, hospital.data)
    return hospital


def old_keys(hospital) -> set[str]:
    tables = list((hospital.data / "03_primary").glob("*.parquet")) + list(hospital.data.glob("0[257]*/**/*.parquet"))
    keys = set()
    for path in tables:
        table = pd.read_parquet(path)
        for column in set(table.columns) & {
            "patient_key",
            "study_key",
            "image_id",
            "file_key",
            "source_key",
            "file_stamp",
            *HASHES,
        }:
            keys |= set(table[column]) - {""}
    return keys


def subsets_by_patient(hospital, secret: str) -> dict[str, str]:
    assignments = hospital.table("05_model_input/patient_subsets.parquet").set_index("patient_key")["subset"]
    names = {Secret(secret).key("patient", patient): patient for patient in [*PATIENTS, "Q1", "Q2"]}
    return {names[key]: subset for key, subset in assignments.items()}


def test_the_catalogue_equals_one_made_with_the_new_key(catalogued, monkeypatch, tmp_path, project, caplog):
    keys, subsets = old_keys(catalogued), subsets_by_patient(catalogued, OLD)
    before = catalogued.table("03_primary/image_manifest.parquet")
    catalogued.run(key_rotation)
    kept = catalogued.everything_kept()
    assert [key for key in keys if key in kept] == []
    assert subsets_by_patient(catalogued, NEW) == subsets
    rotated = catalogued.table("03_primary/image_manifest.parquet")
    for column in ("pixel_sha256", "difference_hash"):
        assert not set(rotated[column]) & set(before[column]) - {""}
    monkeypatch.setenv("LUNG_CXR_KEY", NEW)
    with monkeypatch.context() as patch:
        patch.setattr(
            "lung_cxr.imaging.catalogue.process_image.ImageProcessor.process",
            lambda *_: pytest.fail("a file was opened"),
        )
        with caplog.at_level(logging.INFO):
            catalogued.run(ingestion)
    assert "Nothing new" in caplog.text
    after = catalogued.table("03_primary/image_manifest.parquet")
    ordered = [table.sort_values("image_id", ignore_index=True) for table in (rotated, after)]
    pd.testing.assert_frame_equal(*ordered)
    catalogued.run(splitting)
    assert subsets_by_patient(catalogued, NEW) == subsets
    monkeypatch.chdir(tmp_path.parent)
    fresh_folder = tmp_path / "fresh"
    fresh_folder.mkdir()
    monkeypatch.chdir(fresh_folder)
    fresh = type(catalogued)(project, fresh_folder)
    fresh.datasets["pseudonymisation_key"] = dict(PRIVATE)
    shutil.copytree(catalogued.exports, fresh.exports)
    fresh.run(ingestion)
    expected = fresh.table("03_primary/image_manifest.parquet")
    same = [name for name in expected.columns if name != "patient_key"]  # merged before it was assigned
    pd.testing.assert_frame_equal(after[same], expected[same])


def test_predictions_of_all_runs_are_renamed_and_keep_their_patients(catalogued):
    old = {Secret(OLD).key("patient", patient): patient for patient in [*PATIENTS, "Q1", "Q2"]}
    new = {Secret(NEW).key("patient", patient): patient for patient in [*PATIENTS, "Q1", "Q2"]}
    paths = sorted((catalogued.data / "07_model_output").rglob("predictions.parquet"))
    before = [pd.read_parquet(path)["patient_key"].map(old).tolist() for path in paths]
    catalogued.run(key_rotation)
    assert len(paths) == 2
    assert [pd.read_parquet(path)["patient_key"].map(new).tolist() for path in paths] == before


SLOWLY = [pytest.param(moment, marks=pytest.mark.slow) for moment in (0, 1, 9, "images")]


@pytest.mark.parametrize("moment", [5, *SLOWLY])
def test_after_a_kill_the_same_command_completes_and_other_pipelines_are_refused(catalogued, monkeypatch, moment):
    rename_table, calls = rotation.rename_table, []

    def until(path, *new):
        if len(calls) == moment:
            raise KeyboardInterrupt
        calls.append(path)
        rename_table(path, *new)

    def no_images(*_):
        raise KeyboardInterrupt

    keys, subsets = old_keys(catalogued), subsets_by_patient(catalogued, OLD)
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "rename_table", until)
        if moment == "images":
            patch.setattr(rotation, "rename_images", no_images)
        with pytest.raises(KeyboardInterrupt):
            catalogued.run(key_rotation)
    for secret in (OLD, NEW):
        monkeypatch.setenv("LUNG_CXR_KEY", secret)
        with pytest.raises(HalfRotatedKeyError):
            catalogued.run(ingestion)
    monkeypatch.setenv("LUNG_CXR_KEY", OLD)
    catalogued.run(key_rotation)
    kept = catalogued.everything_kept()
    assert [key for key in keys if key in kept] == []
    assert subsets_by_patient(catalogued, NEW) == subsets
    manifest = catalogued.table("03_primary/image_manifest.parquet")
    stored = {path.stem for path in (catalogued.data / "03_primary/images").rglob("*.png")}
    assert stored == set(manifest["image_id"])
    monkeypatch.setenv("LUNG_CXR_KEY", NEW)
    catalogued.run()
    after = catalogued.table("03_primary/image_manifest.parquet")
    by_id = [table.sort_values("image_id", ignore_index=True) for table in (manifest, after)]
    pd.testing.assert_frame_equal(*by_id)


def test_without_raw_rows_nothing_changes_and_the_error_counts_them(catalogued):
    archive = catalogued.exports.parent / "archive"
    shutil.move(catalogued.exports / "a", archive)
    before = catalogued.everything_kept()
    with pytest.raises(IngestionError, match=r"manifest.parquet 12, .*subsets.parquet 10"):
        catalogued.run(key_rotation)
    assert catalogued.everything_kept() == before
    shutil.move(archive, catalogued.exports / "a")
    catalogued.run(key_rotation)


def test_rows_without_a_raw_row_are_dropped_only_with_drop_unknown(catalogued, monkeypatch):
    shutil.rmtree(catalogued.exports / "a")
    catalogued.parameters["key_rotation"]["drop_unknown"] = True
    keys = old_keys(catalogued)
    catalogued.run(key_rotation)
    kept = catalogued.everything_kept()
    assert [key for key in keys if key in kept] == []
    assert len(catalogued.table("03_primary/image_manifest.parquet")) == 4
    assert len(list((catalogued.data / "03_primary/images").rglob("*.png"))) == 4
    monkeypatch.setenv("LUNG_CXR_KEY", NEW)
    catalogued.run()


def test_a_second_rotation_changes_nothing(catalogued, caplog):
    catalogued.run(key_rotation)
    before = catalogued.everything_kept()
    with caplog.at_level(logging.INFO):
        catalogued.run(key_rotation)
    assert "nothing to do" in caplog.text
    assert catalogued.everything_kept() == before


def test_other_secrets_are_refused_before_any_table_is_read(catalogued, monkeypatch, caplog):
    monkeypatch.setattr("lung_cxr.imaging.emr.export_tables.read_tables", lambda *_: pytest.fail("a table was read"))
    monkeypatch.setenv("LUNG_CXR_KEY", "somebody else's secret of forty letters")
    with pytest.raises(IngestionError, match="another key"):
        catalogued.run(key_rotation)
    monkeypatch.setenv("LUNG_CXR_KEY", NEW)
    with pytest.raises(IngestionError, match="equals"):
        catalogued.run(key_rotation)
    assert OLD not in caplog.text
    assert NEW not in caplog.text


def test_an_unfinished_refresh_is_refused(catalogued):
    part = catalogued.data / "02_intermediate/refresh_journal/000000.json"
    part.write_text(json.dumps([{"image_id": "0" * 32}]))
    with pytest.raises(IngestionError, match="unfinished"):
        catalogued.run(key_rotation)


def test_an_unreadable_file_loses_its_source_key_only(catalogued, monkeypatch):
    (catalogued.exports / "b/b-Q2.png").unlink()
    catalogued.run(key_rotation)
    manifest = catalogued.table("03_primary/image_manifest.parquet")
    assert (manifest["source_key"] == "").sum() == 1
    monkeypatch.setenv("LUNG_CXR_KEY", NEW)
    catalogued.run()
    assert len(catalogued.table("03_primary/image_manifest.parquet")) == len(manifest)
