"""The identity of a run: settings that are off are not part of it, so older runs stay up to date."""

import json

import pytest
from merged_parameters import merged

RECORDS = "docs/results/records/public_cxr/mobilenet"


def test_the_settings_of_a_run_of_the_first_version_are_still_its_identity(experiment, project):
    record = json.loads((project / RECORDS / "dynamic/seed_2024/run_record.json").read_text())
    found = experiment("dynamic").identity(2024)["parameters"]
    for group in ("strategy", "training"):
        assert found[group].keys() == record["parameters"][group].keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"augmentation": {"unchanged_share": 0.25}},
        {"ema_decay": 0.9},
        {"weight_decay": 0.1},
        {"learning_rate_schedule": "cosine"},
    ],
)
def test_a_setting_that_is_on_is_part_of_the_identity(experiment, changes):
    found = experiment(**changes).identity(7)["parameters"]["training"]
    assert merged(found, changes) == found
    assert experiment(**changes).identity(7) != experiment().identity(7)


@pytest.mark.parametrize(
    "changes",
    [{"backbone_rate": 0.1}, {"layer_decay": 0.9}, {"warmup_steps": 5}, {"head_start": "logistic_regression"}],
)
def test_a_setting_of_the_strategy_that_is_on_is_part_of_the_identity(experiment, changes):
    assert experiment(strategy_changes=changes).identity(7)["parameters"]["strategy"].items() >= changes.items()


@pytest.mark.parametrize("changes", [{"seeds": [1, 2]}, {"experiment": "tuned"}, {"device_gib": 0}, {"force": True}])
def test_settings_that_change_no_number_are_not_part_of_the_identity(experiment, changes):
    assert experiment(**changes).identity(7) == experiment().identity(7)
