"""Geometry and view in a DICOM header."""

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lung_cxr.imaging.reading.read import decode_image
from lung_cxr.imaging.reasons import Rejection
from made_up_dicom import make_dicom

MOST = 50  # megapixels


@pytest.fixture(scope="module")
def grey(smooth) -> np.ndarray:
    return (cv2.GaussianBlur(smooth(7, 120, 100), (0, 0), 3) * 4000).astype(np.uint16)


@pytest.mark.parametrize(
    "keyword", ["PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"]
)
@pytest.mark.parametrize(("height", "width"), [(3, 2), (2, 3), (1, 2)])
def test_pixels_become_square(grey, keyword, height, width):
    scale = 1 if keyword == "PixelAspectRatio" else 0.1
    value = [height, width] if scale == 1 else [f"{height * scale:.1f}", f"{width * scale:.1f}"]
    rows, columns = (120, 100 * width // height) if width > height else (120 * height // width, 100)
    radiograph = decode_image(make_dicom(grey, bits=12, **{keyword: value}), MOST)
    assert (radiograph.rows, radiograph.columns) == radiograph.stored_values.shape == (rows, columns)
    assert radiograph.geometry_corrected
    back = cv2.resize(radiograph.values, (100, 120), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(back.ravel(), grey.ravel())[0, 1] > 0.999


@pytest.mark.parametrize(
    "header",
    [
        {"PixelSpacing": ["0.200", "0.201"]},
        {"PixelSpacing": ["0", "0"]},
        {"PixelAspectRatio": [1, 1]},
        {"PixelAspectRatio": [1, 1000]},
        {"PixelSpacing": ["0.2", "0.2"], "ImagerPixelSpacing": ["0.3", "0.2"]},
        {"PatientOrientation": ["L", "F"]},
        {"PatientOrientation": ["A", "F"]},
        {"PatientOrientation": ["L", "R"]},
        {"PatientOrientation": ["R"]},
    ],
)
def test_square_pixels_and_upright_views_stay_as_they_are(grey, header):
    radiograph = decode_image(make_dicom(grey, bits=12, **header), MOST)
    np.testing.assert_array_equal(radiograph.values, grey)
    assert not radiograph.geometry_corrected


ORIENTATIONS = {  # directions along rows and along columns → how the upright image was stored
    ("R", "F"): lambda image: image[:, ::-1],
    ("L", "H"): lambda image: image[::-1],
    ("R", "H"): lambda image: image[::-1, ::-1],
    ("F", "L"): lambda image: image.T,
    ("H", "L"): lambda image: image[::-1].T,
    ("F", "R"): lambda image: image[:, ::-1].T,
    ("H", "R"): lambda image: image[::-1, ::-1].T,
}


@pytest.mark.parametrize("directions", ORIENTATIONS)
def test_the_patient_is_shown_upright_with_the_left_side_on_the_right(grey, directions):
    stored = np.ascontiguousarray(ORIENTATIONS[directions](grey))
    radiograph = decode_image(make_dicom(stored, bits=12, PatientOrientation=list(directions)), MOST)
    np.testing.assert_array_equal(radiograph.values, grey)
    assert (radiograph.rows, radiograph.columns) == grey.shape
    assert radiograph.geometry_corrected


def test_stretching_does_not_exceed_the_largest_image(grey):
    with pytest.raises(Rejection) as rejection:
        decode_image(make_dicom(grey, bits=12, PixelAspectRatio=[5, 1]), 0.03)
    assert rejection.value.reason == "too_large"


def coded(value: str, meaning: str) -> dict[str, Sequence]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return {"ViewCodeSequence": Sequence([item])}


@pytest.mark.parametrize(
    ("header", "view"),
    [
        (coded("272479007", "postero-anterior"), "PA"),
        (coded("R-10206", "antero-posterior"), "AP"),
        (coded("399173006", "left lateral"), "lateral"),
        (coded("399348003", ""), "AP"),
        (coded("99", "Postero-Anterior"), "PA"),
        (coded("99", "left anterior oblique"), "lateral"),
        (coded("99", "something"), "unknown"),
        (coded("272479007", "left lateral"), "unknown"),
        ({"ViewPosition": "AP", **coded("272479007", "postero-anterior")}, "AP"),
        ({"ViewPosition": "PA", **coded("399173006", "left lateral")}, "unknown"),
        ({"ViewPosition": "LL", **coded("99", "")}, "lateral"),
        ({"PatientOrientation": ["A", "F"]}, "lateral"),
        ({"PatientOrientation": ["PR", "F"]}, "lateral"),
        ({"PatientOrientation": ["L", "F"]}, "unknown"),
        ({"PatientOrientation": ["A", "F"], "ViewPosition": "PA"}, "PA"),
    ],
)
def test_the_view_of_position_and_code(grey, header, view):
    assert decode_image(make_dicom(grey, bits=12, **header), MOST).view == view
