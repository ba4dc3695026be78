"""From exports to a trained run, and then from the raw files alone to the same probabilities."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from PIL import Image, ImageFilter

from lung_cxr import contracts
from lung_cxr import parameters as groups
from lung_cxr.bundle.contents import BundleError, read_bundle
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.imaging.emr.exports import MARKER
from lung_cxr.models.saved_model import ModelFileError
from lung_cxr.pipelines import bundle, key_rotation, predict, training
from lung_cxr.prediction.decide import CALIBRATED_COLUMNS
from lung_cxr.prediction.monitoring import outside
from lung_cxr.prediction.trained_run import NoSuchRunError
from lung_cxr.synthetic.hospital.write_exports import write_hospital
from lung_cxr.training.strategies.registry import StrategyParameters
from made_up_dicom import make_dicom
from made_up_hospital import Hospital

RUN = "mobilenet/dynamic/seed_7"
NAME = "NGUYEN^VAN BI MAT"
PATIENTS = [f"P{number:02d}" for number in range(14)]


class Ward(Hospital):
    """The hospital's folder with a trained run, and unlabelled images."""

    @property
    def new(self) -> Path:
        return self.data / "01_raw/new_images"

    def train(self) -> None:
        """One epoch of the quarter of a MobileNet on the images received, at their own size."""
        self.run()
        pipeline = training.create_pipeline().only_nodes_with_namespaces(["mobilenet.dynamic"])
        SequentialRunner().run(pipeline, self.catalogue(training={"max_epochs": 1, "batch_size": 4}))

    def predict(self, run: str | None = RUN, settings: dict | None = None, **ingestion) -> pd.DataFrame:
        settings = {"predict": {"run": run, "batch_size": 4, **(settings or {})}, "ingestion": ingestion}
        SequentialRunner().run(predict.create_pipeline(), self.catalogue(**settings))
        table = self.table("07_model_output/new_images/probabilities.parquet")
        return contracts.new_image_probabilities.validate(table)

    def catalogue(self, **changed) -> DataCatalog:
        catalogue = DataCatalog.from_config(self.datasets)
        of_group = {
            "ingestion": groups.IngestionParameters,
            "predict": groups.PredictParameters,
            "bundle": groups.BundleParameters,
            "reporting": groups.ReportingParameters,
            "monitoring": groups.MonitoringParameters,
            "training": groups.TrainingParameters,
        }
        for name, model in of_group.items():
            catalogue[f"params:{name}"] = model.model_validate(self.parameters[name] | changed.get(name, {}))
        for name, model in (
            ("backbones.mobilenet", groups.BackboneParameters),
            ("strategies.dynamic", StrategyParameters),
        ):
            group, key = name.split(".")
            catalogue[f"params:{name}"] = model.model_validate(self.parameters[group][key])
        catalogue["params:training.experiment"] = ""
        catalogue["params:training.decision_rule"] = catalogue["params:training"].load().decision_rule
        return catalogue

    def by_path(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table under the paths that file_keys.csv gives back."""
        keys = pd.read_csv(self.new / "file_keys.csv", dtype="str", keep_default_na=False)
        assert sorted(keys["file_key"]) == sorted(table["file_key"])
        return keys.merge(table, on="file_key").set_index("path")


@pytest.fixture(scope="module", autouse=True)
def _untraced() -> Iterator[None]:
    """Run TensorFlow step by step: each prediction loads the model and would trace it; test_evaluate.py does."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def trained(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ward = Ward(project, folder)
        ward.receive("a", PATIENTS)
        ward.train()
    return ward.data


@pytest.fixture
def ward(project, trained, tmp_path, monkeypatch):
    """A copy of the trained hospital, with the files of its export as new images."""
    monkeypatch.chdir(tmp_path)
    made = Ward(project, tmp_path)
    shutil.copytree(trained, made.data)
    made.new.mkdir()
    (made.new / MARKER).touch()
    return made


def picture(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12)).astype(np.uint8)).resize(
        (200, 150), Image.Resampling.BICUBIC
    )
    return np.clip(np.asarray(coarse).astype(int) + rng.integers(-20, 20, (150, 200)), 0, 255).astype(np.uint8)


