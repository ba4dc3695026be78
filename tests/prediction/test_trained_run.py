import json

import pytest

from lung_cxr.models.saved_model import sha256_of_file
from lung_cxr.prediction.trained_run import NoSuchRunError, find_run, finished_runs


@pytest.fixture
def place(tmp_path):
    """Write a run's model and record; return the two folders."""

    def make(run: str, status: str = "finished", model: bool = True):
        for layer in ("06_models", "07_model_output"):
            (tmp_path / layer / run).mkdir(parents=True)
        if model:
            (tmp_path / "06_models" / run / "model.keras").write_bytes(run.encode())
        (tmp_path / "07_model_output" / run / "run_record.json").write_text(json.dumps({"status": status}))

    make.folders = tmp_path / "06_models", tmp_path / "07_model_output"
    return make


def test_finished_runs_are_those_with_a_model_sweeps_too_but_no_superseded_ones(place):
    place("vgg16/dynamic/seed_7")
    place("mobilenet/two_stage/seed_8")
    place("sensitivity/k_1/seed_7")
    place("mobilenet/dynamic/seed_7", status="failed")
    place("resnet50/dynamic/seed_7", model=False)
    place("mobilenet/dynamic/superseded/2026-01-01T00.00.00.000000Z/seed_7")
    place("xception/dynamic/seed_7")
    (place.folders[1] / "xception/dynamic/seed_7/run_record.json").write_text('{"status": "fin')
    expected = ["mobilenet/two_stage/seed_8", "sensitivity/k_1/seed_7", "vgg16/dynamic/seed_7"]
    assert finished_runs(*place.folders) == expected


def test_a_run_is_found_by_its_folder_also_with_a_slash_too_many(place):
    place("vgg16/dynamic/seed_7")
    run = find_run("vgg16/dynamic/seed_7/", *place.folders)
    assert run.run == "vgg16/dynamic/seed_7"
    assert run.model_sha256 == sha256_of_file(run.model)


def test_a_run_that_saw_a_patient_who_withdrew_warns(place, caplog):
    place("vgg16/dynamic/seed_7")
    (place.folders[1] / "vgg16/dynamic/seed_7/withdrawal.json").write_text("{}")
    find_run("vgg16/dynamic/seed_7", *place.folders)
    assert "withdrawn" in caplog.text


@pytest.mark.parametrize("named", ["vgg16/dynamic/seed_7", "tuned/vgg16/dynamic/seed_7"])
def test_an_experiment_predicts_with_its_own_run(place, named):
    place("vgg16/dynamic/seed_7")
    place("tuned/vgg16/dynamic/seed_7")
    assert find_run(named, *place.folders, experiment="tuned").run == "tuned/vgg16/dynamic/seed_7"
    assert find_run(named, *place.folders).run == named


def test_an_experiment_without_this_run_does_not_predict_with_another(place):
    place("vgg16/dynamic/seed_7")
    place("tuned/mobilenet/dynamic/seed_7")
    with pytest.raises(NoSuchRunError, match=r"expected one of tuned/mobilenet/dynamic/seed_7\."):
        find_run("vgg16/dynamic/seed_7", *place.folders, experiment="tuned")


@pytest.mark.parametrize("run", [None, "", "vgg16", "../06_models/vgg16/dynamic/seed_7"])
def test_anything_else_is_refused_with_the_runs_that_are_there(place, run):
    place("vgg16/dynamic/seed_7")
    with pytest.raises(NoSuchRunError, match=r"expected one of vgg16/dynamic/seed_7\."):
        find_run(run, *place.folders)
