"""Undefined numbers: NaN under the number's name, and the reason as text under `<name>_reason`."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

Numbers = dict[str, Any]
"""Names → numbers; a NaN called `x` comes with the text `x_reason`."""


def undefined(name: str, reason: str) -> Numbers:
    """Return a NaN and its reason."""
    return {name: math.nan, f"{name}_reason": reason}


def all_undefined(names: Iterable[str], reason: str, but: Numbers | None = None) -> Numbers:
    """Return a NaN and the same reason for each name, except for the known numbers of `but`."""
    known = but or {}
    unknown = [undefined(name, reason) for name in names if name not in known]
    return known | {key: value for numbers in unknown for key, value in numbers.items()}


def json_ready(value: Any) -> Any:
    """Return `value` as strict JSON: NaN and infinity become null, NumPy types become Python types.

    Args:
        value: Numbers, texts, arrays, and nested mappings or sequences of them.
    """
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return json_ready(value.tolist())
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
