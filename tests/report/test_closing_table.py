from lung_cxr.report.closing_table import MOST_ROWS, as_text

FINISHED = {
    "status": "finished",
    "best_epoch": 12,
    "epochs": 34,
    "best_val_loss": 0.41234,
    "metrics": {"test": {"accuracy": 0.8531, "macro_f1": 0.8409}},
}


def test_each_run_is_a_row_with_its_results():
    reference = {**FINISHED, "best_epoch": None, "best_epoch_reason": "it has no epochs"}
    text = as_text(
        [("mobilenet/dynamic/seed_1", FINISHED), ("a/b/seed_2", reference), ("c/d/seed_3", {"status": "failed"})]
    )
    assert [line.split() for line in text.splitlines()] == [
        ["run", "best", "epoch", "val.", "loss", "test", "acc.", "macro", "F1"],
        ["mobilenet/dynamic/seed_1", "12/34", "0.412", "0.853", "0.841"],
        ["a/b/seed_2", "–", "0.412", "0.853", "0.841"],
        ["c/d/seed_3", "failed", "–", "–", "–"],
    ]
    assert max(map(len, text.splitlines())) <= 80


def test_many_runs_stay_on_a_screen():
    text = as_text([(f"run/{number}", FINISHED) for number in range(MOST_ROWS + 8)])
    assert text.splitlines()[-1] == "… and 8 more runs"
    assert len(text.splitlines()) == MOST_ROWS + 2
