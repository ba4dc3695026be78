"""Read the facts of a DICOM header that do not concern pixel values: view, burned-in text and geometry."""

import math
from typing import NamedTuple

import numpy as np
import pydicom

from lung_cxr.imaging.reading.radiograph import BurnedIn, StoredValues, View

# CS terms of ViewPosition (0018,5101), obliques included
LATERAL_POSITIONS = ("LL", "RL", "LAT", "LATERAL", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO")
# ViewCodeSequence (0054,0220), CID 4010: SNOMED CT and the older SRT codes
VIEW_CODES: dict[str, View] = {
    **dict.fromkeys(("272479007", "R-40888", "R-10214"), "PA"),
    **dict.fromkeys(("399348003", "R-10206"), "AP"),
    **dict.fromkeys(("399173006", "R-10236", "399198007", "R-10232", "399067008", "R-102CD"), "lateral"),
    **dict.fromkeys(("49370004", "G-A104", "399352003", "R-10228", "399260004", "R-10224"), "lateral"),
    **dict.fromkeys(("399135007", "R-10220", "399356000", "R-40985", "399006002", "R-10212"), "lateral"),
    **dict.fromkeys(("399038007", "R-10210", "399184004", "R-10238", "399236003", "R-10234"), "lateral"),
}
# Modality (0008,0060), PS3.3 C.7.3.1.1.1: none of these is a radiograph of a chest; OT, SC and missing ones may be
OTHER_MODALITIES = frozenset(
    {"CT", "MR", "US", "PT", "NM", "MG", "IO", "PX", "BMD", "ECG", "ES", "OP", "OPT", "OCT", "SM", "GM", "IVUS"}
    | {"SR", "DOC", "KO", "PR", "SEG"}
)
MIN_ANISOTROPY = 1.01  # ratio of the sides of a pixel; below it is rounding
MAX_ANISOTROPY = 5.0  # above it the header is wrong
OPPOSITE = {"L": "R", "R": "L", "H": "F", "F": "H"}


class Geometry(NamedTuple):
    """Correction that shows an image upright, with the patient's left on its right and square pixels.

    Attributes:
        transposed: Whether rows and columns are exchanged, before flipping.
        flipped_rows: Whether the order of rows is reversed.
        flipped_columns: Whether the order of columns is reversed.
        height: Height of a pixel over its width, as stored.
    """

    transposed: bool = False
    flipped_rows: bool = False
    flipped_columns: bool = False
    height: float = 1.0

    def shape(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the rows and columns of the corrected image."""
        rows, columns = round(rows * max(1.0, self.height)), round(columns * max(1.0, 1 / self.height))
        return (columns, rows) if self.transposed else (rows, columns)

    def apply(self, stored_values: StoredValues) -> StoredValues:
        """Return the corrected image; the longer side of a pixel is resampled, so that no detail is lost."""
        import cv2

        if self.height != 1:
            rows, columns = Geometry(height=self.height).shape(*stored_values.shape)
            stored_values = cv2.resize(stored_values, (columns, rows), interpolation=cv2.INTER_LINEAR)
        stored_values = stored_values.T if self.transposed else stored_values
        stored_values = stored_values[:: -1 if self.flipped_rows else 1, :: -1 if self.flipped_columns else 1]
        return np.ascontiguousarray(stored_values)


def read_geometry(header: pydicom.Dataset) -> Geometry:
    """Read PatientOrientation, and PixelAspectRatio, PixelSpacing or ImagerPixelSpacing (PS3.3 C.7.6.1, C.7.6.3)."""
    along_rows, along_columns = _orientation(header)
    transposed = along_rows in ("H", "F")
    if transposed:
        along_rows, along_columns = along_columns, along_rows
    return Geometry(transposed, along_columns == "H", along_rows == "R", _pixel_height(header))


def read_view(header: pydicom.Dataset) -> View:
    """Read the view from ViewPosition and ViewCodeSequence; `unknown` if they contradict each other.

    Without both, rows from front to back (PatientOrientation A or P) are a lateral view.
    """
    position = _text(header, "ViewPosition")
    stated: View = position if position in ("PA", "AP") else "unknown"  # type: ignore[assignment]
    if position in LATERAL_POSITIONS:
        stated = "lateral"
    coded = _coded_view(header)
    if stated == coded == "unknown":
        return "lateral" if _directions(header)[:1] in (["A"], ["P"]) else "unknown"
    if "unknown" in (stated, coded):
        return coded if stated == "unknown" else stated
    return stated if (stated == "lateral") == (coded == "lateral") else "unknown"


def read_burned_in(header: pydicom.Dataset) -> BurnedIn:
    """Read BurnedInAnnotation; "" without a valid value."""
    stated = _text(header, "BurnedInAnnotation")
    return stated if stated in ("YES", "NO") else ""  # type: ignore[return-value]


def _text(header: pydicom.Dataset, keyword: str) -> str:
    try:
        return str(header.get(keyword) or "").strip("\0 ").upper()
    except Exception:  # an invalid value: pydicom converts when asked
        return ""


def _coded_view(header: pydicom.Dataset) -> View:
    """Return the view of ViewCodeSequence: by its meaning, else by its code; `unknown` if they contradict."""
    try:
        items: list[pydicom.Dataset] = list(header.get("ViewCodeSequence") or ())
    except Exception:  # a broken sequence: treated as missing
        return "unknown"
    if len(items) != 1:
        return "unknown"
    item: pydicom.Dataset = items[0]
    coded: View = VIEW_CODES.get(_text(item, "CodeValue"), "unknown")
    meaning = "".join(letter for letter in _text(item, "CodeMeaning") if letter.isalpha())
    meant: View = "unknown"
    if "LATERAL" in meaning or "OBLIQUE" in meaning:
        meant = "lateral"
    elif meaning.startswith(("POSTEROANTERIOR", "POSTERIORANTERIOR")) or meaning == "PA":
        meant = "PA"
    elif meaning.startswith(("ANTEROPOSTERIOR", "ANTERIORPOSTERIOR")) or meaning == "AP":
        meant = "AP"
    if "unknown" in (coded, meant):
        return coded if meant == "unknown" else meant
    contradict = (coded == "lateral") != (meant == "lateral")
    return "unknown" if contradict else meant


def read_modality(header: pydicom.Dataset) -> str:
    """Read Modality, "" if missing."""
    return _text(header, "Modality")


def _directions(header: pydicom.Dataset) -> list[str]:
    values = header.get("PatientOrientation") or ()
    return [str(value)[:1].upper() for value in values] if not isinstance(values, str) else []


def _orientation(header: pydicom.Dataset) -> tuple[str, str]:
    """Return the directions of a frontal view along rows and along columns; L and F if missing or of another view."""
    directions = _directions(header)
    is_frontal = len(directions) == 2 and {*directions} <= {*OPPOSITE} and directions[0] != directions[1]
    if not is_frontal or OPPOSITE[directions[0]] == directions[1]:
        return "L", "F"
    return directions[0], directions[1]


def _pixel_height(header: pydicom.Dataset) -> float:
    """Return height over width of a pixel; 1 if square, missing or absurd."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        try:
            height, width = (float(number) for number in header.get(keyword))
            ratio = height / width
        except Exception:  # missing, one value, zero, no number
            continue
        if math.isfinite(ratio) and ratio > 0:
            anisotropy = max(ratio, 1 / ratio)
            return ratio if MIN_ANISOTROPY < anisotropy <= MAX_ANISOTROPY else 1.0
    return 1.0
