"""A hospital in a folder of the test's own."""

import pytest

from made_up_hospital import Hospital


@pytest.fixture
def hospital(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Hospital(project, tmp_path)
    made.parameters["emr"]["keep_notes"] = True
    return made
