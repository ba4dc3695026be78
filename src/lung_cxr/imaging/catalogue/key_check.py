"""Check the secret key: it must be the key that made this catalogue, and no key rotation may be half done."""

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.credentials import VARIABLE
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import MARKER
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.keys import keys_of_all_spellings

KEY_FINGERPRINT = "key_fingerprint.txt"  # in 02_intermediate
HALF_ROTATED = (
    r"[0-9a-f]{32}>[0-9a-f]{32}"  # content of the file during a key rotation: old fingerprint > new fingerprint
)


class KeyCheckError(IngestionError):
    """The key did not make this catalogue, is weak or public, or cannot be checked."""

    exit_code = ExitCode.KEY


class HalfRotatedKeyError(Exception):
    """A key rotation is not finished: a reader of the catalogue would count one patient as two."""

    exit_code = ExitCode.KEY

    def __init__(self) -> None:
        super().__init__(
            "A key rotation was started and not finished: part of the catalogue has new pseudonyms. Run `make "
            "rotate-key` again with the same two secrets. No other command may run before it has finished"
        )


def refuse_half_rotated_key(fingerprint: str | None) -> None:
    """Stop if a key rotation is not finished.

    Args:
        fingerprint: Content of `key_fingerprint.txt`; None if there is no catalogue.

    Raises:
        HalfRotatedKeyError: A key rotation was started and not finished.
    """
    if fingerprint and re.fullmatch(HALF_ROTATED, fingerprint.strip()):
        raise HalfRotatedKeyError


def check_secret(secret: Secret, previous_fingerprint: str | None, synthetic: Sequence[bool]) -> None:
    """Stop if the secret did not make this catalogue, or if it is the public secret and the images are real.

    Args:
        secret: Secret that the run was given.
        previous_fingerprint: Fingerprint of the secret that made the catalogue; None if there is no catalogue yet.
        synthetic: For each export, or for the folder of new images: whether it holds the marker file.

    Raises:
        KeyCheckError: The secret is wrong or the fingerprint is damaged. No file was read yet.
        HalfRotatedKeyError: A key rotation is not finished.
    """
    stored = None if previous_fingerprint is None else previous_fingerprint.strip()
    if stored is not None and re.fullmatch(HALF_ROTATED, stored):
        raise HalfRotatedKeyError
    if stored is not None and not re.fullmatch(r"[0-9a-f]{32}", stored):
        raise KeyCheckError(
            f"02_intermediate/key_fingerprint.txt is damaged: it holds {len(stored)} characters; expected 32 hex "
            "digits. The run cannot check that this key made the catalogue. Restore the file from a backup"
        )
    if secret.weak:
        remedy = "Make one with `make key`" if stored is None else "Replace it with `make rotate-key`"
        raise KeyCheckError(
            "The pseudonymisation key can be guessed: it has few different characters, a repeated part or a sequence; "
            f"expected random text. {remedy}"
        )
    if secret.public and not all(synthetic):
        raise KeyCheckError(
            f"{synthetic.count(False)} of {len(synthetic)} image folders lack the file {MARKER}, and the secret is the "
            "public one. Pseudonyms of real patients need a private key and their own data folder: run without the "
            "demo's environment" + ("; make a key with `make key`" if stored is None else "")
        )
    if stored is not None and stored != secret.fingerprint:
        raise KeyCheckError(
            "The pseudonymisation key is not the key that made this catalogue: every patient would get a new key. "
            f"Set the first key ({VARIABLE} or conf/local/credentials.yml). To start a new catalogue instead, move "
            "02_intermediate, 03_primary and 05_model_input out of the data folder"
        )


def check_key_without_fingerprint(
    secret: Secret, catalogued: Iterable[pd.DataFrame | None], rows: pd.DataFrame, rules: PatientIdRules
) -> None:
    """Check the key of a catalogue whose fingerprint is lost: it must reproduce the id of at least one known image.

    Args:
        secret: Secret that the run was given.
        catalogued: Tables of the catalogue with `image_id`, or None.
        rows: Raw rows of all exports.
        rules: The hospital's rules for patient numbers.

    Raises:
        KeyCheckError: The secret reproduces no id of the catalogue.
    """
    known = {image_id for table in catalogued if table is not None for image_id in table["image_id"]}
    found = (keyed["image_id"].isin(known).any() for keyed in keys_of_all_spellings(rows, secret, rules))
    if known and not any(found):
        raise KeyCheckError(
            f"02_intermediate/{KEY_FINGERPRINT} is missing, but the catalogue holds {len(known)} images, and the key "
            "names none of them by the rows of the present exports: every patient could get a new key. Restore the "
            "file from a backup, or set the key that made the catalogue and bring back one export of it"
        )
