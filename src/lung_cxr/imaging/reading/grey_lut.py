"""Make the LUT from stored values to grey values: modality, then VOI transform (PS3.3 C.11.1, C.11.2).

pydicom applies rescaling and windows. Tables are applied here, because pydicom 3.0 indexes a table of 8-bit
entries with 8-bit numbers, which gives noise, and because a table may have another length than its descriptor states.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.pixels.processing import apply_rescale, apply_windowing

from lung_cxr.imaging.reading.radiograph import Lut, StoredValues

MIN_INSIDE = 0.02  # share of pixels strictly between black and white; a window for other values leaves less
MAX_SAMPLED = 1 << 18  # pixels that are looked up to find that share

Values = npt.NDArray[Any]


def make_lut(header: pydicom.Dataset, smallest: int, count: int, stored_values: StoredValues, big_endian: bool) -> Lut:
    """Return the grey value of every possible stored value.

    A transform that is invalid, or that maps nearly all pixels to black or white, is left out; the percentile window
    then serves.

    Args:
        header: Header of the image.
        smallest: Value of stored value 0.
        count: Number of possible values.
        stored_values: uint8 or uint16 of any shape, pixels of the image, counted from the smallest.
        big_endian: Byte order of the file.

    Returns:
        (count,) float32.
    """
    flat = stored_values.ravel()
    sample = np.bincount(flat[:: 1 + 2 * (flat.size // (2 * MAX_SAMPLED))], minlength=count)
    values: npt.NDArray[Any] = np.arange(count) + smallest
    for transforms in (_modality(header, smallest < 0, big_endian), _voi(header, smallest < 0, big_endian)):
        for transform in transforms:
            try:
                changed = transform(values)
            except Exception:  # such as a window of width 0 or a table without entries
                continue
            if _is_informative(changed.astype(np.float32), sample):
                values = changed
                break
    return values.astype(np.float32)


def _modality(header: pydicom.Dataset, signed: bool, big_endian: bool) -> Iterator[Callable[[Values], Values]]:
    for item in header.get("ModalityLUTSequence") or ():
        yield partial(_apply_table, item=item, signed=signed, big_endian=big_endian)
    yield partial(apply_rescale, ds=header)


def _voi(header: pydicom.Dataset, signed: bool, big_endian: bool) -> Iterator[Callable[[Values], Values]]:
    """Yield the VOI tables, then the windows, in the order of the header."""
    for item in header.get("VOILUTSequence") or ():
        yield partial(_apply_table, item=item, signed=signed, big_endian=big_endian)
    if "WindowWidth" in header:
        for index in range(np.size(header.WindowWidth)):
            yield partial(apply_windowing, ds=header, index=index)


def _is_informative(lut: Lut, counts: npt.NDArray[np.int64]) -> bool:
    """Return whether enough pixels keep a grey value strictly between the darkest and the brightest of the LUT."""
    if not np.isfinite(lut).all() or not np.ptp(lut) > 0:
        return False
    if np.count_nonzero(counts) < 3:
        return True
    margin = np.ptp(lut) / 512  # half a grey level: sigmoid windows never reach their ends
    inside = (lut > lut.min() + margin) & (lut < lut.max() - margin)
    return bool(counts[inside].sum() >= MIN_INSIDE * counts.sum())


def _apply_table(values: Values, item: pydicom.Dataset, signed: bool, big_endian: bool) -> Values:
    """Look values up in a LUT sequence item (PS3.3 C.11.1.1.1); values outside the table get its first or last entry.

    Raises:
        ValueError: The table has fewer entries than its descriptor states.
    """
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    entries = entries % (1 << 16) or 1 << 16
    if signed and first >= 1 << 15:  # written as an unsigned number
        first -= 1 << 16
    table = _table_entries(item.LUTData, entries, bits, big_endian)
    if len(table) < entries:
        raise ValueError("short table")
    return table[np.clip(np.rint(values) - first, 0, entries - 1).astype(np.int64)].astype(np.float64)


def _table_entries(data: bytes | list[int], entries: int, bits: int, big_endian: bool) -> npt.NDArray[np.integer]:
    """Return the entries: 16 bits each, or 8 bits packed in pairs (an 8-bit table of half the length)."""
    order = ">" if big_endian else "<"
    if not isinstance(data, bytes):
        data = np.array(data).astype(f"{order}u2").tobytes()
    if bits <= 8 and len(data) < 2 * entries:
        packed = np.frombuffer(data, np.uint8)
        return (
            packed if not big_endian else np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").view(np.uint8)
        )
    return np.frombuffer(data[: len(data) // 2 * 2], f"{order}u2")
