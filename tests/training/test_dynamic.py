"""Algorithm 1 as tables of validation losses: no network anywhere."""

import math

import pytest

from lung_cxr.contracts import HISTORY_EVENTS
from lung_cxr.training.strategies.dynamic import DynamicSchedule

NAN = math.nan


def unfreezing(**changes) -> DynamicSchedule:
    settings = {
        "max_epochs": 100,
        "initial_learning_rate": 1e-3,
        "patience": 2,
        "step": 3,
        "decay": 0.1,
        "layer_groups": 7,
    }
    return DynamicSchedule(**{**settings, **changes})


def decisions(losses, **changes):
    schedule = unfreezing(**changes)
    return [schedule.on_epoch_end(loss) for loss in losses]


def events(losses, **changes):
    return [decision.event for decision in decisions(losses, **changes)]


def test_an_improvement_resets_the_counter_and_is_kept_as_best():
    first, worse, better = decisions([1.0, 1.5, 0.5])
    assert (first.improved, first.patience_counter, first.best_val_loss) == (True, 0, 1.0)
    assert (worse.improved, worse.patience_counter, worse.best_val_loss) == (False, 1, 1.0)
    assert (better.improved, better.patience_counter, better.best_val_loss) == (True, 0, 0.5)


def test_an_equal_loss_is_no_improvement():
    assert not decisions([1.0, 1.0])[1].improved  # line 17: L_val < L_best


def test_a_plateau_unfreezes_restores_the_best_and_lowers_the_learning_rate():
    plateau = decisions([1.0, 1.1, 1.2])[-1]
    assert plateau.event == "unfreeze"
    assert plateau.restore_best_weights
    assert plateau.unfrozen_groups == 3
    assert plateau.learning_rate == pytest.approx(9e-4)
    assert plateau.patience_counter == 2, "the row of the epoch shows the patience that ran out"


def test_after_unfreezing_patience_starts_again_but_the_best_loss_stays():
    after = decisions([1.0, 1.1, 1.2, 1.05])[-1]
    assert (after.improved, after.patience_counter, after.best_val_loss) == (False, 1, 1.0)


def test_nothing_but_an_event_restores_the_best():
    assert [decision.restore_best_weights for decision in decisions([1.0, 1.1, 0.9, 1.0])] == [False] * 4


@pytest.mark.parametrize(
    ("layer_groups", "step", "depths"),
    [
        (7, 3, [3, 6, 7]),  # L is not a multiple of k: the last step is smaller (Eq. 8)
        (6, 3, [3, 6]),
        (14, 3, [3, 6, 9, 12, 14]),  # MobileNet with the paper's k
        (2, 5, [2]),  # k larger than L
        (3, 1, [1, 2, 3]),
    ],
)
def test_the_depth_grows_by_k_up_to_all_groups(layer_groups, step, depths):
    made = decisions([1.0] + [2.0] * (2 * len(depths)), layer_groups=layer_groups, step=step)
    assert [d.unfrozen_groups for d in made if d.event == "unfreeze"] == depths


@pytest.mark.parametrize("unfreezings", range(4))
def test_the_learning_rate_after_r_unfreezings(unfreezings):
    schedule = unfreezing(decay=0.3, step=1)
    for loss in [1.0] + [2.0] * (2 * unfreezings):
        last = schedule.on_epoch_end(loss)
    assert last.learning_rate == pytest.approx(1e-3 * (1 - 0.3) ** unfreezings, rel=1e-15)  # Eq. 12
    assert schedule.stage == unfreezings


def test_a_plateau_with_everything_unfrozen_ends_the_run():
    found = events([1.0] + [2.0] * 4, layer_groups=3)
    assert found == ["", "", "unfreeze", "", "stop:plateau"]


def test_to_the_letter_of_algorithm_1_it_goes_on_to_n():
    found = events([1.0] + [2.0] * 9, layer_groups=3, at_full_depth="continue", max_epochs=10)
    assert found == ["", "", "unfreeze", *[""] * 6, "stop:budget"]


