"""Ages that cannot identify a person: above 89 becomes 90 (DESIGN §5)."""

import pandas as pd

OLDEST = 90  # years
IMPLAUSIBLE = 120  # years: no person reaches them


def cap_ages(years: "pd.Series[float]") -> "pd.Series[float]":
    """Return ages with those above 89 as 90, and negative or implausible ones as NaN."""
    return years.where(years.between(0, IMPLAUSIBLE)).clip(upper=OLDEST).astype(float)
