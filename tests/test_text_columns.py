"""Operations on distinct texts give each row its own result."""

import numpy as np
import pandas as pd
import pytest

from lung_cxr.text_columns import is_in, map_distinct, on_distinct


def test_each_row_has_the_result_of_its_text_and_keeps_its_index():
    texts = pd.Series(["b", "a", "b", ""], index=[7, 3, 5, 1], name="code", dtype="str")
    mapped = map_distinct(texts, str.upper)
    pd.testing.assert_series_equal(mapped, pd.Series(["B", "A", "B", ""], index=texts.index, name="code", dtype="str"))
    assert is_in(texts, pd.Series(["a", ""])).tolist() == [False, True, False, True]


def test_a_missing_text_has_no_result_of_another_row():
    texts = pd.Series(["a", None, "z"], dtype="str")
    lengths = on_distinct(texts, lambda distinct: distinct.str.len().astype("float64"))
    np.testing.assert_array_equal(lengths, [1.0, np.nan, 1.0])
    with pytest.raises(AttributeError):
        map_distinct(texts, lambda text: text.upper())
