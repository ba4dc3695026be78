"""Published results of the paper as data: Tables 2 to 5, and the t-test on Tables 3 and 4 (section IV.G)."""

from importlib.resources import files

import pandas as pd

from lung_cxr.evaluation.paired_tests import paired_test
from lung_cxr.evaluation.undefined import Numbers

PRINTED_TEST = {"mean": 3.18, "sd": 1.23, "t": 3.01, "df": 6, "p": 0.02}
"""Section IV.G, accuracy in percentage points. It does not follow from Tables 3 and 4: see `published_test`."""


def published_results() -> pd.DataFrame:
    """Return Tables 3 (strategy `traditional`) and 4 (`dynamic`).

    Columns: `strategy, backbone, accuracy, macro_f1` (percent), `n` (layers unfrozen, Table 3 only), `load_time_s`,
    `size_mb`.
    """
    return _read("published_results.csv")


def published_augmentation() -> pd.DataFrame:
    """Return Table 2 and the classes that it applies to (section III.D): `technique, setting`."""
    return _read("published_augmentation.csv")


def published_test(metric: str, confidence: float = 0.95) -> Numbers:
    """Repeat the paper's paired t-test (dynamic − traditional) on its own tables, in percentage points.

    Args:
        metric: `accuracy` or `macro_f1`.
        confidence: Level of the interval of the mean.
    """
    wide = published_results().pivot(index="backbone", columns="strategy", values=metric)
    return paired_test((wide["dynamic"] - wide["traditional"]).tolist(), confidence)


def published_methods() -> pd.DataFrame:
    """Return Table 5, the paper's own row last: `study` (its reference), `dataset, method, results, difference`.

    The text is the paper's, except for punctuation, "our" and "~". Some results are text in the paper too.
    """
    return _read("published_methods.csv")


def _read(name: str) -> pd.DataFrame:
    with files("lung_cxr.evaluation").joinpath(name).open(encoding="utf-8") as table:
        return pd.read_csv(table)
