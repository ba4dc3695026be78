"""Traditional fine-tuning with `depth: search`: candidates under equal conditions, the best on validation chosen."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr.models.freezing import open_groups
from lung_cxr.training import depth_search, loop, runs
from lung_cxr.training.depth_search import search_depth
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.run.history import read_history
from lung_cxr.training.runs import train_seeds
from lung_cxr.training.strategies.registry import strategy_of

SEED = 7
LAYERS = {1: 3, 2: 7, 3: 10}  # Keras layers in the deepest groups of the tiny network
SETTINGS = {"max_epochs": 2, "learning_rate": 1e-2}


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch, tiny_classifier):
    monkeypatch.setattr(runs, "build_classifier", tiny_classifier)


@pytest.fixture
def search(experiment, folders):
    """Do or go on with the search; return its record."""

    def do(*depths):
        changes = {"depth": "search", "search_depths": list(depths)}
        (record,) = train_seeds(experiment("traditional", changes, **SETTINGS), folders)
        return record

    return do


@pytest.fixture
def planned_losses(monkeypatch):
    """Replace the validation losses by a plan: layer groups that train → losses of its epochs."""

    def plan(losses):
        validate = loop.FineTuning.validate
        monkeypatch.setattr(
            loop.FineTuning,
            "validate",
            lambda self: validate(self)._replace(loss=losses[open_groups(self.classifier)][self.schedule.epoch]),
        )

    return plan


def history_of(folders):
    return read_history(folders(SEED).history).drop(columns="seconds")


def weights_of(folders):
    return keras.saving.load_model(folders(SEED).model).get_weights()


def test_the_candidate_with_the_lowest_validation_loss_is_the_run(search, experiment, folders, planned_losses):
    planned_losses({1: [2.0, 1.0], 3: [0.9, 1.5]})
    record = search(3, 1)
    assert (record["status"], record["top_layers"]) == ("finished", LAYERS[3])
    assert (record["final_unfrozen_groups"], record["best_epoch"], record["epochs"]) == (3, 1, 2)
    tried = record["searched_depths"]
    assert {depth: facts["top_layers"] for depth, facts in tried.items()} == {"1": 3, "3": 10}
    assert {depth: facts["best_val_loss"] for depth, facts in tried.items()} == {"1": 1.0, "3": 0.9}
    assert all((facts["epochs"], facts["stop_reason"]) == (2, "budget") for facts in tried.values())
    assert record["search_epochs"] == 4, "those of all candidates count"
    assert record["search_seconds"] == pytest.approx(sum(facts["seconds"] for facts in tried.values()))
    found, weights = history_of(folders), weights_of(folders)

    alone = experiment("traditional", **SETTINGS)
    deepest = alone.backbone.model_copy(update={"top_layers": LAYERS[3]})
    (of_table3,) = train_seeds(type(alone)(**{**vars(alone), "backbone": deepest}), folders)
    assert "searched_depths" not in of_table3
    pd.testing.assert_frame_equal(found, history_of(folders), rtol=1e-6)
    for one, other in zip(weights, weights_of(folders), strict=True):
        assert np.allclose(one, other, rtol=1e-5, atol=1e-7), "as if nothing had been tried before"


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_candidate_it_was_at(search, folders, monkeypatch, planned_losses):
    planned_losses({1: [2.0, 1.0], 2: [1.5, 1.5], 3: [1.2, 1.1]})
    save, saved = loop.CheckpointFolder.save, []

    def save_or_be_killed(self, checkpoint):
        if len(saved) == 3:
            raise SystemExit
        saved.append(checkpoint.epoch)
        save(self, checkpoint)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):  # noqa: PT012  what patches is no suspect
        patch.setattr(loop.CheckpointFolder, "save", save_or_be_killed)
        search(1, 2, 3)
    trained, train = [], loop.FineTuning.train_epoch
    monkeypatch.setattr(
        loop.FineTuning,
        "train_epoch",
        lambda self: trained.append((open_groups(self.classifier), self.schedule.epoch + 1)) or train(self),
    )
    record = search(1, 2, 3)
    assert trained == [(2, 2), (3, 1), (3, 2)]
    assert (record["top_layers"], record["search_epochs"]) == (LAYERS[1], 6)
    assert history_of(folders)["val_loss"].tolist() == [2.0, 1.0]
    assert not folders(SEED).checkpoints.folder.exists()


@pytest.fixture
def chosen(tiny_classifier, strategy_parameters, backbone, tmp_path):
    """Search over planned outcomes, best validation loss by layers; return what the record would say."""

    def search(losses, depths):
        def fine_tune(strategy, checkpoints):
            loss = losses[strategy.top_layers]
            row = {"epoch": 1, "stage": 0, "val_loss": loss, "train_loss": 1.0, "unfrozen_groups": 0, "seconds": 2.0}
            return SimpleNamespace(
                schedule=SimpleNamespace(stop_reason="budget", selecting_stage=0), history=[row | {"event": ""}]
            )

        parameters = strategy_parameters("traditional", depth="search", search_depths=depths).root
        strategy = strategy_of(parameters, backbone)
        return search_depth(strategy, tiny_classifier(), fine_tune, CheckpointFolder(tmp_path)).facts

    return search


@pytest.mark.parametrize(
    ("losses", "n"),
    [
        ({3: 1.0, 7: 0.8, 10: 0.9}, 7),
        ({3: 0.8, 7: 0.8, 10: 0.8}, 3),  # equal: the shallowest
        ({3: math.nan, 7: 1.0, 10: 1.0}, 7),  # a lost network
        ({3: math.nan, 7: math.nan, 10: math.nan}, 3),
    ],
)
def test_the_lowest_loss_wins(chosen, losses, n):
    facts = chosen(losses, [3, 1, 2])
    assert (facts["top_layers"], facts["search_epochs"], facts["search_seconds"]) == (n, 3, 6.0)
    assert list(facts["searched_depths"]) == ["1", "2", "3"]


def test_a_candidate_deeper_than_the_network_is_refused(chosen):
    with pytest.raises(ValueError, match="a candidate of 4 layer groups, this backbone has 3"):
        chosen({}, [1, 4])


def test_the_candidates_of_the_paper_study_fit_every_backbone(project):
    import yaml

    from lung_cxr.models.backbones import BACKBONES

    depths = yaml.safe_load((project / "conf/base/parameters_training.yml").read_text())["strategies"]["traditional"]
    assert max(depths["search_depths"]) <= min(len(row.group_ends) for row in BACKBONES.values())


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_n_counts_the_layers_of_the_deepest_groups(tiny_classifier, depth):
    assert depth_search.top_layers_of(tiny_classifier(), depth) == {0: 0, **LAYERS}[depth]
