"""Node of `baselines`; the training nodes are those of `training`."""

from typing import Any


def gather_runs(**results: list[Any]) -> dict[str, list[Any]]:
    """Return the results of all baselines as one dataset, so that `reporting` depends on one input instead of many.

    Args:
        results: Catalogue entry of a grid point (`BASELINE_RUNS` and `FURTHER_REFERENCE_RUNS` of `experiments`) → its
            `RunResult`s.
    """
    return results