def test_the_raw_files_give_the_probabilities_of_the_run_image_by_image(ward):
    for patient in PATIENTS:
        shutil.copy(ward.exports / f"a/a-{patient}.png", ward.new / f"{patient}.png")
    table = ward.by_path(ward.predict())
    assert list(table.index) == [f"{patient}.png" for patient in PATIENTS]
    secret = Secret(PUBLIC_SECRET)
    table["image_id"] = [secret.key("image", patient, f"a-{patient}.png") for patient in PATIENTS]
    of_run = ward.table(f"07_model_output/{RUN}/predictions.parquet").set_index("image_id")
    assert len(of_run) >= 4
    new, old = probabilities(table.set_index("image_id").loc[of_run.index]), probabilities(of_run)
    assert np.abs(new - old).max() <= 1e-5
    assert new.std(axis=0).max() > 1e-3, "all images alike would prove nothing"
    manifest = ward.table("03_primary/image_manifest.parquet").set_index("image_id")
    same = ["pixel_sha256", "source_key", "rows", "columns", "qc_sharpness", "qc_reasons"]
    pd.testing.assert_frame_equal(table.set_index("image_id")[same].sort_index(), manifest[same].sort_index())
    record = json.loads((ward.data / "07_model_output" / RUN / "run_record.json").read_text())
    assert set(table["model_sha256"]) == {record["model_sha256"]}
    assert set(table["run"]) == {RUN}
    rule = json.loads((ward.data / "06_models" / RUN / "decision_rule.json").read_text())
    assert table[list(CALIBRATED_COLUMNS)].to_numpy() == pytest.approx(
        scaled(probabilities(table), rule["temperature"]), abs=1e-9
    )
    assert table["distance"].notna().all()
    assert (table["decision"] == "refer").equals(table["refer_reason"] != "")


def test_the_page_shows_referred_images_first_with_overlays_below_the_limits_of_the_card(ward, monkeypatch):
    write_ward_round(ward.new, ward.data)
    folder = ward.data / "07_model_output/new_images"
    ward.predict(settings={"explain": True})
    assert not list(folder.rglob("*.png")), "no image was searched for text: none may be shown"
    monkeypatch.setattr("lung_cxr.prediction.new_predictions.UNSEARCHED", "another flag")
    table = ward.predict(settings={"explain": True, "prevalence": "estimated"})
    page = (folder / "predictions.html").read_text(encoding="utf-8")
    predicted = set(table.loc[table["predicted"] != "", "file_key"])
    assert {path.stem for path in (folder / "overlays").glob("*.png")} == predicted != set()
    assert all(f"overlays/{key}.png" in page for key in predicted)
    rows = page[page.index("<tbody>") : page.index("</tbody>")].split("<tr")[1:]
    referred = ['class="referred"' in row for row in rows]
    assert referred == sorted(referred, reverse=True)
    assert len(rows) == len(table)
    assert page.index("Not a medical device") < page.index("<tbody>")
    assert table["prevalence"].iloc[0].startswith("estimated from")
    assert table["prevalence"].iloc[0] in page
    ward.predict()
    assert not list(folder.rglob("*.png")), "overlays of an earlier prediction are deleted"


@pytest.mark.slow  # quick: the one above
def test_so_do_the_synthetic_hospitals_files_of_every_kind(project, tmp_path, monkeypatch):
    """DICOM of several syntaxes, PNG and JPEG; tables and defects lie among them, and are rows with a reason."""
    monkeypatch.chdir(tmp_path)
    ward = Ward(project, tmp_path)
    settings = groups.SyntheticHospitalParameters.model_validate(ward.parameters["synthetic_hospital"])
    write_hospital(ward.exports, settings)
    ward.train()
    shutil.copytree(ward.exports, ward.new)
    (ward.new / MARKER).touch()
    table = ward.predict()
    assert len(table) == sum(path.is_file() for path in ward.new.rglob("*")) - 2  # file_keys.csv and the marker
    manifest = ward.table("03_primary/image_manifest.parquet")[["image_id", "source_key"]]
    of_run = ward.table(f"07_model_output/{RUN}/predictions.parquet").merge(manifest, on="image_id")
    new = table.drop_duplicates("source_key").set_index("source_key").loc[of_run["source_key"]]
    assert len(of_run) > 5
    assert np.abs(probabilities(new) - probabilities(of_run)).max() <= 1e-5


