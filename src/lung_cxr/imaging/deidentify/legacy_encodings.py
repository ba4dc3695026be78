"""Recognise Vietnamese text in TCVN3 (fonts .Vn…) or VNI that was read as Windows-1252: no name in it can be found."""

import re

# A letter beside a sign that TCVN3 uses for a letter ("NguyÔn V¨n Hïng"), or a vowel and the letter that VNI writes its
# mark with ("Nguyeãn Vaên Huøng"): no word of Unicode has them. Not «», ×, ¹ and µ: they stand beside words too.
_CERTAIN = re.compile(
    r"\w*(?:[^\W\d_][¨©ª¬\u00ad®¸¶·¾¼½÷]|[¨¬\u00ad®¸¶·¾¼½÷][^\W\d_]"
    r"|[aeouyAEOUY][øûåØÛÅ]|[aA][êâáàãùõÊÂÁÀÃÙÕ]|[eE][âáàãùõÂÁÀÃÙÕ]|[oO][âùõÂÙÕ]|[uUyY][ùõÙÕ])\w*"
)
# Letters of TCVN3 and VNI that other European languages have, Vietnamese in Unicode has not: "BÖnh", "phæi", "ñoïc".
_POSSIBLE = re.compile(r"\b\w*(?:[^\W\d_][ÆÇËÐÎÏÑÖØÛÜÞßäåæçëîïñöøûüþ]|[ñöÑÖ][^\W\d_])\w*")
FEWEST_WORDS = 2  # different ones


def is_legacy_encoded(text: str) -> bool:
    """Return whether a text as delivered holds words in TCVN3 or VNI.

    Args:
        text: Text before NFKC normalisation, which destroys the signs.
    """
    certain = {found.group().casefold() for found in _CERTAIN.finditer(text)}
    words = certain | {found.group().casefold() for found in _POSSIBLE.finditer(text)}
    return bool(certain) and len(words) >= FEWEST_WORDS
