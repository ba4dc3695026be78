"""Progress lines: a range from the fastest and the slowest part of the work so far."""

import io
import logging
import re

import pytest
import rich
from rich.console import Console

from lung_cxr import progress
from lung_cxr.progress import Pace, follow, range_in_words


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_follows_from_the_fastest_and_the_slowest_part(clock):
    pace = Pace(total=300)
    for seconds_per_item, items in ((1.0, 40), (0.5, 160)):  # four parts of 30 s: 1/s, then 1.67/s, then 2/s
        for _ in range(items):
            clock[0] += seconds_per_item
            pace.advance()
    assert pace.time_left() == pytest.approx((100 / 2, 100 / 1))
    assert pace.in_words() == "200 of 300 (1.7/s), 50 s to 2 min left"


def test_without_an_item_for_a_part_of_the_time_there_is_no_upper_limit(clock):
    pace = Pace(total=10)
    clock[0] += 2
    pace.advance()
    clock[0] += 38
    assert pace.in_words() == "1 of 10 (0.025/s), at least 90 s left"


def test_outside_a_terminal_a_line_comes_every_half_minute(clock, caplog):
    def slow():
        for item in range(100):
            clock[0] += 1
            yield item

    with caplog.at_level(logging.INFO, "lung_cxr"):
        assert list(follow(slow(), "Reading images", 100)) == list(range(100))
    assert caplog.messages == [
        "Reading images: 31 of 100 (1/s), about 69 s left",
        "Reading images: 62 of 100 (1/s), about 38 s left",
        "Reading images: 93 of 100 (1/s), about 7 s left",
    ]


def test_pieces_of_several_items_are_counted_in_items(clock, caplog):
    def slow():
        for begin in range(0, 80, 32):
            clock[0] += 31
            yield begin

    with caplog.at_level(logging.INFO, "lung_cxr"):
        assert list(follow(slow(), "Frozen layers", 80, of_each=32)) == [0, 32, 64]
    assert [line.split(" (")[0] for line in caplog.messages] == ["Frozen layers: 32 of 80", "Frozen layers: 64 of 80"]


@pytest.mark.parametrize(
    ("shortest", "longest", "words"),
    [
        (720, 2400, "12 to 40 min"),
        (95, 180, "95 s to 3 min"),
        (9000, 9001, "about 2.5 h"),
        (60, float("inf"), "at least 60 s"),
    ],
)
def test_a_range_names_a_shared_unit_once(shortest, longest, words):
    assert range_in_words(shortest, longest) == words


def test_a_terminal_shows_a_bar_with_the_time_it_took(monkeypatch, caplog):
    console = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=120)
    monkeypatch.setattr(rich, "get_console", lambda: console)
    with caplog.at_level(logging.INFO, "lung_cxr"):
        assert list(follow("ab", "Reading images", 3, of_each=2)) == ["a", "b"]
    assert re.search(r"Reading images .* 3/3 in \d+ s", console.file.getvalue())
    assert not caplog.messages
