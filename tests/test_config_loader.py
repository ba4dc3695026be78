"""Parameters as a command gets them: experiments on any environment, no unknown names, no values of another type."""

import shutil

import pytest
import yaml

from lung_cxr import settings
from lung_cxr.config_loader import ExperimentConfigLoader
from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import AugmentationParameters, SplittingParameters, TrainingParameters
from lung_cxr.training.strategies.registry import StrategyParameters


@pytest.fixture
def conf(project, tmp_path):
    shutil.copytree(project / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("credentials*"))
    return tmp_path / "conf"


@pytest.fixture
def load(conf):
    """Load the configuration of an environment with `--params`."""

    def do(environment="test", key="parameters", **given):
        return ExperimentConfigLoader(str(conf), environment, given, **settings.CONFIG_LOADER_ARGS)[key]

    return do


@pytest.mark.parametrize("environment", ["base", "demo", "test"])
def test_an_experiment_changes_parameters_and_folders_in_any_environment(load, environment):
    plain, tuned = load(environment), load(environment, experiment="tuned")
    assert tuned["training"].pop("experiment") == "tuned"
    assert plain["training"].pop("experiment") == ""
    assert (tuned["training"]["loss_weights"], tuned["training"]["sampling"]) == ("none", "natural")
    assert tuned["training"]["augmentation"].pop("classes") == list(DISEASES)
    plain["training"]["augmentation"].pop("classes")
    same = {"loss_weights": 0, "sampling": 0}
    assert tuned["training"] | same == plain["training"] | same
    entries = {
        name: [load(environment, "catalog", **given)[name]["filepath"] for given in ({}, {"experiment": "tuned"})]
        for name in ("{backbone}-{strategy}-runs", "report", "split")
    }
    for name in ("{backbone}-{strategy}-runs", "report"):
        plain_path, tuned_path = entries[name]
        assert "tuned/" in tuned_path
        assert tuned_path.replace("tuned/", "") == plain_path
    assert len(set(entries["split"])) == 1


def test_a_parameter_of_the_command_wins_over_the_experiment(load):
    values = load(experiment="tuned", training={"loss_weights": "inverse_frequency", "dropout": 0.5})["training"]
    assert (values["loss_weights"], values["dropout"], values["experiment"]) == ("inverse_frequency", 0.5, "tuned")


def test_an_unknown_experiment_is_refused_with_the_known_ones(load):
    with pytest.raises(ValueError, match="'tund'; expected one of tuned"):
        load(experiment="tund")


def test_the_folder_alone_cannot_be_changed(load):
    with pytest.raises(ValueError, match="--params experiment=other"):
        load(training={"experiment": "other"})


@pytest.mark.parametrize(
    ("given", "unknown", "nearest"),
    [
        ({"trainng": {"max_epochs": 1}}, "trainng", "training"),
        ({"strategies": {"dynamc": {"patience": 3}}}, "strategies.dynamc", "strategies.dynamic"),
        ({"strategies": {"dynamic": {"patince": 3}}}, "strategies.dynamic.patince", "strategies.dynamic.patience"),
        ({"training": {"augmentation": {"bnk": 3}}}, "training.augmentation.bnk", "training.augmentation.bank"),
    ],
)
@pytest.mark.parametrize("place", ["command", "file", "experiment"])
def test_an_unknown_parameter_is_refused_with_the_nearest_known_one(load, conf, given, unknown, nearest, place):
    command = {}
    if place == "command":
        command = given
    elif place == "file":
        (conf / "test/parameters_zz.yml").write_text(yaml.safe_dump(given))
    else:
        (conf / "experiments/mine.yml").write_text(yaml.safe_dump(given))
        command = {"experiment": "mine"}
    with pytest.raises(ValueError, match=rf"{unknown} \(did you mean {nearest}\?\)"):
        load(**command)


def test_groups_without_fixed_names_may_hold_any(load):
    values = load(backbones={"mobilenet": {"options": {"alpha": 0.5, "depth_multiplier": 1}}})
    assert values["backbones"]["mobilenet"]["options"] == {"alpha": 0.5, "depth_multiplier": 1}


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("training", "max_epochs", True),
        ("training", "max_epochs", "3"),
        ("training", "batch_size", 8.0),
        ("training", "learning_rate", "0.1"),
        ("training", "dropout", False),
        ("training", "force", 1),
        ("dynamic", "patience", True),
        ("dynamic", "decay", "0.1"),
        ("augmentation", "rotation", True),
        ("augmentation", "brightness", [True, 1.2]),
        ("augmentation", "contrast", ["0.9", 1.1]),
    ],
)
def test_a_value_of_another_type_is_refused(load, group, name, value):
    values = load()
    models = {
        "training": (TrainingParameters, values["training"]),
        "augmentation": (AugmentationParameters, values["training"]["augmentation"]),
        "dynamic": (StrategyParameters, values["strategies"]["dynamic"]),
    }
    model, valid = models[group]
    model.model_validate(valid)
    with pytest.raises(ValueError, match=name):
        model.model_validate({**valid, name: value})


def test_integers_are_numbers_and_lists_are_pairs(load):
    augmentation = load()["training"]["augmentation"]
    valid = AugmentationParameters.model_validate({**augmentation, "rotation": 5, "brightness": [1, 2]})
    assert (valid.rotation, valid.brightness) == (5.0, (1.0, 2.0))
    SplittingParameters.model_validate(load()["splitting"])