def test_improvement_at_full_depth_keeps_the_run_going():
    found = events([1.0, 2.0, 2.0, 0.9, 2.0, 0.8, 2.0, 2.0], layer_groups=3)
    assert found == ["", "", "unfreeze", "", "", "", "", "stop:plateau"]


@pytest.mark.parametrize(
    ("losses", "changes", "expected"),
    [
        ([2.0, 1.0], {"max_epochs": 2}, "stop:budget"),  # in the middle of improving
        ([1.0, 2.0], {"max_epochs": 2}, "stop:budget"),  # while waiting
        ([1.0, 2.0, 2.0], {"max_epochs": 3}, "stop:budget"),  # before unfreezing
        ([1.0] + [2.0] * 4, {"max_epochs": 5, "layer_groups": 3}, "stop:plateau"),  # after a final plateau
        ([1.0, NAN, NAN, NAN], {"max_epochs": 4}, "stop:nan"),  # after a lost network
        ([1.0] + [NAN] * 3, {"max_epochs": 4, "layer_groups": 3, "patience": 3}, "stop:nan"),
        ([NAN] * 3, {"patience": 3, "layer_groups": 0}, "stop:nan"),  # before a final plateau
        ([NAN, NAN], {"max_epochs": 2}, "stop:budget"),  # before a NaN could end it
    ],
)
def test_the_first_event_that_applies_wins(losses, changes, expected):
    found = events(losses, **changes)
    assert found[-1] == expected
    assert not any(event.startswith("stop") for event in found[:-1])


def test_the_budget_counts_over_all_stages():
    assert len(events([1.0, 2.0, 2.0, 2.0], max_epochs=4)) == 4
    assert events([1.0, 2.0, 2.0, 2.0], max_epochs=4)[-1] == "stop:budget"


@pytest.mark.parametrize("lost", [NAN, math.inf])
def test_a_loss_that_is_not_finite_is_no_improvement(lost):
    first, second = decisions([lost, 1.0])
    assert (first.improved, first.best_val_loss, first.patience_counter) == (False, math.inf, 1)
    assert second.improved


def test_a_finite_loss_breaks_a_series_of_nan():
    assert "stop:nan" not in events([1.0, NAN, NAN, 1.5, NAN, NAN, 1.5])


def test_nan_counts_on_across_an_unfreezing():
    assert events([1.0, NAN, NAN, NAN], patience=2) == ["", "", "unfreeze", "stop:nan"]


def test_when_nothing_ever_improves_every_stage_starts_from_the_initial_weights():
    schedule = unfreezing(patience=1, step=4, decay=0.5)
    made = [schedule.on_epoch_end(math.inf if epoch % 2 else NAN) for epoch in range(2)]
    assert [(d.event, d.restore_best_weights, d.improved) for d in made] == [("unfreeze", True, False)] * 2
    assert schedule.best_val_loss == math.inf


def test_a_stopped_run_has_no_next_epoch():
    schedule = unfreezing(max_epochs=1)
    schedule.on_epoch_end(1.0)
    assert schedule.stop_reason == "budget"
    with pytest.raises(RuntimeError, match="stopped after epoch 1"):
        schedule.on_epoch_end(0.5)


def test_from_a_saved_state_the_decisions_go_on_as_if_nothing_had_happened():
    losses = [1.0, 1.1, 1.2, NAN, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    undisturbed = decisions(losses, at_full_depth="continue")
    for cut in range(len(losses)):
        before, after = unfreezing(at_full_depth="continue"), unfreezing(at_full_depth="continue")
        made = [before.on_epoch_end(loss) for loss in losses[:cut]]
        after.restore(before.state())
        assert made + [after.on_epoch_end(loss) for loss in losses[cut:]] == undisturbed


def test_the_state_of_another_kind_of_schedule_is_refused():
    with pytest.raises(ValueError, match="DynamicSchedule"):
        unfreezing().restore({"epoch": 3})


def test_all_events_of_the_contract_but_that_of_crt_occur():
    seen = set(events([1.0] + [2.0] * 8)) | set(events([NAN] * 3)) | set(events([1.0], max_epochs=1))
    assert seen == set(HISTORY_EVENTS) - {"retrain_head"}