def write_ward_round(folder: Path, elsewhere: Path) -> None:
    """A day's files: good ones of three kinds, and all that may lie among them, named after patients."""
    (folder / NAME / "series 1").mkdir(parents=True)
    (folder / NAME / "series 1/IM0001").write_bytes(make_dicom(picture(1), PatientName=NAME, ViewPosition="PA"))
    (folder / NAME / "side.dcm").write_bytes(make_dicom(picture(2), PatientName=NAME, ViewPosition="LL"))
    Image.fromarray(picture(3)).save(folder / "NGUYEN.jpg", quality=95)
    (folder / "NGUYEN.txt").write_text(f"{NAME}: see the image")
    (folder / "NGUYEN-empty.png").touch()
    (folder / "cut.dcm").write_bytes(make_dicom(picture(4), PatientName=NAME)[:9000])
    Image.fromarray(np.full((150, 200), 90, np.uint8)).save(folder / "blank.png")
    (elsewhere / "NGUYEN-secret.png").write_bytes((folder / "NGUYEN.jpg").read_bytes())
    (folder / "link.png").symlink_to(elsewhere / "NGUYEN-secret.png")
    (folder / "linked folder").symlink_to(elsewhere)
    (folder / "no more.png").symlink_to(folder / "gone.png")
    Path(os.fsdecode(os.fsencode(folder) + b"/NGUYEN-\xff\n.png")).write_bytes(b"no text in any encoding")


EXPECTED = {
    f"{NAME}/series 1/IM0001": "",
    f"{NAME}/side.dcm": "not_frontal",
    "NGUYEN.jpg": "",
    "NGUYEN.txt": "unreadable",
    "NGUYEN-empty.png": "unreadable",
    "cut.dcm": "truncated",
    "blank.png": "nearly_blank",
    "link.png": "path_outside_export",
    "linked folder": "path_outside_export",
    "no more.png": "missing_file",
    "NGUYEN-\\xff\n.png": "unreadable",
}


def test_every_file_is_a_row_and_what_is_no_frontal_chest_has_a_reason_and_no_probability(ward, tmp_path):
    write_ward_round(ward.new, tmp_path)
    table = ward.by_path(ward.predict())
    reasons = table["qc_reasons"].str.split(";").str[0].where(table["qc_status"] == "rejected", "")
    assert reasons.to_dict() == EXPECTED
    accepted = table["qc_status"] == "accepted"
    columns = list(PROBABILITY_COLUMNS)
    assert np.allclose(table.loc[accepted, columns].sum(axis=1), 1)
    assert table.loc[~accepted, columns].isna().all(axis=None)
    assert (table["predicted"] != "").equals(accepted)
    assert table["view"].to_dict().items() >= {f"{NAME}/series 1/IM0001": "PA", "NGUYEN.jpg": "unknown"}.items()
    for_people = pd.read_csv(ward.data / "07_model_output/new_images/probabilities.csv")
    assert for_people["file_key"].tolist() == sorted(table["file_key"])
    assert not any((ward.data / "02_intermediate/new_images" / name).exists() for name in ("images", "journal"))


def test_no_name_leaves_01_raw_nor_stands_in_a_log(ward, tmp_path, caplog, capfd):
    write_ward_round(ward.new, tmp_path)
    before = set(ward.data.rglob("*"))
    with caplog.at_level(logging.DEBUG):
        ward.predict()
    output = capfd.readouterr()
    said = (caplog.text + output.out + output.err).encode()
    made = [path for path in ward.data.rglob("*") if path not in before and path.is_file()]
    searched = {str(path): path.read_bytes() for path in made if "01_raw" not in path.parts} | {"said": said}
    assert len(searched) >= 4
    for needle in (b"NGUYEN", b"BI MAT", b"IM0001", b"side.dcm", b"linked folder"):
        assert [name for name, content in searched.items() if needle in content or needle in os.fsencode(name)] == []
    assert b"NGUYEN" in (ward.new / "file_keys.csv").read_bytes(), "where the hospital finds it again"


