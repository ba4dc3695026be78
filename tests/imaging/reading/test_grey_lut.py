"""VOI tables of every spelling, and windows for other values than the image has."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lung_cxr.imaging.reading.read import decode_image
from made_up_dicom import make_dicom

MOST = 50  # megapixels
CURVE = np.round((np.linspace(0, 1, 4096) ** 0.7) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def stored(smooth) -> np.ndarray:
    return (smooth(6, 120, 100) * 4000 + 40).astype(np.uint16)


def with_table(stored, descriptor, vr, data, keyword="VOILUTSequence", **header) -> bytes:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", descriptor)
    table.add_new("LUTData", vr, data)
    return make_dicom(stored, bits=12, **{keyword: Sequence([table])}, **header)


SPELLINGS = {
    "packed": ("OW", CURVE.tobytes()),
    "in words": ("OW", CURVE.astype("<u2").tobytes()),
    "as numbers": ("US", CURVE.tolist()),
    "packed numbers": ("US", CURVE.view("<u2").tolist()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
def test_tables_of_8_bit_entries_are_applied(stored, spelling, keyword):
    values = decode_image(with_table(stored, [4096, 0, 8], *SPELLINGS[spelling], keyword), MOST).values
    np.testing.assert_array_equal(values, CURVE[stored])


def test_a_table_may_start_above_the_smallest_value(stored):
    curve = (np.arange(3000) ** 2 / 200).astype("<u2")
    values = decode_image(with_table(stored, [3000, 600, 16], "OW", curve.tobytes()), MOST).values
    np.testing.assert_array_equal(values, curve[np.clip(stored.astype(int) - 600, 0, 2999)])


@pytest.mark.parametrize("first", [-1000, 64536])
def test_a_table_of_signed_values_may_start_below_zero(stored, first):
    curve = (np.arange(4096) ** 2 / 300).astype("<u2")
    signed = stored.astype(np.int16) - 1000
    table = with_table(signed, [4096, first % 65536, 16], "OW", curve.tobytes(), HighBit=15, BitsStored=16)
    np.testing.assert_array_equal(decode_image(table, MOST).values, curve[signed.astype(int) + 1000])


@pytest.mark.parametrize(("entries", "given"), [(4096, 100), (4096, 2047), (256, 256)])
def test_a_table_that_is_too_short_is_left_out(stored, entries, given):
    curve = np.arange(given).astype("<u2")
    stored = np.maximum(stored, 300)  # above the last of 256 entries
    values = decode_image(with_table(stored, [entries, 0, 16], "OW", curve.tobytes()), MOST).values
    np.testing.assert_array_equal(values, stored)


@pytest.mark.parametrize(("centre", "width"), [(-3000, 400), (20000, 3000), (0, 1), (5, 20), (9000, 2)])
def test_a_window_that_no_pixel_lies_in_is_left_out(stored, centre, width):
    content = make_dicom(stored, bits=12, WindowCenter=str(centre), WindowWidth=str(width))
    np.testing.assert_array_equal(decode_image(content, MOST).values, stored)


def test_of_several_windows_the_first_that_fits_is_applied(stored):
    header = {"WindowCenter": ["-3000", "2000"], "WindowWidth": ["400", "1500"]}
    one = make_dicom(stored, bits=12, WindowCenter="2000", WindowWidth="1500")
    several = decode_image(make_dicom(stored, bits=12, **header), MOST)
    np.testing.assert_array_equal(several.values, decode_image(one, MOST).values)
