"""The hospital's text → clean values: identifiers, views and sexes. Every function is vectorised."""

import unicodedata
from collections.abc import Mapping, Sequence

import pandas as pd

# control and format characters that show nothing: NUL, zero-width blanks, changes of direction (Unicode Cc, Cf)
INVISIBLE = dict.fromkeys(
    code for code in range(0x10000) if unicodedata.category(chr(code)) in ("Cc", "Cf") and not chr(code).isspace()
)


def clean_text(value: str) -> str:
    """NFKC, without invisible characters and outer blanks."""
    return unicodedata.normalize("NFKC", value.translate(INVISIBLE)).strip()


def clean_identifiers(text: "pd.Series[str]", width: int | None = None) -> "pd.Series[str]":
    """`clean_text` of each; numbers are zero-padded to `width` where one is given."""
    unique = {value: clean_text(value) for value in text.unique()}
    if width is not None:
        unique = {value: clean.zfill(width) if clean.isdigit() else clean for value, clean in unique.items()}
    return text.map(unique).astype("str")


def translate(text: "pd.Series[str]", meanings: Mapping[str, Sequence[str]]) -> "pd.Series[str]":
    """Return what the hospital's words mean (case ignored), "unknown" where nobody said.

    Args:
        text: As the hospital writes it.
        meanings: Meaning → the hospital's words for it.
    """
    words = {clean_text(str(word)).casefold(): meaning for meaning, said in meanings.items() for word in said}
    unique = {value: words.get(clean_text(value).casefold(), "unknown") for value in text.unique()}
    return text.map(unique).astype("str")
