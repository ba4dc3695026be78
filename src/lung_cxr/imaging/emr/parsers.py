"""Parsers of EMR fields: text as the hospital writes it → identifiers, views and sexes (vectorised)."""

import unicodedata
from collections.abc import Mapping, Sequence

import pandas as pd

# control and format characters: NUL, zero-width blanks, direction marks (Unicode Cc, Cf)
INVISIBLE = dict.fromkeys(
    code for code in range(0x10000) if unicodedata.category(chr(code)) in ("Cc", "Cf") and not chr(code).isspace()
)


def clean_text(value: str) -> str:
    """Return the text in Unicode form NFKC, without invisible characters and without outer blanks."""
    return unicodedata.normalize("NFKC", value.translate(INVISIBLE)).strip()


def clean_identifiers(text: "pd.Series[str]", width: int | None = None) -> "pd.Series[str]":
    """Apply `clean_text` to each value, and pad numbers with zeros to `width` characters if it is given."""
    unique = {value: clean_text(value) for value in text.unique()}
    if width is not None:
        unique = {value: clean.zfill(width) if clean.isdigit() else clean for value, clean in unique.items()}
    return text.map(unique).astype("str")


def translate(text: "pd.Series[str]", meanings: Mapping[str, Sequence[str]]) -> "pd.Series[str]":
    """Return the meaning of each word of the hospital (case ignored), "unknown" for every other text.

    Args:
        text: Words as the hospital writes them.
        meanings: Meaning → the hospital's words for it.
    """
    words = {clean_text(str(word)).casefold(): meaning for meaning, listed in meanings.items() for word in listed}
    unique = {value: words.get(clean_text(value).casefold(), "unknown") for value in text.unique()}
    return text.map(unique).astype("str")
