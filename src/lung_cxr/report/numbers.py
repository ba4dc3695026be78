"""Numbers as text: units, signs, digits and undefined numbers."""

from collections.abc import Mapping
from typing import Any

NOTHING = "–"


def percent(fraction: float | None) -> str:
    """Return e.g. 0.6123 as "61.2 %"."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f} %"


def points(value: float | None) -> str:
    """Return e.g. 2.94 as "+2.9", percentage points with a sign (a true minus); "0.0" has none."""
    if value is None:
        return NOTHING
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


def percent_interval(low: float | None, high: float | None) -> str:
    """Return e.g. 0.55, 0.67 as "[55.0, 67.0]"; "" without an interval."""
    return "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"


def points_interval(low: float | None, high: float | None) -> str:
    """Return e.g. -1.2, 7.0 as "[−1.2, 7.0]"; "" without an interval."""
    if low is None or high is None:
        return ""
    ends = [f"{value:.1f}".replace("-", "−") for value in (low, high)]
    return f"[{', '.join('0.0' if end == '−0.0' else end for end in ends)}]"


def p_value(p: float | None) -> str:
    """Return e.g. 0.01589 as "p = 0.016"; values below 0.001 as "p < 0.001"."""
    if p is None:
        return "p undefined"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def p_digits(p: float | None, digits: int = 4) -> str:
    """Return e.g. 0.01589 as "0.0159"; values below the last digit as "< 0.0001"."""
    return f"< {10**-digits:.{digits}f}" if p is not None and p < 10**-digits else decimal(p, digits)


def decimal(value: float | None, digits: int = 3) -> str:
    """Return e.g. 3.18571 as "3.186"."""
    return NOTHING if value is None else f"{value:,.{digits}f}".replace("-", "−")


def three_digits(value: float | None) -> str:
    """Return a measurement with three significant digits, whole from 100 on: 0.1234, 1010 as "0.123", "1,010"."""
    if value is None:
        return NOTHING
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return (f"{value:.5f}" if "e" in text else text).replace("-", "−")


def decimal_interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return e.g. 0.81, 0.97 as "[0.810, 0.970]"; "" without an interval."""
    return "" if low is None or high is None else f"[{decimal(low, digits)}, {decimal(high, digits)}]"


def share(fraction: float | None) -> str:
    """Return e.g. 0.3751 as ".38", short enough for a cell of a matrix; 1 as "1"."""
    if fraction is None:
        return NOTHING
    text = f"{fraction:.2f}"
    return "1" if text == "1.00" else text.removeprefix("0")


def duration(seconds: float | None) -> str:
    """Return e.g. 3725 as "1 h 2 min", 95 as "1 min 35 s", 12.34 as "12.3 s"."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return e.g. 1, "image" as "1 image"; 1542, "image" as "1,542 images"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def reason_for(numbers: Mapping[str, Any], name: str) -> str | None:
    """Return the reason why a number is undefined, or None where it is defined."""
    if numbers.get(name) is not None:
        return None
    reason = numbers.get(f"{name}_reason")
    return str(reason) if reason else "not recorded"
