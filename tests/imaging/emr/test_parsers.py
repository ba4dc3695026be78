import pandas as pd

from lung_cxr.imaging.emr.parsers import translate


def text(*values: str) -> pd.Series:
    return pd.Series(values, dtype="str")


def test_words_are_translated_whatever_their_case():
    meanings = {"F": ["F", "Nữ"], "M": ["M", "nam"]}
    assert translate(text("f", " nữ ", "NAM", "x", ""), meanings).tolist() == ["F", "F", "M", "unknown", "unknown"]
