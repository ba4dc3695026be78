"""Keyed pseudonyms and date shifts: a patient has the same key in every export, and no way back without the secret.

A key is the first 32 hex digits of HMAC-SHA256(secret, kind ‖ 0x00 ‖ parts), the parts joined by 0x00.
"""

import hmac
import math
from collections import Counter
from itertools import pairwise

PUBLIC_SECRET = "everybody-knows-this-secret-of-nobody"  # for the synthetic hospital, whose patients do not exist
KEY_DIGITS = 32
MAX_SHIFT = 365  # days in either direction, never 0
MIN_SECRET = 32  # characters: 128 bits if they are hex digits
MIN_BITS = 80  # of Shannon entropy; 32 random hex digits have about 115, 32 × "a" has 0


class Secret:
    """Pseudonymisation secret. Neither `repr` nor `str` nor an error shows its text.

    Args:
        text: Text of at least 32 characters.
        public: Whether the text is publicly known; such a secret is refused for exports of real patients.

    Attributes:
        weak: Whether the text can be guessed: few different characters, a repeated part or a sequence.

    Raises:
        ValueError: The text is too short.
    """

    __slots__ = ("_bytes", "public", "weak")

    def __init__(self, text: str, public: bool = False):
        if len(text) < MIN_SECRET:
            raise ValueError(f"The secret has {len(text)} characters; expected at least {MIN_SECRET}: run `make key`")
        self._bytes = text.encode()
        self.public = public or text == PUBLIC_SECRET  # a credentials file may hold it too
        self.weak = _is_weak(text)

    def __repr__(self) -> str:
        return f"Secret({'public' if self.public else 'hidden'})"

    def key(self, kind: str, *parts: str) -> str:
        """Return the key (32 hex digits) of a patient, study, image or file.

        Args:
            kind: Kind of the named thing; keys of different kinds never collide.
            parts: Identifying parts, as cleaned text.
        """
        return self.digest(kind, *parts).hex()[:KEY_DIGITS]

    def source_key(self, sha256: bytes) -> str:
        """Return the keyed hash (32 hex digits) of a file's bytes, from their SHA-256."""
        return hmac.digest(self._bytes, b"source\0" + sha256, "sha256").hex()[:KEY_DIGITS]

    def date_shift(self, patient_id: str) -> int:
        """Return the number of days by which all dates of a patient move: −365…365, never 0.

        One shift per patient keeps the order of the studies and the intervals between them.
        """
        position = int.from_bytes(self.digest("date_shift", patient_id)[:8], "big") % (2 * MAX_SHIFT)
        return position - MAX_SHIFT if position < MAX_SHIFT else position - MAX_SHIFT + 1

    @property
    def fingerprint(self) -> str:
        """Return a key that differs between secrets; it is stored with the catalogue."""
        return self.key("fingerprint")

    def digest(self, kind: str, *parts: str) -> bytes:
        """Return HMAC-SHA256 (32 bytes) of the parts; digests of different kinds never collide."""
        return hmac.digest(self._bytes, "\0".join((kind, *parts)).encode(), "sha256")


def _is_weak(text: str) -> bool:
    bits = -sum(count * math.log2(count / len(text)) for count in Counter(text).values())
    is_repeated = text in (text + text)[1:-1]
    in_sequence = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(text))
    return bits < MIN_BITS or is_repeated or in_sequence > len(text) / 2
