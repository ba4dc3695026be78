"""Nodes of `synthetic_hospital`."""

from pathlib import Path

import pandas as pd

from lung_cxr.parameters import SyntheticHospitalParameters


def write_exports(
    exports_folder: Path, synthetic_hospital: SyntheticHospitalParameters
) -> tuple[list[str], pd.DataFrame]:
    """Write the synthetic exports below the folder; return their names and the truth table."""
    from lung_cxr.synthetic.hospital.write_exports import (
        write_hospital,  # SciPy and pydicom: not needed to list pipelines
    )

    truth = write_hospital(exports_folder, synthetic_hospital)
    return sorted(truth["export"].unique()), truth
