"""CLAIM 2024: no item is called answered where the page has nothing."""

import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from blank_pictures import draw_no_pictures
from lung_cxr.experiments import Run
from lung_cxr.report.page import render_report
from lung_cxr.report.tables.claim import ANSWERS, SECTIONS, claim_items, claim_sentence, claim_table
from made_up_external import made_up_external
from made_up_runs import made_up_grid, made_up_sources, made_up_split

DYNAMIC = Run("mobilenet", "dynamic")
ITEMS = 44  # of the 2024 update; that of 2020 has 42


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    draw_no_pictures(monkeypatch)


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


@pytest.fixture(scope="module")
def states(split):
    """The page's sources without a run, with one, and with an external test set."""
    with_one = made_up_grid(split, [DYNAMIC])
    return {
        "none": made_up_sources(made_up_grid(split, []), split),
        "one": made_up_sources(with_one, split),
        "external": made_up_sources(with_one, split, external=made_up_external()),
    }


def answers(sources):
    return {one.number: one for one in claim_items(sources.evaluations)}


@pytest.mark.parametrize("state", ["none", "one", "external"])
def test_every_item_is_there_once_and_what_is_answered_leads_to_its_place(states, state):
    items = claim_items(states[state].evaluations)
    assert [one.number for one in items] == list(range(1, ITEMS + 1))
    html = render_report(states[state], "A report", datetime(2026, 1, 2, tzinfo=UTC))
    ids = set(re.findall(r'id="([^"]+)"', html))
    for one in items:
        assert one.answer in ANSWERS
        assert bool(one.anchor) == (one.answer in ("report", "partly")), one
        assert not one.anchor or one.anchor in ids & SECTIONS.keys(), one
    assert html.count('<section id="claim">') == html.count('href="#claim"') == 1


def test_without_a_run_nothing_that_needs_one_is_answered(states):
    none, one = answers(states["none"]), answers(states["one"])
    for number in (23, 25, 28, 29, 37, 38, 39):
        assert (none[number].answer, none[number].words) == ("no", "No run has finished.")
        assert one[number].answer == "report"
    assert none[20].answer == "report", "patients are divided before anything is trained"


def test_external_testing_is_answered_only_where_there_is_an_external_test_set(states):
    assert answers(states["one"])[33].words == "No external test set was given."
    assert answers(states["external"])[33].answer == "report"


def test_what_only_people_know_is_left_to_them(states):
    by_hospital = {number for number, one in answers(states["external"]).items() if one.answer == "hospital"}
    assert by_hospital >= {3, 5, 13, 15, 16, 17, 18, 34, 41, 44}


def test_the_sentence_counts_what_the_table_says(states):
    evaluations = states["one"].evaluations
    shown = Counter(row[1].text for row in claim_table(evaluations).rows)
    counted = [int(number) for number in re.findall(r"\d+", claim_sentence(evaluations))]
    assert counted == [ITEMS, *(shown[ANSWERS[answer]] for answer in ("report", "partly", "hospital", "no"))]


def test_a_place_is_called_as_its_heading_is(states):
    html = render_report(states["external"], "A report", datetime(2026, 1, 2, tzinfo=UTC))
    for anchor, title in SECTIONS.items():
        heading = re.search(rf'id="{anchor}"[^>]*>\s*(?:<h2>)?([^<]*)', html)[1]
        if anchor != "comparison":  # it has no heading
            assert heading.strip() == title, anchor
