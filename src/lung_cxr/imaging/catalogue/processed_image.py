"""One row of the ledger `source_files`: state of a file, and measurements of its image."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from lung_cxr.imaging.catalogue.unkeyed_ledger import with_keyed_hashes
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes

# raise it when the stored pixels of unusual files change: only rows that may be affected are read again
DECODER_VERSION = 2
NOT_SEARCHED = -1  # number of text boxes in an image that was not searched for text
NAN = float("nan")


class ProcessedImage(NamedTuple):
    """One row of the ledger `source_files`: state of a file, and measurements of its image.

    Attributes:
        image_id: Id of the image, 32 hex digits.
        file_stamp: Keyed hash of the file's size and modification time; empty if the file was missing.
        settings: Fingerprint of the settings of the reading; empty if the file must be read again next time.
        source_key: Keyed hash of the file's bytes.
        reason: Reason for rejection; empty if the image is in the store and the columns below were measured.
        detail: Detail of the reason.
        header_view: View that the header states.
        header_id: Key of the patient number in the header; "" if missing, as the next two.
        header_name: Key of the patient's name in the header.
        header_birth: Key of the birth date in the header.
        header_sex: PatientSex of the header: "F", "M", "O" or "".
        burned_in: BurnedInAnnotation of the header: "YES", "NO" or "".
        inverted: Whether black and white were exchanged, because of the header or of `qc_inversion`.
        rows: Rows of the source image.
        columns: Columns of the source image.
        pixel_sha256: Keyed hash of the stored pixels' SHA-256, see `KeyedHashes.pixels`.
        stored_bytes: Size of the stored file; 0 if unknown (older ledgers).
        outdated: Whether the stored image has other settings and its file is gone.
        difference_hash: Difference hash of the stored image, keyed by `KeyedHashes.difference`.
        decoder: `DECODER_VERSION` of the reading; 0 in ledgers that lack it.
        text_boxes: Number of blacked-out text boxes; -1 if the image was not searched.
        geometry_corrected: Whether pixels were made square, or the image was mirrored or rotated, by the header.
        bits_corrected: Whether the header's description of the stored bits was wrong and overruled by the pixels.
        qc_sharpness: See `metrics.measure_quality`, as the columns down to `qc_bright_fraction`.
        qc_inversion: See `chest.measure_chest`, as the columns below; measured before black and white were exchanged.
    """

    image_id: str
    file_stamp: str = ""
    settings: str = ""
    source_key: str = ""
    reason: str = ""
    detail: str = ""
    header_view: str = "unknown"
    header_id: str = ""
    header_name: str = ""
    header_birth: str = ""
    header_sex: str = ""
    burned_in: str = ""
    inverted: bool = False
    rows: int = 0
    columns: int = 0
    pixel_sha256: str = ""
    stored_bytes: int = 0
    outdated: bool = False
    difference_hash: str = ""
    decoder: int = DECODER_VERSION
    text_boxes: int = NOT_SEARCHED
    geometry_corrected: bool = False
    bits_corrected: bool = False
    qc_sharpness: float = NAN
    qc_contrast: float = NAN
    qc_dark_fraction: float = NAN
    qc_bright_fraction: float = NAN
    qc_inversion: float = NAN
    qc_rotation: float = NAN
    qc_lateral: float = NAN
    qc_foreign: float = NAN
    qc_turned_foreign: float = NAN

    @classmethod
    def from_row(cls, row: Mapping[str, Any], hashes: KeyedHashes) -> "ProcessedImage":
        """Return a row of a ledger of any version: missing columns get their defaults, unknown ones are dropped."""
        row = {"decoder": 0, **with_keyed_hashes(row, hashes)}
        return cls(**{name: row[name] for name in LEDGER_COLUMNS if name in row})


LEDGER_COLUMNS = list(ProcessedImage._fields)
UNREAD: dict[str, Any] = ProcessedImage._field_defaults
