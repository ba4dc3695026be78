"""Which runs share epochs, and when they diverge, as tables of validation losses; no network is trained."""

import math
from copy import copy

import pytest

from lung_cxr.training.strategies.dynamic import DynamicSchedule
from lung_cxr.training.sweep.shared_prefix import SharedPrefix, Unfinished, common_epochs, next_group

PLATEAU = [1.0, 1.1, 1.2, 1.3]  # the first is the best


def schedule(**changes) -> DynamicSchedule:
    settings = {"patience": 2, "step": 3, "decay": 0.1, "max_epochs": 100, "layer_groups": 7}
    return DynamicSchedule(**{"initial_learning_rate": 1e-3, **settings, **changes})


def divergences(losses, trunk, **branches):
    """Return epoch, names and event of each divergence, and the branches that never diverge."""
    trunk, together, found = copy(trunk), SharedPrefix(branches), []
    for epoch, loss in enumerate(losses, 1):
        for divergence in together.on_epoch_end(loss, trunk.on_epoch_end(loss)):
            found.append((epoch, list(divergence.schedules), divergence.decision.event))
    diverged = {name for _, names, _ in found for name in names}
    return found, [name for name in branches if name not in diverged]


def test_a_more_patient_run_diverges_when_the_trunk_unfreezes():
    found, left = divergences(PLATEAU, schedule(patience=2), patient=schedule(patience=3), same=schedule(patience=2))
    assert found == [(3, ["patient"], "")]
    assert left == ["same"]


def test_runs_with_the_same_decision_diverge_together():
    found, _ = divergences(
        PLATEAU, schedule(patience=3),
        a=schedule(step=1), b=schedule(step=5, decay=0.5), c=schedule(step=1), d=schedule(step=5, decay=0.3),
    )  # fmt: skip
    assert found == [(3, ["a", "c"], "unfreeze"), (3, ["b"], "unfreeze"), (3, ["d"], "unfreeze")]


def test_a_diverging_schedule_has_observed_the_last_shared_loss():
    together = SharedPrefix({"impatient": schedule(patience=1)})
    trunk = schedule(patience=3)
    together.on_epoch_end(1.0, trunk.on_epoch_end(1.0))
    (divergence,) = together.on_epoch_end(1.1, trunk.on_epoch_end(1.1))
    after = schedule(patience=1, epoch=2, stage=1, unfrozen_groups=3, best_val_loss=1.0)
    assert divergence.schedules["impatient"] == after
    assert divergence.decision.restore_best_weights


def test_steps_beyond_the_last_group_are_the_same_step():
    found, left = divergences(PLATEAU, schedule(step=7), deeper=schedule(step=9), shallower=schedule(step=6))
    assert (found, left) == ([(3, ["shallower"], "unfreeze")], ["deeper"])


def test_a_smaller_budget_diverges_at_its_last_epoch():
    found, left = divergences([4.0, 3.0, 2.0, 1.0], schedule(max_epochs=4), short=schedule(max_epochs=2))
    assert (found, left) == ([(2, ["short"], "stop:budget")], [])


def test_runs_that_stop_together_never_diverge():
    found, left = divergences([math.nan] * 3, schedule(patience=9), other=schedule(patience=5, step=1, decay=0.7))
    assert (found, left) == ([], ["other"]), "three lost losses end every run"


@pytest.mark.parametrize(
    ("other", "epochs"),
    [
        (schedule(patience=2), None),
        (schedule(patience=3), 3),  # the third epoch is shared; what its end decides is not
        (schedule(patience=1), 2),
        (schedule(decay=0.5), 3),  # no difference before the first unfreezing
        (schedule(unfrozen_groups=2), 0),  # other layers from the start
    ],
)
def test_epochs_in_common(other, epochs):
    before = other.state()
    assert common_epochs(schedule(patience=2), other, PLATEAU) == epochs
    assert other.state() == before


def test_all_begin_together_where_none_has_begun():
    group = next_group({name: Unfinished(schedule(patience=p)) for name, p in (("a", 2), ("b", 3), ("c", 4))})
    assert (group.trunk, list(group.branches)) == ("a", ["b", "c"])
    assert all(branch.epoch == 0 for branch in group.branches.values())


def test_a_run_that_opens_other_layers_from_the_start_waits_for_its_turn():
    group = next_group({"a": Unfinished(schedule()), "b": Unfinished(schedule(unfrozen_groups=2))})
    assert (group.trunk, group.branches) == ("a", {})


def test_the_run_with_the_most_epochs_is_the_trunk_and_runs_with_its_decisions_are_branches():
    def run(patience, losses=(), began_with="abcd", **changes):
        return Unfinished(schedule(patience=patience, **changes), losses, list(began_with))

    group = next_group(
        {
            "a": run(3, PLATEAU[:2]),
            "b": run(2, PLATEAU[:3]),
            "c": run(2, max_epochs=50),
            "d": run(3),  # does not unfreeze on the third loss
            "e": run(2, began_with="e"),  # a later idea: it trains by itself
        }
    )
    assert (group.trunk, list(group.branches)) == ("b", ["c"])
    assert (group.branches["c"].epoch, group.branches["c"].stage) == (3, 1)
