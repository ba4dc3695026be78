import pandas as pd

from lung_cxr.imaging.emr.parsers import clean_identifiers, translate


def text(*values: str) -> pd.Series:
    return pd.Series(values, dtype="str")


def test_identifiers_are_trimmed_composed_and_without_invisible_characters():
    decomposed, full_width = "Nguye\u0302\u0303n", "\uff10\uff11"
    cleaned = clean_identifiers(text(" 00123 ", decomposed, full_width, "\ufeff7\u200b", "a\u00a0"))
    assert cleaned.tolist() == ["00123", "Nguyễn", "01", "7", "a"]


def test_padding_gives_numbers_their_zeros_back_and_leaves_words():
    assert clean_identifiers(text("123", "00000123", "BN-1", ""), 8).tolist() == ["00000123", "00000123", "BN-1", ""]


def test_words_are_translated_whatever_their_case():
    meanings = {"F": ["F", "Nữ"], "M": ["M", "nam"]}
    assert translate(text("f", " nữ ", "NAM", "x", ""), meanings).tolist() == ["F", "F", "M", "unknown", "unknown"]
