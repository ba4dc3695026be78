"""A small synthetic hospital, written once, and phantoms of a healthy chest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.exams import Exam, draw_schedule
from lung_cxr.synthetic.hospital.write_exports import write_hospital
from lung_cxr.synthetic.phantom.anatomy import Chest
from lung_cxr.synthetic.phantom.projection import Detector


@pytest.fixture(scope="session")
def parameters(project: Path) -> SyntheticHospitalParameters:
    """The settings of conf/test over those of conf/base."""
    merged: dict = {}
    for environment in ("base", "test"):
        file = project / "conf" / environment / "parameters_synthetic_hospital.yml"
        merged |= yaml.safe_load(file.read_text(encoding="utf-8"))["synthetic_hospital"]
    return SyntheticHospitalParameters(**merged)


@pytest.fixture(scope="session")
def schedule(parameters: SyntheticHospitalParameters) -> list[Exam]:
    return draw_schedule(parameters)


@pytest.fixture(scope="session")
def hospital(
    tmp_path_factory: pytest.TempPathFactory, parameters: SyntheticHospitalParameters
) -> tuple[Path, pd.DataFrame]:
    """The folder with both exports, and the truth about them; read only."""
    folder = tmp_path_factory.mktemp("hospital")
    return folder, write_hospital(folder, parameters)


@pytest.fixture
def detector() -> Detector:
    """An upright patient in the middle of an image of 36 × 36 cm."""
    return Detector(rows=180, columns=180, pitch=0.2, centre=90.0, tilt=0.0, top=0.0)


@pytest.fixture
def chest() -> Chest:
    return Chest(
        half_width=13.0,
        half_depth=9.2,
        fat=2.5,
        right_dome=27.0,
        left_dome=28.0,
        heart=1.0,
        shift=0.0,
        slope=1.0,
        breasts=0.0,
        bone=1.0,
    )


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(1)
