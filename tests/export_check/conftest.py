"""Settings of conf/base for the tables."""

from pathlib import Path

import pytest
import yaml

from lung_cxr.parameters import EmrParameters


@pytest.fixture(scope="session")
def emr():
    text = (Path(__file__).parents[2] / "conf/base/parameters_ingestion.yml").read_text(encoding="utf-8")
    return EmrParameters.model_validate(yaml.safe_load(text)["emr"])
