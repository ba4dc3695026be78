"""Keyed pseudonyms and date shifts: the same patient is the same key in every export, without the secret no way back.

A key is the first 32 hex digits of HMAC-SHA256(secret, kind ‖ 0x00 ‖ parts), the parts joined by 0x00 (DESIGN §6).
"""

import hmac
import os
import secrets
import sys
from pathlib import Path

VARIABLE = "LUNG_CXR_KEY"  # where the secret is looked for first
CREDENTIAL = "lung_cxr_key"  # and its name in conf/local/credentials.yml
NEW_VARIABLE = "LUNG_CXR_NEW_KEY"  # likewise of the key that takes its place
NEW_CREDENTIAL = "lung_cxr_new_key"
PUBLIC_SECRET = "everybody-knows-this-secret-of-nobody"  # of the synthetic hospital, whose patients do not exist
KEY_DIGITS = 32
MAX_SHIFT = 365  # days, either way, never 0
MIN_SECRET = 32  # characters: 128 bits where they are hex digits


class Secret:
    """The pseudonymisation secret. Neither `repr`, `str` nor an error ever shows it.

    Args:
        text: At least 32 characters.
        public: Whether everybody knows it; such a secret is refused on exports that are not synthetic.

    Raises:
        ValueError: The text is too short to resist guessing.
    """

    __slots__ = ("_bytes", "public")

    def __init__(self, text: str, public: bool = False):
        if len(text) < MIN_SECRET:
            raise ValueError(f"The secret has {len(text)} characters; expected at least {MIN_SECRET}: run `make key`")
        self._bytes = text.encode()
        self.public = public or text == PUBLIC_SECRET  # also where it was put into a credentials file

    def __repr__(self) -> str:
        return f"Secret({'public' if self.public else 'hidden'})"

    def key(self, kind: str, *parts: str) -> str:
        """Return the key (32 hex digits) of a patient, study, image, file …

        Args:
            kind: What is named: keys of different kinds never meet.
            parts: What identifies it, cleaned text.
        """
        return self._digest(kind, *parts).hex()[:KEY_DIGITS]

    def source_key(self, sha256: bytes) -> str:
        """Return the keyed hash of a file's bytes, given their SHA-256."""
        return hmac.digest(self._bytes, b"source\0" + sha256, "sha256").hex()[:KEY_DIGITS]

    def date_shift(self, patient_id: str) -> int:
        """Return the days by which all dates of a patient move: −365…365, never 0.

        One offset per patient keeps the order of studies and the intervals between them.
        """
        position = int.from_bytes(self._digest("date_shift", patient_id)[:8], "big") % (2 * MAX_SHIFT)
        return position - MAX_SHIFT if position < MAX_SHIFT else position - MAX_SHIFT + 1

    @property
    def fingerprint(self) -> str:
        """Tells one secret from another; stored with the catalogue."""
        return self.key("fingerprint")

    def _digest(self, kind: str, *parts: str) -> bytes:
        return hmac.digest(self._bytes, "\0".join((kind, *parts)).encode(), "sha256")


def make_key(credentials: Path, name: str = CREDENTIAL) -> str:
    """Write a new random secret (256 bits) to a credentials file that has none yet, readable by its owner only.

    Args:
        credentials: `conf/local/credentials.yml`.
        name: Of the key in it.

    Returns:
        What happened, in words, without the secret.
    """
    text = credentials.read_text(encoding="utf-8") if credentials.exists() else ""
    if any(line.startswith(f"{name}:") for line in text.splitlines()):
        return f"{credentials} has {name} already; it stays: another key would make another patient of everybody"
    credentials.parent.mkdir(parents=True, exist_ok=True)
    credentials.touch(mode=0o600)
    credentials.chmod(0o600)
    lines = [*text.splitlines(), f"{name}: {secrets.token_hex(32)}"]
    credentials.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return (
        f"{credentials} holds a new key ({name}). Keep a copy where only the data office can read it, never in version "
        "control"
    )


if __name__ == "__main__":
    which = NEW_CREDENTIAL if sys.argv[1:] == ["--new"] else CREDENTIAL
    if which == CREDENTIAL or not os.environ.get(NEW_VARIABLE):
        sys.stdout.write(make_key(Path("conf/local/credentials.yml"), which) + "\n")
