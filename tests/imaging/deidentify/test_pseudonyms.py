import hashlib
import hmac
import pickle
import stat

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret, make_key

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


def test_make_key_writes_a_private_file_once(tmp_path):
    file = tmp_path / "local" / "credentials.yml"
    assert "new key" in make_key(file)
    first = yaml.safe_load(file.read_text())["lung_cxr_key"]
    assert len(first) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = make_key(file)
    assert "already" in said
    assert first not in said
    assert yaml.safe_load(file.read_text())["lung_cxr_key"] == first


def test_make_key_keeps_other_credentials(tmp_path):
    file = tmp_path / "credentials.yml"
    file.write_text("database: {user: me}")
    make_key(file)
    assert set(yaml.safe_load(file.read_text())) == {"database", "lung_cxr_key"}


def test_a_second_key_is_written_beside_the_first_to_take_its_place(tmp_path):
    file = tmp_path / "credentials.yml"
    make_key(file)
    first = yaml.safe_load(file.read_text())["lung_cxr_key"]
    assert "new key (lung_cxr_new_key)" in make_key(file, "lung_cxr_new_key")
    assert "has lung_cxr_new_key already" in make_key(file, "lung_cxr_new_key")
    keys = yaml.safe_load(file.read_text())
    assert keys["lung_cxr_key"] == first != keys["lung_cxr_new_key"]
