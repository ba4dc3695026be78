"""Node of `baselines`: the training itself is that of `training`."""

from typing import Any


def gather_runs(**results: list[Any]) -> dict[str, list[Any]]:
    """Return the results of all runs as one; `reporting` waits for it, and is drawn with one edge instead of 28.

    Args:
        results: `RunResults` of every seed, named as in `experiments.BASELINE_RUNS`.
    """
    return results
