"""One file → its place in the store and everything that is measured on it: the only step that reads pixels."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from lung_cxr.imaging.catalogue.image_store import ImageStore, StoreFullError
from lung_cxr.imaging.deidentify import burned_in_text
from lung_cxr.imaging.deidentify.burned_in_text import Cleared
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.quality.chest import measure_chest
from lung_cxr.imaging.quality.duplicates import difference_hash
from lung_cxr.imaging.quality.metrics import measure_quality
from lung_cxr.imaging.quality.qc_rules import exceeds
from lung_cxr.imaging.reading.radiograph import Radiograph
from lung_cxr.imaging.reading.read import decode_image, read_bytes
from lung_cxr.imaging.reasons import Rejection
from lung_cxr.imaging.standardise import Grey, pad_to_square, standardise
from lung_cxr.parameters import IngestionParameters, StandardiseParameters, TextPolicy

READING_VERSION = 5  # raise it with every change of a stored pixel or of the ledger: all images are then made again
ABSENT = -1  # bytes: the size of a file that is not there
NOT_LOOKED = -1  # pieces of text, where nobody looked for any
NAN = float("nan")


@dataclass(frozen=True)
class ProcessedImage:
    """One row of the ledger `source_files`: what a file was, and what was seen in it.

    Attributes:
        image_id: Its key.
        size_bytes: Of the file, -1 where there was none.
        modified_ns: When the file was last written.
        settings: Fingerprint of the settings it was read under; empty where it must be read again next time.
        source_key: Keyed hash of the file's bytes.
        reason: Why it is not accepted; empty where the image is in the store and what follows was measured.
        detail: More of the reason.
        header_view: The view that the file's header states.
        burned_in: What the header says of text in the pixels: "YES", "NO" or "".
        inverted: Whether black and white were exchanged, by the header's word or by measurement.
        rows: Of the source image.
        columns: Of the source image.
        pixel_sha256: Of the stored pixels.
        stored_bytes: Of the file in the store; 0 where nobody counted them.
        outdated: Whether the stored image was made under other settings and cannot be made again: its file is gone.
        difference_hash: Of the stored image.
        text_boxes: Pieces of burned-in text blacked out in it; -1 where nobody looked for any.
        qc_sharpness: See `quality.measure_quality`, as the rest down to `qc_bright_fraction`.
        qc_inversion: See `chest.measure_chest`, as the rest; of the image before black and white were exchanged.
    """

    image_id: str
    size_bytes: int = ABSENT
    modified_ns: int = ABSENT
    settings: str = ""
    source_key: str = ""
    reason: str = ""
    detail: str = ""
    header_view: str = "unknown"
    burned_in: str = ""
    inverted: bool = False
    rows: int = 0
    columns: int = 0
    pixel_sha256: str = ""
    stored_bytes: int = 0
    outdated: bool = False
    difference_hash: str = ""
    text_boxes: int = NOT_LOOKED
    qc_sharpness: float = NAN
    qc_contrast: float = NAN
    qc_dark_fraction: float = NAN
    qc_bright_fraction: float = NAN
    qc_inversion: float = NAN
    qc_rotation: float = NAN
    qc_lateral: float = NAN
    qc_foreign: float = NAN
    qc_turned_foreign: float = NAN


LEDGER_COLUMNS = [column.name for column in fields(ProcessedImage)]
NOTHING_SEEN: dict[str, Any] = {name: value for name, value in asdict(ProcessedImage("")).items() if name != "image_id"}


def observation(row: Mapping[str, Any]) -> ProcessedImage:
    """Return a row of a ledger, also of another version: what it lacks has its default, what is unknown is dropped."""
    return ProcessedImage(**{name: row[name] for name in LEDGER_COLUMNS if name in row})


@dataclass(frozen=True)
class ImageProcessor:
    """Reads, standardises, measures and stores files; safe to send to other processes.

    Attributes:
        store: Where images go.
        secret: Makes the keyed hash of the source bytes.
        standardise: From decoded pixels to the store's square.
        accept_unchecked_pixels: Where nobody looks for text, keep images whose header does not say that none is there.
        burned_in_text: Look for text in the pixels of every image or not, and what to do with it.
        max_megapixels: Larger images are refused.
    """

    store: ImageStore
    secret: Secret
    standardise: StandardiseParameters
    accept_unchecked_pixels: bool
    burned_in_text: TextPolicy
    max_megapixels: float

    @classmethod
    def under(cls, chosen: IngestionParameters, store: ImageStore, secret: Secret) -> "ImageProcessor":
        """Return the processor that these settings ask for."""
        text = (chosen.accept_unchecked_pixels, chosen.burned_in_text)
        return cls(store, secret, chosen.standardise, *text, chosen.max_megapixels)

    @property
    def settings(self) -> str:
        """Fingerprint of all that alters what is stored: where it differs, an image is made again."""
        chosen = self.standardise
        text = (self.burned_in_text, burned_in_text.DETECTOR_VERSION, self.accept_unchecked_pixels)
        parts = (READING_VERSION, chosen.side, *chosen.percentiles, chosen.aspect, chosen.max_inversion, *text)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def process(self, image_id: str, path: Path, previous: ProcessedImage | None) -> ProcessedImage:
        """Read one file, store its image, return what was seen. No file whatever makes this raise; a full disk does.

        Args:
            image_id: Its key.
            path: The file.
            previous: What an earlier run saw: if the bytes are the same, nothing is decoded.
        """
        seen = ProcessedImage(image_id, settings=self.settings)
        try:
            status = path.stat()
            seen = replace(seen, size_bytes=status.st_size, modified_ns=status.st_mtime_ns)
            data = read_bytes(path, self.max_megapixels)
            _check_untouched(path, status)
            seen = replace(seen, source_key=self.secret.source_key(hashlib.sha256(data).digest()))
            if previous is not None and self._is_same(previous, seen):
                return replace(previous, size_bytes=seen.size_bytes, modified_ns=seen.modified_ns)
            radiograph = decode_image(data, self.max_megapixels, self.standardise.side)
            seen = replace(seen, header_view=radiograph.view, burned_in=radiograph.burned_in)
            seen = replace(seen, inverted=radiograph.inverted, rows=radiograph.rows, columns=radiograph.columns)
            self._check_header(radiograph)
            return self._stored(seen, radiograph)
        except Rejection as rejection:
            if rejection.passing:
                return self.failed(image_id, rejection.reason, rejection.detail, previous)
            return self._rejected(seen, rejection.reason, rejection.detail)
        except StoreFullError:
            raise
        except (OSError, MemoryError, ImportError) as error:  # no permission …: this file only, the others go on
            return self.failed(image_id, "unreadable", type(error).__name__, previous)
        except Exception as error:
            return self._rejected(seen, "unreadable", type(error).__name__)

    def failed(self, image_id: str, reason: str, detail: str, previous: ProcessedImage | None) -> ProcessedImage:
        """Return what is seen of a file that could not be judged: not accepted now, read again next time.

        What an earlier run stored and measured stays: nothing was found against it.
        """
        return replace(previous or ProcessedImage(image_id), settings="", reason=reason, detail=detail)

    def is_current(self, previous: ProcessedImage) -> bool:
        """Whether what an earlier run saw still holds under the present settings, its image still there."""
        return previous.settings == self.settings and (bool(previous.reason) or self._is_whole(previous))

    def kept(self, previous: ProcessedImage) -> ProcessedImage:
        """Return what holds of an image that cannot be made again, since its file is gone.

        It stays as it is, also where the last attempt to read its file failed. Where its image is not whole it is
        rejected, not forgotten: the store may have been away, or come back from a backup.
        """
        if not previous.pixel_sha256:
            return previous
        if not self._is_whole(previous):
            return self.failed(previous.image_id, "missing_file", "the stored image too", previous)
        return replace(previous, reason="", detail="")

    def _is_same(self, previous: ProcessedImage, seen: ProcessedImage) -> bool:
        return previous.source_key == seen.source_key and self.is_current(previous)

    def _is_whole(self, previous: ProcessedImage) -> bool:
        """Whether the image is in the store, as many bytes as were written."""
        found = self.store.stored_bytes(previous.image_id)
        return found > 0 and previous.stored_bytes in (0, found)

    def _check_header(self, radiograph: Radiograph) -> None:
        if radiograph.view == "lateral":
            raise Rejection("not_frontal", "says the header")
        if self.burned_in_text != "off":  # the pixels are looked at, whatever the header says
            return
        if radiograph.burned_in == "YES":
            raise Rejection("burned_in_annotation")
        if radiograph.burned_in != "NO" and not self.accept_unchecked_pixels:
            raise Rejection("unchecked_pixels")

    def _stored(self, seen: ProcessedImage, radiograph: Radiograph) -> ProcessedImage:
        image = standardise(radiograph, self.standardise)
        chest = measure_chest(image)
        inversion = chest["inversion"]
        is_negative = exceeds(inversion, self.standardise.max_inversion)
        if is_negative:
            image, seen = 255 - image, replace(seen, inverted=True)
        cleared = self._cleared_of_text(image, radiograph)
        square = pad_to_square(cleared.image, self.standardise.side)
        if is_negative or cleared.pieces > 0:  # another picture than was scored
            chest = measure_chest(cleared.smooth)
        metrics = measure_quality(cleared.smooth) | chest | {"inversion": inversion}
        measured = replace(
            seen,
            pixel_sha256=hashlib.sha256(square.tobytes()).hexdigest(),
            difference_hash=difference_hash(square),
            text_boxes=cleared.pieces,
            **{f"qc_{name}": value for name, value in metrics.items()},  # type: ignore[arg-type]
        )
        self.store.put(seen.image_id, square)  # last: what fails before it changes nothing
        return replace(measured, stored_bytes=self.store.stored_bytes(seen.image_id))

    def _cleared_of_text(self, image: Grey, radiograph: Radiograph) -> Cleared:
        """Look for text as the policy says; an image that must not be stored is rejected."""
        if self.burned_in_text == "off":
            return Cleared(image, image, NOT_LOOKED)
        if self.burned_in_text == "redact":
            cleared = burned_in_text.redact(image)
        elif burned_in_text.find_text(image):
            raise Rejection("burned_in_text")
        else:
            cleared = Cleared(image, image, 0)
        if radiograph.burned_in == "YES" and not cleared.pieces:
            raise Rejection("burned_in_annotation", "none found")
        return cleared

    def _rejected(self, seen: ProcessedImage, reason: str, detail: str) -> ProcessedImage:
        """An image that was good before its file changed does not stay in the store."""
        self.store.remove(seen.image_id)
        return replace(seen, reason=reason, detail=detail)


def _check_untouched(path: Path, before: os.stat_result) -> None:
    """A file that is written or replaced while it is read is read again next time."""
    after = path.stat()
    if (after.st_size, after.st_mtime_ns, after.st_ino) != (before.st_size, before.st_mtime_ns, before.st_ino):
        raise Rejection("unreadable", "it changed while it was read", passing=True)
