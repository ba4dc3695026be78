"""Every command of the README, in order, from an empty data folder: a copy of the project in a folder of its own."""

import json
import re
import shutil

import pandas as pd
import pytest

from lung_cxr.experiments import LOGISTIC_REGRESSION_RUNS, RUNS
from project_copy import Project


@pytest.fixture(scope="module")
def fresh(project, tmp_path_factory):
    return Project(project, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def catalogue(fresh):
    """After `kedro run --pipelines synthetic_hospital` and `--pipelines ingestion,splitting`."""
    fresh.kedro("run", "--env", "test", "--pipelines", "synthetic_hospital")
    fresh.kedro("run", "--env", "test", "--pipelines", "ingestion,splitting")
    return fresh


@pytest.fixture(scope="module")
def trained(catalogue):
    """After `kedro run --pipelines training --namespaces mobilenet`."""
    catalogue.printed = catalogue.kedro("run", "--env", "test", "--pipelines", "training", "--namespaces", "mobilenet")
    return catalogue


@pytest.mark.slow  # quick: test_configuration.py
def test_registry_list_names_the_pipelines(fresh):
    printed = fresh.kedro("registry", "list")
    for name in (
        "__default__",
        "baselines",
        "demo",
        "ingestion",
        "predict",
        "reporting",
        "sensitivity",
        "splitting",
        "synthetic_hospital",
        "training",
    ):
        assert f"- {name}" in printed


def test_without_exports_ingestion_says_what_to_do(project, tmp_path):
    empty = Project(project, tmp_path)
    printed = empty.kedro("run", "--env", "test", "--pipelines", "ingestion", succeeds=False)
    assert "01_raw/exports" in printed


@pytest.mark.slow  # quick: datasets/test_secret_key_dataset.py
def test_without_a_key_the_error_says_how_to_make_one(catalogue, tmp_path, project):
    hospital = Project(project, tmp_path)
    shutil.copytree(catalogue.folder / "data/test/01_raw", tmp_path / "data/01_raw")
    printed = hospital.kedro("run", "--pipelines", "ingestion", succeeds=False, LUNG_CXR_KEY="")
    assert "make key" in printed


def test_a_refresh_leaves_a_catalogue_and_a_split(catalogue):
    manifest = catalogue.table("03_primary/image_manifest.parquet")
    split = catalogue.table("05_model_input/split.parquet")
    accepted = manifest[manifest["qc_status"] == "accepted"]
    assert set(split["image_id"]) == set(accepted["image_id"])
    assert split.groupby("patient_key")["subset"].nunique().max() == 1
    assert set(split["subset"]) == {"train", "validation", "test"}
    assert set(manifest["export"]) == {1, 2}


@pytest.mark.slow  # quick: pipelines/test_refresh_exactness.py
def test_a_second_refresh_does_nothing_and_says_so(catalogue):
    images, pixels = (
        catalogue.modified("03_primary/images/*/*.png"),
        catalogue.modified("05_model_input/pixels_*.npy"),
    )
    before = catalogue.table("03_primary/image_manifest.parquet")
    printed = catalogue.kedro("run", "--env", "test", "--pipelines", "ingestion,splitting")
    assert "nothing new" in printed.lower()
    assert images
    assert pixels
    assert catalogue.modified("03_primary/images/*/*.png") == images
    assert catalogue.modified("05_model_input/pixels_*.npy") == pixels
    pd.testing.assert_frame_equal(catalogue.table("03_primary/image_manifest.parquet"), before)


@pytest.mark.slow  # quick: pipelines/test_training.py, pipelines/test_predict.py (a real network)
def test_one_backbone_trains_alone(trained):
    for strategy in ("dynamic", "traditional"):
        folder = trained.folder / f"data/test/07_model_output/mobilenet/{strategy}/seed_7"
        assert {path.name for path in folder.iterdir()} >= {
            "history.csv",
            "predictions.parquet",
            "run_record.json",
        }
        assert (trained.folder / f"data/test/06_models/mobilenet/{strategy}/seed_7/model.keras").is_file()


@pytest.mark.slow  # quick: pipelines/test_training.py
def test_one_run_that_is_up_to_date_is_skipped_saying_so(trained):
    printed = trained.kedro("run", "--env", "test", "--pipelines", "training", "--namespaces", "mobilenet.dynamic")
    assert "up to date" in printed


@pytest.mark.slow  # quick: pipelines/test_training.py
def test_a_run_that_fails_says_why_and_the_command_ends_non_zero(trained):
    printed = trained.kedro(
        "run", "--env", "test", "--pipelines", "training", "--namespaces", "vgg16.dynamic",
        "--params", "backbones.vgg16.weights=/no/such/file.weights.h5", succeeds=False,
    )  # fmt: skip
    assert "vgg16.dynamic" in printed
    assert (trained.folder / "data/test/07_model_output/vgg16/dynamic/seed_7/run_record.json").is_file()


@pytest.mark.slow  # quick: pipelines/test_reporting.py
def test_the_report_names_finished_and_missing_runs(trained):
    trained.kedro("run", "--env", "test", "--pipelines", "reporting")
    (report,) = (trained.folder / "data/test/08_reporting/report.html").glob("*/report.html")
    html = report.read_text()
    assert (trained.folder / "data/test/08_reporting/latest/report.html").read_text() == html
    assert "synthetic" in html.lower()
    assert "not yet trained" in html
    (table4,) = (trained.folder / "data/test/08_reporting/table4_dynamic.csv").glob("*/table4_dynamic.csv")
    assert len(pd.read_csv(table4)) >= 7


@pytest.mark.slow  # quick: pipelines/test_predict.py
def test_new_images_get_the_probabilities_of_a_run(trained):
    new = trained.folder / "data/test/01_raw/new_images"
    shutil.copytree(next((trained.folder / "data/test/01_raw/exports").iterdir()), new)
    printed = trained.kedro(
        "run", "--env", "test", "--pipelines", "predict", "--params", "predict.run=mobilenet/dynamic/seed_7"
    )
    table = trained.table("07_model_output/new_images/probabilities.parquet")
    files = len(pd.read_csv(new / "file_keys.csv"))
    assert len(table) == files
    assert f" of {files} files" in printed
    printed = trained.kedro("run", "--env", "test", "--pipelines", "predict", succeeds=False)
    assert all(f"mobilenet/{strategy}/seed_7" in printed for strategy in ("dynamic", "traditional"))


@pytest.mark.slow
def test_kedro_run_does_everything(catalogue):
    """All backbones with both strategies, tiny, then the report."""
    catalogue.kedro("run", "--env", "test")
    records = catalogue.modified("07_model_output/*/*/seed_7/run_record.json")
    assert len(records) == len(RUNS + LOGISTIC_REGRESSION_RUNS)
    reports = catalogue.modified("08_reporting/report.html/*/report.html")
    assert "not yet trained" not in list(reports)[-1].read_text()


@pytest.mark.slow
def test_a_further_strategy_trains_alone_and_stands_in_the_next_report(trained):
    """One kind of each schedule: nothing is unfrozen, once, by plan."""
    for strategy in ("linear_probe", "two_stage", "gradual"):
        trained.kedro("run", "--env", "test", "--pipelines", "baselines", "--namespaces", f"mobilenet.{strategy}")
    printed = trained.kedro("run", "--env", "test", "--pipelines", "reporting")
    assert "Report:" in printed
    report = sorted((trained.folder / "data/test/08_reporting/report.html").glob("*/report.html"))[-1]
    html = report.read_text()
    records = set(re.findall(r"Run record: MobileNet, ([a-z ]+)", html))
    assert records >= {"dynamic", "traditional", "linear probe", "two stage", "gradual"}


@pytest.mark.slow  # quick: training/test_sweep.py, pipelines/test_sensitivity.py
def test_settings_are_tried_once(catalogue):
    catalogue.kedro("run", "--env", "test", "--pipelines", "sensitivity")
    records = catalogue.modified("07_model_output/sensitivity/*/seed_7/run_record.json")
    assert len(records) == 6
    (table,) = catalogue.modified("08_reporting/sensitivity/sensitivity.csv/*/sensitivity.csv")
    assert set(pd.read_csv(table)["status"]) == {"finished"}
    assert len(catalogue.modified("08_reporting/sensitivity/heat_maps/*/heat_maps/mobilenet.png")) == 1
    printed = catalogue.kedro("run", "--env", "test", "--pipelines", "sensitivity")
    assert "5 of 5 runs are up to date" in printed
    assert catalogue.modified("07_model_output/sensitivity/*/seed_7/run_record.json") == records


@pytest.mark.slow  # quick: test_notebooks.py
def test_the_notebooks_run_on_what_the_commands_have_made(trained, tmp_path):
    pictures = trained.notebook("01_explore_catalogue.ipynb", tmp_path, KEDRO_ENV="test")
    assert pictures == {"mix-figure", "metrics-figure", "samples-figure"}
    pictures = trained.notebook("02_read_a_run.ipynb", tmp_path, KEDRO_ENV="test")
    assert pictures == {"curves", "confusion", "reliability", "grad-cam"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["01_explore_catalogue.ipynb", "02_read_a_run.ipynb"])
def test_before_there_is_anything_to_see_a_notebook_says_what_to_run(project, tmp_path, name):
    from nbclient.exceptions import CellExecutionError

    empty = Project(project, tmp_path)
    with pytest.raises(CellExecutionError, match=r"The environment demo has no .+ yet\. Run `make demo`"):
        empty.notebook(name, tmp_path)


@pytest.mark.slow  # quick: test_configuration.py
def test_viz_builds_without_a_key_folds_and_shows_no_patient(trained):
    trained.kedro("run", "--env", "test", "--pipelines", "reporting")
    trained.kedro("viz", "build", "--include-previews", KEDRO_ENV="test", LUNG_CXR_KEY="")
    site = trained.folder / "build/api"
    first_picture = json.loads((site / "main").read_text())["modular_pipelines"]["__root__"]["children"]
    boxes = {child["id"] for child in first_picture if child["type"] == "modularPipeline"}
    assert {"ingestion", "splitting", "mobilenet", "reporting"} <= boxes
    assert "task" not in {child["type"] for child in first_picture}
    shown = "".join(path.read_text() for path in site.rglob("*") if path.is_file())
    for table_number_or_figure in ("paper_train", "candidate_pairs_across_subsets", "iVBORw0KGgo"):  # base64 of a PNG
        assert table_number_or_figure in shown
    keys = trained.table("03_primary/image_manifest.parquet")[["image_id", "patient_key", "study_key"]].to_numpy()
    assert [key for key in keys.ravel() if key in shown] == []
