import pytest

from lung_cxr.imaging.emr.keys import normalised_path


@pytest.mark.parametrize(("written", "normal"), [("./a//b.dcm", "a/b.dcm"), ("a\\b.dcm ", "a/b.dcm"), ("", "")])
def test_a_path_has_one_spelling(written, normal):
    assert normalised_path(written) == normal
