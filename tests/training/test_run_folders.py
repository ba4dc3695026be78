"""What a run is told by the files it finds, without training one: done, begun or new."""

import json
from pathlib import Path

import pytest

from lung_cxr.training.run.identity import IDENTITY_FIELDS, same_plan
from lung_cxr.training.run.record import LONGEST_FAILURE, failure_of

SEED = 7


@pytest.fixture
def plan(experiment):
    return experiment().identity(SEED)


@pytest.fixture
def identity(plan):
    return {**plan, "initial_weights": "mobilenet.h5", "initial_weights_sha256": "3" * 64}


@pytest.fixture
def place(folders, identity):
    """The folders of a finished run."""
    place = folders(SEED)
    place.start(identity)
    for file in (place.model, place.predictions, place.record):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**identity, "status": "finished"}))
    return place


def test_a_finished_run_is_up_to_date_unless_it_shall_be_done_again(place, identity):
    assert place.status(identity, force=False) == "up to date"
    assert place.status(identity, force=True) == "new"


@pytest.mark.parametrize("field", IDENTITY_FIELDS)
def test_every_part_of_the_identity_counts(place, identity, field):
    assert place.status({**identity, field: "another"}, force=False) == "new"


@pytest.mark.parametrize("file", ["model", "predictions"])
def test_a_record_alone_is_no_finished_run(place, identity, file):
    getattr(place, file).unlink()
    assert place.status(identity, force=False) == "new"


def test_without_a_record_it_is_unfinished_if_it_is_this_run(place, identity):
    place.record.unlink()
    assert place.status(identity, force=False) == "unfinished"
    assert place.status({**identity, "seed": 8}, force=False) == "new"


def test_a_new_run_finds_no_checkpoint_of_another(place, identity, tmp_path):
    left = place.checkpoints.folder
    left.mkdir()
    (left / "epoch_00001.npz").touch()
    place.start({**identity, "seed": 8})
    assert not left.exists()
    assert len(list(tmp_path.glob(f"models/superseded/*/seed_{SEED}/checkpoints/epoch_00001.npz"))) == 1


def test_settings_that_change_no_number_are_no_part_of_the_identity(experiment, plan):
    assert (
        experiment(load_time_repeats=3, single_image_predictions=9, seeds=[9, SEED], force=True).identity(SEED) == plan
    )
    assert experiment(learning_rate=5e-4).identity(SEED) != plan


def test_the_weights_are_named_by_file_and_hash_not_by_folder(experiment, backbone):
    made = experiment()
    there = backbone.model_copy(update={"weights": "/somewhere/mobilenet.weights.h5"})
    identity = type(made)(**{**vars(made), "backbone": there}).identity(SEED)
    assert identity["parameters"]["backbone"]["weights"] == "mobilenet.weights.h5"


@pytest.mark.parametrize("field", IDENTITY_FIELDS)
def test_a_plan_knows_all_of_the_identity_but_the_weights(identity, plan, field):
    assert same_plan({**identity, field: "another"}, plan) == field.startswith("initial_weights")


def test_a_process_killed_while_moving_a_run_leaves_no_record_without_a_model(place, identity, monkeypatch):
    rename = Path.rename

    def rename_and_die(self, target):
        rename(self, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", rename_and_die)
    with pytest.raises(KeyboardInterrupt):
        place.supersede()
    assert place.model.exists()
    assert not place.record.exists()
    assert place.status(identity, force=False) == "unfinished"


def test_a_failure_tells_no_folder_and_is_no_page_long():
    failure = failure_of(OSError(2, "No such file or directory", "/home/someone/a folder/weights.h5"))
    assert failure == "FileNotFoundError: [Errno 2] No such file or directory: 'weights.h5'"
    assert len(failure_of(ValueError("x" * 9999))) == LONGEST_FAILURE
