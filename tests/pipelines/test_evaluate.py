"""Two hospitals: one trains a run, the other evaluates it on its own catalogue."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from PIL import Image

from lung_cxr import contracts
from lung_cxr import parameters as groups
from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.predictions import frame_matrix
from lung_cxr.pipelines import bundle, evaluate, ingestion, training
from lung_cxr.prediction.trained_run import NoSuchRunError
from lung_cxr.training.strategies.registry import StrategyParameters
from made_up_hospital import Hospital
from made_up_network import build_tiny_classifier

RUN = "mobilenet/dynamic/seed_7"
OF_TRAINING = [f"P{number:02d}" for number in range(30)]
OF_SITE_B = [*(f"Q{number:02d}" for number in range(12)), "P00"]
SPLIT = {"fractions": {"train": 0.5, "validation": 0.2, "test": 0.3}}


class Site(Hospital):
    """A hospital whose `training_site` is another folder."""

    def __init__(self, project: Path, folder: Path, training_site: Path):
        super().__init__(project, folder)
        text = json.dumps(self.datasets)
        for layer in ("02_intermediate", "03_primary", "05_model_input", "06_models", "07_model_output"):
            text = text.replace(f'"data/{layer}', f'"{training_site}/{layer}')
        self.datasets = json.loads(text.replace('"data/test/', f'"{self.data}/'))
        self.parameters["splitting"] |= SPLIT

    def catalogue(self, run, folder=None) -> DataCatalog:
        catalogue = DataCatalog.from_config(self.datasets)
        of_group = {
            "ingestion": groups.IngestionParameters,
            "ingestion_report": groups.IngestionReportParameters,
            "splitting": groups.SplittingParameters,
            "reporting": groups.ReportingParameters,
            "evaluate": groups.EvaluateParameters,
            "monitoring": groups.MonitoringParameters,
            "training": groups.TrainingParameters,
            "bundle": groups.BundleParameters,
            "predict": groups.PredictParameters,
        }
        changed = {
            "evaluate": {"run": run, "bundle": folder, "batch_size": 4},
            "training": {"max_epochs": 1, "batch_size": 4},
            "bundle": {"run": RUN},
        }
        for name, model in of_group.items():
            catalogue[f"params:{name}"] = model.model_validate(self.parameters[name] | changed.get(name, {}))
        backbone, strategy = self.parameters["backbones"]["mobilenet"], self.parameters["strategies"]["dynamic"]
        catalogue["params:backbones.mobilenet"] = groups.BackboneParameters.model_validate(backbone)
        catalogue["params:strategies.dynamic"] = StrategyParameters.model_validate(strategy)
        catalogue["params:training.experiment"] = ""
        return catalogue

    def evaluate(self, run, folder=None) -> dict:
        SequentialRunner().run(evaluate.create_pipeline(), self.catalogue(run, folder))
        return self.report("external_evaluation")


@pytest.fixture(scope="module")
def sites(project, tmp_path_factory):
    """Return the site that has trained a run, and another with a catalogue, of which one image is the trainer's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lung_cxr.training.runs.build_classifier", build_tiny_classifier)
        folders = [tmp_path_factory.mktemp(name) for name in ("a", "b")]
        first, second = (Site(project, folder, folders[0] / "data/test") for folder in folders)
        first.receive("a", OF_TRAINING)
        first.run()
        pipeline = training.create_pipeline().only_nodes_with_namespaces(["mobilenet.dynamic"])
        SequentialRunner().run(pipeline, first.catalogue(None))
        second.receive("b", OF_SITE_B)
        Image.open(first.exports / "a/a-P05.png").save(second.exports / "b/b-Q05.png")
        second.run(ingestion)
    return first, second


@pytest.fixture(scope="module")
def evaluated(sites):
    """Return the evaluation of the run at the second site; the first one's files stay as they are."""
    trainer, site = sites
    before = {path: path.stat().st_mtime_ns for path in trainer.data.rglob("*")}
    found = site.evaluate(RUN)
    assert {path: path.stat().st_mtime_ns for path in trainer.data.rglob("*")} == before, "only read"
    return found


def test_the_images_of_another_hospital_are_evaluated_and_nothing_is_left_behind(sites, evaluated):
    trainer, site = sites
    found = evaluated
    images = site.table("03_primary/image_manifest.parquet").query("qc_status == 'accepted'")
    table = contracts.external_predictions.validate(site.table("07_model_output/external/predictions.parquet"))
    assert sorted(table["image_id"]) == sorted(images["image_id"])
    (row,) = found["runs"]
    assert row["confusion"] == frame_matrix(table).tolist()
    assert row["metrics"]["images"] == len(OF_SITE_B)
    tested = trainer.table(f"07_model_output/{RUN}/predictions.parquet").query("subset == 'test'")
    assert row["internal"]["images"] == len(tested) >= 5
    assert 0 <= row["feature_shift"]["auroc"] <= 1
    assert found["shared"] == {"patients": 1, "near_duplicates": 1, "confirmed": True}
    page = next((site.data / "08_reporting/external_report.html").iterdir()) / "external_report.html"
    assert "1 patient of the external test set has a key of the training catalogue" in page.read_text(encoding="utf-8")
    classes = pd.read_csv(next((site.data / "08_reporting/external_classes.csv").iterdir()) / "external_classes.csv")
    assert classes["class"].tolist() == list(DISEASES)
    assert not list((site.data / "02_intermediate/external_images").iterdir())
    watched = contracts.watched_batches.validate(site.table("08_reporting/monitoring.parquet")).iloc[-1]
    assert (watched["pipeline"], watched["run"]) == ("evaluate", RUN)
    assert (watched["images"], watched["patients"]) == (len(OF_SITE_B), len(OF_SITE_B))
    assert table["distance"].notna().all()


