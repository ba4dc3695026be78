"""Quick operations on columns of text: pandas converts Arrow strings to Python one by one in `isin` and in loops."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # reader processes do without pandas, whose import takes half of their start
    import pandas as pd

Table = TypeVar("Table", "pd.DataFrame", "pd.Series[Any]")


def is_in(texts: "pd.Series[str]", values: "Collection[str] | pd.Series[str]") -> "pd.Series[bool]":
    """Return whether each text is one of the values; as `texts.isin(values)`, ten times as fast."""
    import pandas as pd

    known = set(values.tolist()) if isinstance(values, pd.Series) else values
    return pd.Series([text in known for text in texts.tolist()], texts.index, dtype="bool")


def on_distinct(texts: "pd.Series[str]", function: "Callable[[pd.Series[str]], Table]") -> Table:
    """Apply a function to the column of distinct texts, also a missing one, and return its result for each row."""
    import pandas as pd

    codes, distinct = pd.factorize(texts, use_na_sentinel=False)  # by default -1, which is the last row for `take`
    return function(pd.Series(distinct, dtype="str")).take(codes).set_axis(texts.index)


def map_distinct(texts: "pd.Series[str]", function: Callable[[str], Any], dtype: str = "str") -> "pd.Series[Any]":
    """Apply a function once to each distinct text.

    Args:
        texts: Column without missing values.
        function: Returns a value of `dtype`.
        dtype: dtype of the result.
    """
    import pandas as pd

    mapped = on_distinct(texts, lambda distinct: pd.Series([function(text) for text in distinct.tolist()], dtype=dtype))
    return mapped.rename(texts.name)
