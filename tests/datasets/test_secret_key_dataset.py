import pytest
from kedro.io import DatasetError

from lung_cxr.datasets import SecretKeyDataset
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret

TEXT = "0123456789abcdef0123456789abcdef"
OTHER = TEXT[::-1]


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    monkeypatch.delenv("LUNG_CXR_KEY", raising=False)
    return tmp_path / "credentials.yml"


def test_the_variable_wins_over_the_file(credentials, monkeypatch):
    credentials.write_text(f"lung_cxr_key: {TEXT}\nother: {{user: me}}\n")
    dataset = SecretKeyDataset(filepath=str(credentials))
    assert dataset.load().fingerprint == Secret(TEXT).fingerprint
    monkeypatch.setenv("LUNG_CXR_KEY", OTHER)
    assert dataset.load().fingerprint == Secret(OTHER).fingerprint


@pytest.mark.parametrize("content", [None, "", "other: 1\n", "lung_cxr_key:\n", "- a list\n"])
def test_without_a_key_the_error_says_how_to_make_one(credentials, content):
    if content is not None:
        credentials.write_text(content)
    with pytest.raises(DatasetError, match=r"LUNG_CXR_KEY.*credentials\.yml.*make key"):
        SecretKeyDataset(filepath=str(credentials)).load()


@pytest.mark.parametrize("content", ["lung_cxr_key: hush", "lung_cxr_key: [hush\n hush: :"])
def test_no_error_shows_the_text(credentials, content):
    credentials.write_text(content)
    dataset = SecretKeyDataset(filepath=str(credentials))
    with pytest.raises(DatasetError) as error:
        dataset.load()
    assert "hush" not in str(error.value)
    assert error.value.__cause__ is None or "hush" not in str(error.value.__cause__)
    assert "hush" not in str(dataset)


def test_a_number_of_digits_is_text(credentials):
    credentials.write_text(f"lung_cxr_key: {'1' * 40}\n")
    assert SecretKeyDataset(filepath=str(credentials)).load().fingerprint == Secret("1" * 40).fingerprint


def test_the_public_secret_is_marked_and_needs_no_file(credentials, monkeypatch):
    monkeypatch.setenv("LUNG_CXR_KEY", TEXT)
    secret = SecretKeyDataset(filepath=str(credentials), public=True).load()
    assert secret.public
    assert secret.fingerprint == Secret(PUBLIC_SECRET, public=True).fingerprint


def test_nothing_is_read_before_it_is_needed(credentials):
    SecretKeyDataset(filepath=str(credentials))


def test_a_secret_is_never_written(credentials):
    with pytest.raises(DatasetError, match="make key"):
        SecretKeyDataset(filepath=str(credentials)).save(Secret(TEXT))
