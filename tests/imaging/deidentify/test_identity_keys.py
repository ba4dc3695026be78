import pytest

from lung_cxr.imaging.deidentify.identity_keys import IDENTITY_KEYS, identity_keys


@pytest.mark.parametrize(
    "written", ["NGUYEN^VAN^ANH", "Anh, Nguyễn Văn", "nguyễn văn ánh", "Nguyê\u0303n=Văn Anh 1954"]
)
def test_a_name_has_one_key_in_every_spelling(secret, written):
    assert identity_keys("", written, "", secret)["header_name"] == secret.key("header_name", "anh nguyen van")


def test_missing_values_have_no_key(secret):
    assert set(identity_keys("", " ", "", secret).values()) == {""}
    assert identity_keys("", "", "19540000", secret)["header_birth"] == ""
    assert identity_keys("", "", "1954-07-08", secret)["header_birth"] == ""


def test_no_value_is_in_the_keys(secret):
    keys = identity_keys("4711", "Đỗ Bí Mật", "19540708", secret)
    assert list(keys) == IDENTITY_KEYS
    assert len(set(keys.values())) == 3
    assert not {"4711", "do", "19540708"} & set(" ".join(keys.values()).split())
