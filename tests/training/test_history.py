import pytest

from lung_cxr.training.run.history import epoch_line

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
    line = epoch_line({**ROW, **changes}, max_epochs=100, patience=3)
    assert line.split() == f"epoch 9/100 m 14 lr 7.3e-4 loss 1.23 val 1.346 acc 0.61 {state}".split()
    assert CONSOLE + len(line) <= 80


def test_a_slow_epoch_says_how_long_the_rest_takes_at_most():
    line = epoch_line({**ROW, "seconds": 120.0}, max_epochs=39, patience=None)
    assert line.endswith("best; 2 min per epoch, at most 60 min left")
