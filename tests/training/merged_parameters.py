"""Parameters of `conf/test` on those of `conf/base`, for tests that need no Kedro session."""

from pathlib import Path

import yaml

CONF = Path(__file__).parents[2] / "conf"


def merged(below: dict, above: dict) -> dict:
    """Soft merge of two parameter trees, as Kedro does it."""
    both = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict) and isinstance(above[name], dict):
            both[name] = merged(below[name], above[name])
    return both


def parameters_of_test_environment(file: str) -> dict:
    base, test = (yaml.safe_load((CONF / env / file).read_text()) for env in ("base", "test"))
    return merged(base, test)