def test_a_changed_detector_raises_an_alarm_and_the_same_detector_does_not(ward, tmp_path, caplog):
    """Twice 24 new patients; the second time the detector blurs the noise and brightens the dark parts."""
    patients = [f"N{number:02d}" for number in range(24)]
    ward.receive("n", patients)
    files = [ward.exports / f"n/n-{patient}.png" for patient in patients]
    for file in files:
        shutil.copy(file, ward.new)
    ward.predict()
    assert "Outside the control limits" not in caplog.text
    for file in files:
        blurred = Image.open(file).filter(ImageFilter.GaussianBlur(0.4))
        blurred.point([round(255 * (value / 255) ** 0.6) for value in range(256)]).save(ward.new / file.name)
    ward.predict()
    rows = contracts.watched_batches.validate(ward.table("08_reporting/monitoring.parquet"))
    assert rows[["files", "images"]].to_numpy().tolist() == [[24, 24], [24, 24]]
    quiet, changed = rows.to_dict(orient="records")
    assert outside(quiet) == []
    assert "qc_sharpness" in outside(changed)
    assert changed["qc_sharpness"] < changed["qc_sharpness_low"]
    assert "Outside the control limits (monitoring.html): " in caplog.text
    page = (ward.data / "08_reporting/monitoring.html").read_text(encoding="utf-8")
    assert "watched quantities outside the control limits: " in page
    assert "Batches with an alarm</span> <b>1 of 2</b>" in page


