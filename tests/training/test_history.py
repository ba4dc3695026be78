import pytest

from lung_cxr.training.run.history import epoch_line, fewest_epochs_left
from lung_cxr.training.strategies.dynamic import DynamicSchedule

CONSOLE = len("12:01:33 INFO ")  # conf/logging.yml puts this in front
ROW = {
    "epoch": 9,
    "unfrozen_groups": 14,
    "learning_rate": 7.29e-4,
    "train_loss": 1.2346,
    "val_loss": 1.3456,
    "val_accuracy": 0.614,
    "patience_counter": 0,
    "seconds": 1.0,
    "event": "",
}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "best"),
        ({"patience_counter": 2}, "p 2/3"),
        ({"patience_counter": 3, "event": "unfreeze"}, "unfreeze"),
        ({"event": "stop:plateau"}, "plateau"),
    ],
)
def test_an_epoch_is_one_line_of_80_columns(changes, state):
    line = epoch_line({**ROW, **changes}, max_epochs=100, patience=3, fewest_left=2)
    assert line.split() == f"epoch 9/100 m 14 lr 7.3e-4 loss 1.23 val 1.346 acc 0.61 {state}".split()
    assert CONSOLE + len(line) <= 80


def test_a_slow_epoch_shows_the_time_left_as_a_range():
    line = epoch_line({**ROW, "seconds": 120.0}, max_epochs=39, patience=None, fewest_left=4)
    assert line.endswith("best; 2 min per epoch, 8 to 60 min left")


def test_without_improvement_a_dynamic_schedule_unfreezes_until_all_groups_train_and_stops():
    schedule = DynamicSchedule(
        max_epochs=100, initial_learning_rate=1e-3, unfrozen_groups=1, patience=5, step=3, decay=0.1, layer_groups=7
    )
    schedule.on_epoch_end(1.0)
    assert fewest_epochs_left(schedule) == 3 * 5
    schedule.on_epoch_end(2.0)
    assert fewest_epochs_left(schedule) == 3 * 5 - 1
    assert schedule.epoch == 2
