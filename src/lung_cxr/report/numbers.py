"""Numbers as text: one place for units, signs, digits, and for what is undefined."""

from collections.abc import Mapping
from typing import Any

NOTHING = "–"


def percent(fraction: float | None) -> str:
    """0.6123 → "61.2 %"."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f} %"


def points(value: float | None) -> str:
    """2.94 → "+2.9": percentage points, with a sign (a true minus) unless they round to nothing: "0.0"."""
    if value is None:
        return NOTHING
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


def percent_interval(low: float | None, high: float | None) -> str:
    """0.55, 0.67 → "[55.0, 67.0]"; empty where there is none."""
    return "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"


def points_interval(low: float | None, high: float | None) -> str:
    """-1.2, 7.0 → "[−1.2, 7.0]"; empty where there is none."""
    if low is None or high is None:
        return ""
    ends = [f"{value:.1f}".replace("-", "−") for value in (low, high)]
    return f"[{', '.join('0.0' if end == '−0.0' else end for end in ends)}]"


def p_value(p: float | None) -> str:
    """0.01589 → "p = 0.016"; below a thousandth "p < 0.001"."""
    if p is None:
        return "p undefined"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def p_digits(p: float | None, digits: int = 4) -> str:
    """0.01589 → "0.0159"; what would round to nothing is below the last digit: "< 0.0001"."""
    return f"< {10**-digits:.{digits}f}" if p is not None and p < 10**-digits else decimal(p, digits)


def decimal(value: float | None, digits: int = 3) -> str:
    """3.18571 → "3.186"."""
    return NOTHING if value is None else f"{value:,.{digits}f}".replace("-", "−")


def decimal_interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """0.81, 0.97 → "[0.810, 0.970]"; empty where there is none."""
    return "" if low is None or high is None else f"[{decimal(low, digits)}, {decimal(high, digits)}]"


def share(fraction: float | None) -> str:
    """0.3751 → ".38", as it fits a cell of a matrix; 1 → "1"."""
    if fraction is None:
        return NOTHING
    text = f"{fraction:.2f}"
    return "1" if text == "1.00" else text.removeprefix("0")


def duration(seconds: float | None) -> str:
    """3725 → "1 h 2 min"; 95 → "1 min 35 s"; 12.34 → "12.3 s"."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, one: str, many: str | None = None) -> str:
    """1, "image" → "1 image"; 1542, "image" → "1,542 images"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def reason_for(numbers: Mapping[str, Any], name: str) -> str | None:
    """Return why a number is undefined, or None where it is defined."""
    if numbers.get(name) is not None:
        return None
    reason = numbers.get(f"{name}_reason")
    return str(reason) if reason else "not recorded"
