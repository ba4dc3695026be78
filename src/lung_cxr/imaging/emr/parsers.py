"""Parsers of EMR fields: text as the hospital writes it → clean text, views and sexes."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lung_cxr.text_columns import map_distinct

if TYPE_CHECKING:  # reader processes do without pandas, whose import takes half of their start
    import pandas as pd

# control and format characters: NUL, zero-width blanks, direction marks (Unicode Cc, Cf)
INVISIBLE = dict.fromkeys(
    code for code in range(0x10000) if unicodedata.category(chr(code)) in ("Cc", "Cf") and not chr(code).isspace()
)


def clean_text(value: str) -> str:
    """Return the text in Unicode form NFKC, without invisible characters and without outer blanks."""
    if value.isascii() and value.isprintable():  # the common case: only blanks can change
        return value.strip()
    return unicodedata.normalize("NFKC", value.translate(INVISIBLE)).strip()


def translate(text: "pd.Series[str]", meanings: Mapping[str, Sequence[str]]) -> "pd.Series[str]":
    """Return the meaning of each word of the hospital (case ignored), "unknown" for every other text.

    Args:
        text: Words as the hospital writes them.
        meanings: Meaning → the hospital's words for it.
    """
    words = {clean_text(str(word)).casefold(): meaning for meaning, listed in meanings.items() for word in listed}
    return map_distinct(text, lambda value: words.get(clean_text(value).casefold(), "unknown"))
