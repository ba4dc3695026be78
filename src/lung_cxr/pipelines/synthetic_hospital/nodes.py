from pathlib import Path

import pandas as pd

from lung_cxr.parameters import SyntheticHospitalParameters


def write_exports(exports_folder: Path, parameters: SyntheticHospitalParameters) -> pd.DataFrame:
    """Write the synthetic exports below the folder and return what was planted in them (see `synthetic.hospital`)."""
    from lung_cxr.synthetic.hospital import write_hospital  # SciPy and pydicom: not needed to list pipelines

    return write_hospital(exports_folder, parameters)
