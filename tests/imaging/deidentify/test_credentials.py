import stat

import yaml

from lung_cxr.imaging.deidentify.credentials import make_key


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
