"""What people read beside a model: only what the record holds, the warnings first."""

import json
import re

import pytest

from lung_cxr.training.run.model_card import model_card

RECORDS = "docs/results/records/public_cxr/mobilenet"


@pytest.fixture(scope="module")
def record(project):
    """A real run's record, of before there were cards."""
    return json.loads((project / RECORDS / "dynamic/seed_2024/run_record.json").read_text())


def cells(card, first):
    line = next(line for line in card.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def numbers_of(value):
    """Every number of a record as a card writes it."""
    if isinstance(value, dict):
        return {text for item in value.values() for text in numbers_of(item)}
    return {f"{value:.4g}"} if isinstance(value, float) else {str(value)}


def test_every_measured_number_is_the_records(record):
    card, known = model_card(record, ""), numbers_of(record)
    results = card[card.index("## Results") : card.index("Limitations of these")]
    found = re.findall(r"(?<=\| )\d[\d.e+-]*(?= \|)", results)
    assert len(found) == 2 * 5 + 7 * 5 - 1
    assert set(found) <= known
    assert cells(card, "accuracy") == ["0.5917", "0.6303"]
    assert cells(card, "Pneumothorax") == ["33", "not recorded", "not recorded", "0.1429", "4.147", "0.2085"]


def test_what_is_undefined_or_was_not_recorded_says_so_in_its_place(record):
    card = model_card(record, "")
    assert "| Pulmonary Edema | Pulmonary Edema was never predicted | 0 | 0 | 0.8898 | 0.07143 |" in card
    assert "| `model.keras` | SHA-256 `not recorded`, 13.27 MB |" in card


def test_what_an_image_costs_is_in_the_card_or_said_to_be_missing(record):
    assert cells(model_card(record, ""), "Further images, 95th percentile") == ["not recorded"]
    assert cells(model_card(record, ""), "First image") == [f"{record['first_prediction_s']:.4g} s"]
    card = model_card({**record, "single_image_p50_ms": 48.21, "single_image_p95_ms": 61.7}, "")
    assert cells(card, "Further images, median") == ["48.21 ms"]
    unmeasured = {"single_image_p95_ms": None, "single_image_p95_ms_reason": "not measured: load_time_repeats is 0"}
    assert cells(model_card({**record, **unmeasured}, ""), "Further images, 95th percentile") == [
        "not measured: load_time_repeats is 0"
    ]


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"synthetic": True, "initial_weights": "random"}, "> **Synthetic images.**"),
        ({"synthetic": False, "initial_weights": "random"}, "> **Random initial weights.**"),
        ({"synthetic": False, "warnings": ["no download"]}, "> no download"),
        ({"synthetic": False}, "> **Not a medical device.**"),
        ({}, "> The run record does not say"),
    ],
)
def test_what_takes_the_meaning_from_the_numbers_stands_first(record, changes, first):
    title, empty, line, *_ = model_card({**record, **changes}, "").splitlines()
    assert (title, empty) == ("# mobilenet, dynamic, seed 2024", "")
    assert line.startswith(first)


def test_the_command_names_the_runs_folder(record):
    assert "predict.run=mobilenet/dynamic/seed_2024\n" in model_card(record, "")
    assert "predict.run=other/mobilenet/dynamic/seed_2024\n" in model_card(record, "other/")
    swept = {**record, "sensitivity": {"id": "mobilenet-p3"}}
    assert "predict.run=sensitivity/mobilenet-p3/seed_2024\n" in model_card(swept, "")


def test_input_hashes_and_settings_are_there(record):
    card = model_card(record, "")
    for text in (
        "uint8 (n, 128, 128, 1)",
        record["split_sha256"],
        record["git_commit"],
        "| `strategy.patience` | `5` |",
    ):
        assert text in card