def test_the_probabilities_are_those_of_the_run(sites, monkeypatch):
    """Evaluated on the trainer's own catalogue, the test images receive the stored probabilities."""
    trainer, site = sites
    monkeypatch.setitem(site.datasets, "image_manifest", trainer.datasets["image_manifest"])
    monkeypatch.setitem(site.datasets, "fault_check", trainer.datasets["fault_check"])
    monkeypatch.setitem(site.datasets, "image_folder", trainer.datasets["image_folder"])
    site.evaluate([RUN, RUN])
    stored = trainer.table(f"07_model_output/{RUN}/predictions.parquet").set_index("image_id")
    found = site.table("07_model_output/external/predictions.parquet").set_index("image_id").loc[stored.index]
    columns = [name for name in stored if name.startswith("p_")]
    pd.testing.assert_frame_equal(found[columns], stored[columns], check_dtype=False, atol=1e-5)


def test_a_run_or_site_that_is_not_there_is_an_error_before_an_image_is_read(sites, monkeypatch, project, tmp_path):
    trainer, site = sites
    monkeypatch.setattr("lung_cxr.prediction.external_images.predict_external", lambda *_: pytest.fail("read"))
    with pytest.raises(NoSuchRunError, match=rf"evaluate.run is not set; expected one of {RUN}\."):
        site.evaluate(None)
    with pytest.raises(ValueError, match="training_site is the data folder of this environment itself"):
        trainer.evaluate(RUN)
    elsewhere = Site(project, tmp_path, tmp_path / "typing error")
    elsewhere.datasets |= {name: site.datasets[name] for name in ("image_manifest", "fault_check", "image_folder")}
    with pytest.raises(
        NoSuchRunError, match=r"the folder `training_site` of conf/<env>/globals\.yml holds no finished"
    ):
        elsewhere.evaluate(RUN)


@pytest.fixture(scope="module")
def bundled(sites, tmp_path_factory):
    """Return a bundle of the run, away from the site that trained it."""
    trainer, _ = sites
    SequentialRunner().run(bundle.create_pipeline(), trainer.catalogue(None))
    folder = trainer.data / "06_models" / RUN / "bundle"
    return folder.rename(tmp_path_factory.mktemp("bundle") / "received")


@pytest.fixture
def away(sites, project, tmp_path, monkeypatch):
    """Return the second site without the folder of the first."""
    _, site = sites
    alone = Site(project, tmp_path, tmp_path / "no training site")
    monkeypatch.setattr(alone, "data", site.data)
    of_evaluation = ("external_predictions", "external_evaluation", "external_report")
    known = ("image_manifest", "fault_check", "image_folder", "key_fingerprint", "known_exports", *of_evaluation)
    alone.datasets |= {name: site.datasets[name] for name in known}
    return alone


def test_a_bundle_is_evaluated_as_its_run_is_without_the_training_site(evaluated, bundled, away):
    found = away.evaluate(None, str(bundled))
    ((row,), (of_run,)) = found["runs"], evaluated["runs"]
    assert row["metrics"] == pytest.approx(of_run["metrics"], abs=1e-4)
    for name in ("internal", "validation", "class_shares", "cost", "confusion", "seeds", "folders", "model_sha256"):
        assert row[name] == of_run[name], name
    assert row["certainty"]["operating_points"].keys() == of_run["certainty"]["operating_points"].keys()
    gain = "accuracy_difference"
    assert row["differences"][gain] == pytest.approx(of_run["differences"][gain])
    assert row["differences"][f"{gain}_low_reason"] == "needs the predictions of the internal test set"
    assert row["feature_shift"]["auroc_reason"] == "a bundle holds no test images"
    assert row["feature_shift"]["unlike_training"] == of_run["feature_shift"]["unlike_training"]
    assert (found["drift"], found["other_reading"]) == ([], False)
    page = max((away.data / "08_reporting/external_report.html").glob("*/external_report.html"))
    text = page.read_text(encoding="utf-8")
    assert "a bundle holds no images and no patient keys of the training site" in text
    assert "Evaluated from a bundle" in text


def test_a_bundle_without_internal_results_or_of_another_reading_says_so(bundled, away, tmp_path):
    older = shutil.copytree(bundled, tmp_path / "older")
    (older / "internal_results.json").unlink()
    manifest = json.loads((older / "bundle.json").read_text(encoding="utf-8"))
    del manifest["files"]["internal_results.json"]
    manifest["reading"]["settings"] = "another"
    (older / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
    found = away.evaluate(None, str(older))
    assert found["runs"][0]["internal"]["accuracy_reason"] == "the bundle has no internal_results.json; write it again"
    assert "internal test set" not in found["headline"]
    page = max((away.data / "08_reporting/external_report.html").glob("*/external_report.html"))
    assert "was not read with the settings and the reading version of the bundle" in page.read_text(encoding="utf-8")


def test_a_run_and_a_bundle_are_one_too_many(away):
    with pytest.raises(ValueError, match=r"both set; expected one of them\..*evaluate\.run=null"):
        away.evaluate(RUN, "bundle")
