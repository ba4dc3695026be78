"""Files of public bug reports, if LUNG_CXR_CASES names their folder: each must give its image, or a fault."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from lung_cxr.imaging.reading.read import decode_image
from lung_cxr.imaging.reasons import IMAGE_FAULTS, Rejection
from lung_cxr.imaging.standardise import standardise
from lung_cxr.parameters import StandardiseParameters

ROOT = Path(os.environ.get("LUNG_CXR_CASES", "/nonexistent"))
EXPECTED = sorted(ROOT.glob("ingestion/*/expected/*.png"))
STORE = StandardiseParameters(side=512, percentiles=(0.5, 99.5), aspect="pad", max_inversion=None)


@pytest.mark.skipif(not EXPECTED, reason="LUNG_CXR_CASES is not set: the reported files are not here")
@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_a_reported_file_is_its_image_or_a_fault(expected):
    file = next(path for path in expected.parent.parent.glob("exports/*/*") if path.stem == expected.stem)
    try:
        image = standardise(decode_image(file.read_bytes(), 50, 512), STORE)
    except Rejection as rejection:
        assert rejection.reason in IMAGE_FAULTS  # noqa: PT017
        assert "jpeg_damaged" in file.parts
        return
    wanted = cv2.resize(
        cv2.imread(str(expected), cv2.IMREAD_GRAYSCALE), image.shape[::-1], interpolation=cv2.INTER_AREA
    )
    assert np.corrcoef(image.ravel(), wanted.ravel())[0, 1] > 0.99
