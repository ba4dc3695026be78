import hashlib
import hmac
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret

TEXT = "0123456789abcdef0123456789abcdef"


def test_a_key_is_the_documented_hmac():
    """DESIGN §6: first 32 hex digits of HMAC-SHA256(secret, kind ‖ 0x00 ‖ parts)."""
    expected = hmac.new(TEXT.encode(), b"image\x00P1\x00S1\x00a.dcm", hashlib.sha256).hexdigest()[:32]
    assert Secret(TEXT).key("image", "P1", "S1", "a.dcm") == expected


def test_keys_of_another_kind_or_secret_differ():
    keys = {Secret(TEXT).key("patient", "1"), Secret(TEXT).key("study", "1"), Secret(TEXT + "x").key("patient", "1")}
    assert len(keys) == 3


@given(st.text(min_size=1))
def test_dates_move_by_at_most_a_year_and_never_by_nothing(patient_id):
    shift = Secret(TEXT).date_shift(patient_id)
    assert 1 <= abs(shift) <= 365
    assert shift == Secret(TEXT).date_shift(patient_id)


def test_all_shifts_occur():
    shifts = {Secret(TEXT).date_shift(str(number)) for number in range(20_000)}
    assert shifts == set(range(-365, 366)) - {0}


def test_the_secret_never_shows():
    secret = Secret(TEXT)
    assert TEXT not in f"{secret!r} {secret} {[secret]} {vars(Secret)}"
    assert Secret(PUBLIC_SECRET).public
    assert not secret.public
    with pytest.raises(ValueError, match="make key") as error:
        Secret("too short")
    assert "too short" not in str(error.value)


def test_the_secret_reaches_another_process():
    copy = pickle.loads(pickle.dumps(Secret(TEXT)))
    assert copy.fingerprint == Secret(TEXT).fingerprint