# Packages outside of the lock file of a bundle are hidden, also those that the test environment has.
IN_ANOTHER_PROCESS = """
import json, re, sys
from importlib.metadata import packages_distributions

locked = set(re.findall(r"^([\\w.-]+)==", open(sys.argv.pop(1), encoding="utf-8").read(), re.MULTILINE))
provided = {module: {re.sub(r"[-_.]+", "-", name).lower() for name in names}
            for module, names in packages_distributions().items()}

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != "lung_cxr" and provided.get(name.split(".")[0], locked).isdisjoint(locked):
            raise ModuleNotFoundError(f"{name} is not in requirements-predict.lock", name=name)

sys.meta_path.insert(0, Hidden())
from lung_cxr.bundle.__main__ import main
status = main(sys.argv[1:])
print(json.dumps({"status": status, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def test_a_bundle_decides_as_the_pipeline_does_without_tensorflow_keras_and_kedro(ward, tmp_path):
    write_ward_round(ward.new, ward.data)
    expected = ward.by_path(ward.predict())
    SequentialRunner().run(bundle.create_pipeline(), ward.catalogue(bundle={"run": RUN}))
    folder, output = ward.data / "06_models" / RUN / "bundle", tmp_path / "out.json"
    manifest = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    tested = (ward.table(f"07_model_output/{RUN}/predictions.parquet")["subset"] == "test").sum()
    assert (manifest["parity"]["images"], manifest["parity"]["changed_classes"]) == (tested, 0)
    assert manifest["parity"]["largest_difference"] <= 1e-4
    assert manifest["files"].keys() == {path.name for path in folder.iterdir()} - {"bundle.json"}
    lock = str(Path(__file__).parents[2] / "requirements-predict.lock")
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, lock, str(folder), str(ward.new), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["status"] == 0
    assert {"onnxruntime", "lung_cxr"} <= set(said["modules"])
    assert {"tensorflow", "keras", "kedro"}.isdisjoint(said["modules"])
    found = pd.DataFrame(json.loads(output.read_text(encoding="utf-8")))
    found.index = [name.removeprefix(f"{ward.new}/") for name in found["file"]]
    assert sorted(found.index) == sorted(expected.index)
    found = found.loc[expected.index]
    for column in ("qc_status", "qc_reasons", "predicted", "prediction_set", "decision", "refer_reason", "view"):
        assert found[column].tolist() == expected[column].tolist(), column
    numbers = [*PROBABILITY_COLUMNS, *CALIBRATED_COLUMNS, "distance"]
    assert found[numbers].to_numpy(dtype=float) == pytest.approx(
        expected[numbers].to_numpy(dtype=float), abs=1e-4, nan_ok=True
    )
    (folder / "decision_rule.json").write_text("{}")
    with pytest.raises(BundleError, match=r"decision_rule\.json of the bundle is .* expected SHA-256"):
        read_bundle(folder)


def test_a_view_that_nobody_states_is_for_a_setting(ward):
    Image.fromarray(picture()).save(ward.new / "a.png")
    ward.parameters["predict"]["accept_unknown_view"] = False
    assert ward.predict()["qc_reasons"].str.contains("unknown_view").all()


def test_what_could_hold_a_name_in_its_pixels_is_not_predicted_where_ingestion_would_not_keep_it(ward):
    (ward.new / "a.dcm").write_bytes(make_dicom(picture(), BurnedInAnnotation="NO"))
    (ward.new / "b.dcm").write_bytes(make_dicom(picture()))
    table = ward.by_path(ward.predict(accept_unchecked_pixels=False))
    assert table["qc_reasons"].str.split(";").str[0].to_dict()["b.dcm"] == "unchecked_pixels"
    assert table["qc_status"].to_dict() == {"a.dcm": "accepted", "b.dcm": "rejected"}


def test_nothing_accepted_is_a_table_without_a_number(ward):
    (ward.new / "a.txt").write_text("no image")
    table = ward.predict()
    assert table["qc_reasons"].tolist() == ["unreadable"]


@pytest.mark.parametrize("run", [None, "vgg16/dynamic/seed_7", f"{RUN}/../seed_8", "/etc"])
def test_a_run_that_is_not_there_is_an_error_that_lists_those_that_are(ward, run, monkeypatch):
    Image.fromarray(picture()).save(ward.new / "a.png")
    monkeypatch.setattr(
        "lung_cxr.prediction.read_files.read_new_images", lambda *_: pytest.fail("files were read first")
    )
    with pytest.raises(NoSuchRunError, match=rf"expected one of {RUN}\. .*predict.run={RUN}"):
        ward.predict(run)


def test_where_no_run_has_finished_the_error_says_how_to_train_one(ward):
    Image.fromarray(picture()).save(ward.new / "a.png")
    (ward.data / "06_models" / RUN / "model.keras").unlink()
    with pytest.raises(NoSuchRunError, match=r"no run has finished yet.*--pipelines training"):
        ward.predict()


def test_a_model_that_is_not_the_runs_own_is_refused(ward):
    Image.fromarray(picture()).save(ward.new / "a.png")
    with (ward.data / "06_models" / RUN / "model.keras").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelFileError, match="SHA-256"):
        ward.predict()


def test_a_run_of_before_the_hash_predicts_with_a_warning(ward, caplog):
    Image.fromarray(picture()).save(ward.new / "a.png")
    path = ward.data / "07_model_output" / RUN / "run_record.json"
    record = json.loads(path.read_text())
    written = record.pop("model_sha256")
    path.write_text(json.dumps(record))
    assert ward.predict()["model_sha256"].tolist() == [written]
    assert "no hash" in caplog.text


def test_the_public_key_is_refused_for_real_people(ward):
    Image.fromarray(picture()).save(ward.new / "a.png")
    (ward.new / MARKER).unlink()
    with pytest.raises(IngestionError, match="SYNTHETIC"):
        ward.predict()


def test_a_prediction_that_was_cut_off_goes_on_without_reading_again(ward, monkeypatch, caplog):
    Image.fromarray(picture()).save(ward.new / "a.png")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lung_cxr.prediction.read_files.with_qc_results", killed)
        with pytest.raises(KeyboardInterrupt):
            ward.predict()
    with caplog.at_level(logging.INFO):
        assert ward.predict()["qc_status"].tolist() == ["accepted"]
    assert "Nothing new: 0 of 1 files" in caplog.text


def test_another_key_leaves_no_old_name_of_a_new_image(ward, monkeypatch):
    """Probabilities have no raw row to take a new name from: the next prediction makes them."""
    monkeypatch.setenv("LUNG_CXR_NEW_KEY", "another secret of forty characters or so")
    Image.fromarray(picture()).save(ward.new / "a.png")
    (key,) = ward.predict(settings={"explain": True})["file_key"]
    ward.run(key_rotation)
    assert not [path for path in (ward.data / "07_model_output/new_images").rglob("*") if path.is_file()]
    assert key not in ward.everything_kept()
