"""Checks of the secret key: is it the one that made this catalogue, and is a rotation of the key half done?"""

import re
from collections.abc import Sequence

from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import VARIABLE, Secret
from lung_cxr.imaging.emr.exports import MARKER

KEY_FINGERPRINT = "key_fingerprint.txt"  # in 02_intermediate
HALF_ROTATED = r"[0-9a-f]{32}>[0-9a-f]{32}"  # what it says while the key is being changed


class HalfRotatedKeyError(Exception):
    """The key of the catalogue is being changed; whatever reads it now would take one patient for two."""

    def __init__(self) -> None:
        super().__init__(
            "A change of the key was begun and not finished: part of the catalogue has its new names. Give `make "
            "rotate-key` again, with the same two secrets; until then nothing else may run"
        )


def refuse_half_rotated_key(fingerprint: str | None) -> None:
    """Let nothing run between the two halves of a change of the key.

    Args:
        fingerprint: What the catalogue keeps of its key; None where there is no catalogue.

    Raises:
        HalfRotatedKeyError: It was begun and not finished.
    """
    if fingerprint and re.fullmatch(HALF_ROTATED, fingerprint.strip()):
        raise HalfRotatedKeyError


def check_secret(secret: Secret, previous_fingerprint: str | None, synthetic: Sequence[bool]) -> None:
    """Refuse another secret than the catalogue's, and the public one on images of real people.

    Args:
        secret: The one at hand.
        previous_fingerprint: Of the one that made the catalogue; None where there is no catalogue yet.
        synthetic: For each export, or for the folder of new images, whether it has the marker.

    Raises:
        IngestionError: Nothing was read yet.
        HalfRotatedKeyError: A change of the key is not finished.
    """
    stored = None if previous_fingerprint is None else previous_fingerprint.strip()
    if stored is not None and re.fullmatch(HALF_ROTATED, stored):
        raise HalfRotatedKeyError
    if stored is not None and not re.fullmatch(r"[0-9a-f]{32}", stored):
        raise IngestionError(
            f"02_intermediate/key_fingerprint.txt holds {len(stored)} characters that are no fingerprint; expected 32 "
            "hex digits: the file is damaged, and whether the key at hand made this catalogue cannot be told. Put the "
            "file back from a copy; or, only if you are certain that the key was never changed, delete it: the next "
            "run writes it"
        )
    if secret.public and not all(synthetic):
        raise IngestionError(
            f"{synthetic.count(False)} of {len(synthetic)} folders of images lack the file {MARKER}, and the secret at "
            "hand is the public one: pseudonyms of real patients need a key of their own. Make one with `make key` and "
            "run without the demo's environment"
        )
    if stored is not None and stored != secret.fingerprint:
        raise IngestionError(
            "The pseudonymisation key is not the one that made this catalogue: every patient would become another. "
            f"Give back the first key ({VARIABLE} or conf/local/credentials.yml), or move the data folder's "
            "02_intermediate, 03_primary and 05_model_input away to start afresh"
        )
