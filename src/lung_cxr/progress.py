"""Progress of long work: a bar in a terminal, elsewhere a log line every half minute; both show the time left."""

import logging
import math
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import rich
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

log = logging.getLogger(__name__)

LINE_SECONDS = 30.0  # between two lines
FIRST_ESTIMATE = 10.0  # seconds of work before a time left is shown
PARTS = 4  # of the time so far; the fastest and the slowest one give the range

T = TypeVar("T")


class Pace:
    """Speed of work so far, and the time left as a range.

    Attributes:
        total: Number of items.
        done: Number of finished items.
    """

    def __init__(self, total: int):
        self.total, self.done = total, 0
        self._times, self._counts = [time.monotonic()], [0]

    def advance(self, items: int = 1) -> None:
        """Count finished items, up to the total."""
        self.done = min(self.done + items, self.total)
        now = time.monotonic()
        if now - self._times[-1] >= 1:
            self._times.append(now)
            self._counts.append(self.done)

    def time_left(self) -> tuple[float, float] | None:
        """Return the shortest and the longest time left in seconds, None before there is an estimate.

        They follow from the highest and the lowest speed in the `PARTS` parts of the time so far; the longest is
        infinite if a part has no finished item.
        """
        now = time.monotonic()
        elapsed = now - self._times[0]
        if elapsed < FIRST_ESTIMATE or not self.done:
            return None
        edges = np.linspace(self._times[0], now, PARTS + 1)
        counts = np.interp(edges, [*self._times, now], [*self._counts, self.done])
        speeds = np.diff(counts) * PARTS / elapsed
        left = self.total - self.done
        return left / float(speeds.max()), left / float(speeds.min()) if speeds.min() > 0 else math.inf

    def in_words(self) -> str:
        """Return e.g. "1,200 of 5,000 (38/s), 95 s to 2 min left"."""
        left = self.time_left()
        if left is None:
            return f"{self.done:,} of {self.total:,}"
        speed = self.done / (time.monotonic() - self._times[0])
        return f"{self.done:,} of {self.total:,} ({speed:.2g}/s), {range_in_words(*left)} left"


class ProgressLog:
    """Logs the progress of one piece of work, at most every `LINE_SECONDS`."""

    def __init__(self, title: str, total: int):
        self.title, self.pace = title, Pace(total)
        self._logged = time.monotonic()

    def advance(self, items: int = 1) -> None:
        """Count finished items; log a line if one is due."""
        self.pace.advance(items)
        now = time.monotonic()
        if now - self._logged > LINE_SECONDS and self.pace.done < self.pace.total:
            log.info("%s: %s", self.title, self.pace.in_words())
            self._logged = now


def follow(items: Iterable[T], title: str, total: int, of_each: int = 1) -> Iterator[T]:
    """Yield the items and show their progress.

    Args:
        items: Pieces of the work.
        title: Name of the work.
        total: Number that is counted to, such as images.
        of_each: How many of these each item holds; the last item holds the rest.
    """
    console = rich.get_console()
    if not console.is_terminal or console.quiet:  # a file, a pipe, or a worker of a cluster
        lines = ProgressLog(title, total)
        for item in items:
            yield item
            lines.advance(of_each)
        return
    pace = Pace(total)
    with Progress(*_columns(pace), console=console, disable=not total) as bar:
        task = bar.add_task(title, total=total)
        for item in items:
            yield item
            pace.advance(of_each)
            bar.update(task, completed=pace.done)


class _TimeLeft(ProgressColumn):
    """Column of the bar with speed and time left; afterwards the time it took."""

    def __init__(self, pace: Pace):
        super().__init__()
        self._pace = pace

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        if task.finished:
            return Text(f"in {duration(task.finished_time or 0)}")
        left = self._pace.time_left()
        return Text(f"{task.speed or 0:.2g}/s, {range_in_words(*left)} left" if left else "")


def _columns(pace: Pace) -> list[ProgressColumn]:
    return [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _TimeLeft(pace)]


def range_in_words(shortest: float, longest: float) -> str:
    """Return a range of seconds, e.g. "12 to 40 min", "95 s to 3 min", "about 2.5 h" or "at least 3 h"."""
    low, high = duration(shortest), duration(longest)
    if not math.isfinite(longest):
        return f"at least {low}"
    if low == high:
        return f"about {low}"
    number, unit = low.split(" ")
    return f"{number if high.endswith(unit) else low} to {high}"


def duration(seconds: float) -> str:
    """Return "40 s", "12 min" or "3.5 h"."""
    if not math.isfinite(seconds):
        return "an unknown time"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
