import pytest

from lung_cxr.parameters import QualityParameters


@pytest.fixture(scope="session")
def thresholds(base_settings) -> QualityParameters:
    return QualityParameters.model_validate(base_settings["ingestion"]["quality"])
