import numpy as np
import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.key_check import HalfRotatedKeyError, check_key_without_fingerprint, check_secret
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules

OWN = Secret("the own secret, forty characters or so..")
OTHER = Secret("the other secret, of forty characters...")
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
    with pytest.raises(IngestionError, match=r"1 of 2 .* SYNTHETIC"):
        check_secret(PUBLIC, None, [True, False])


@pytest.mark.parametrize(
    "text", ["a" * 32, "abc" * 20, "0123456789abcdef" * 2, "abcdefghijklmnopqrstuvwxyz0123456789", "0" * 70]
)
def test_a_key_that_can_be_guessed_is_refused(text):
    weak = Secret(text)
    with pytest.raises(IngestionError, match="make key"):
        check_secret(weak, None, [False])
    with pytest.raises(IngestionError, match="rotate-key") as error:
        check_secret(weak, weak.fingerprint, [False])
    assert "make key" not in str(error.value)


def test_random_keys_are_not_weak():
    rng = np.random.default_rng(0)
    assert not any(Secret(rng.bytes(digits // 2).hex()).weak for digits in (32, 64) for _ in range(500))
    assert not PUBLIC.weak


def test_errors_about_the_key_of_a_catalogue_advise_no_new_key():
    for secret, stored in ((OTHER, OWN.fingerprint), (OWN, "damaged"), (PUBLIC, PUBLIC.fingerprint)):
        with pytest.raises(IngestionError) as error:
            check_secret(secret, stored, [False])
        assert "make key" not in str(error.value)


def test_without_a_fingerprint_the_key_must_reproduce_an_image_of_the_catalogue():
    rows = pd.DataFrame({"patient_id": ["7.0"], "study_id": ["S"], "image_path": ["a.png"]}, dtype="str")
    rules = PatientIdRules()
    for spelling in ("7", "7.0"):
        manifest = pd.DataFrame({"image_id": [OWN.key("image", spelling, "S", "a.png")]})
        check_key_without_fingerprint(OWN, [None, manifest], rows, rules)
        with pytest.raises(IngestionError, match=r"key_fingerprint\.txt is missing.* 1 images") as error:
            check_key_without_fingerprint(OTHER, [manifest], rows, rules)
        assert "make key" not in str(error.value)
    check_key_without_fingerprint(OTHER, [None, manifest.head(0)], rows, rules)
