import pytest

from lung_cxr.imaging.catalogue.key_check import HalfRotatedKeyError, check_secret
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret

OWN = Secret("x" * 40)
OTHER = Secret("y" * 40)
PUBLIC = Secret(PUBLIC_SECRET, public=True)


@pytest.mark.parametrize("stored", [None, OWN.fingerprint, OWN.fingerprint + "\n"])
def test_the_key_of_the_catalogue_is_accepted(stored):
    check_secret(OWN, stored, [False])


def test_a_different_key_is_an_error():
    with pytest.raises(IngestionError, match="not the key"):
        check_secret(OTHER, OWN.fingerprint, [False])


@pytest.mark.parametrize("stored", ["", "\n", OWN.fingerprint[:20]])
def test_a_damaged_fingerprint_is_named_and_never_taken_for_a_different_key(stored):
    with pytest.raises(IngestionError, match=r"key_fingerprint\.txt is damaged.*backup"):
        check_secret(OWN, stored, [False])


def test_a_half_rotated_key_is_an_error():
    with pytest.raises(HalfRotatedKeyError):
        check_secret(OWN, f"{OWN.fingerprint}>{OTHER.fingerprint}", [False])


def test_the_public_key_is_for_synthetic_exports_only():
    check_secret(PUBLIC, None, [True, True])
    with pytest.raises(IngestionError, match=r"1 of 2 .* SYNTHETIC.*make key"):
        check_secret(PUBLIC, None, [True, False])
