"""Read, measure and store the image of one file: the only step that reads pixels."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lung_cxr.imaging.catalogue.header_patient import header_patient
from lung_cxr.imaging.catalogue.image_store import ImageStore, StoreFullError
from lung_cxr.imaging.catalogue.processed_image import DECODER_VERSION, NOT_SEARCHED, ProcessedImage
from lung_cxr.imaging.deidentify import burned_in_text
from lung_cxr.imaging.deidentify.burned_in_text import Cleared
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.quality.chest import measure_chest
from lung_cxr.imaging.quality.duplicates import difference_hash
from lung_cxr.imaging.quality.quality_metrics import exceeds, measure_quality
from lung_cxr.imaging.reading.radiograph import Radiograph
from lung_cxr.imaging.reading.read import decode_image, read_bytes
from lung_cxr.imaging.reasons import Rejection
from lung_cxr.imaging.standardise import Grey, pad_to_square, standardise
from lung_cxr.parameters import IngestionParameters, StandardiseParameters, TextPolicy

# part of the settings' fingerprint: raise it when the stored pixels of ordinary files change, and all are read again
READING_VERSION = 5
MAYBE_READABLE = ("unreadable", "truncated", "multi_frame", "unsupported_pixels")  # a later decoder may read these
NOISE_SHARPNESS = 35.0  # above all real images: bits or sign may have been read wrongly
# in the fingerprint of the text policy `off`: constant, so that a new detector causes no second reading
WITHOUT_DETECTOR = 3


@dataclass(frozen=True)
class ImageProcessor:
    """Read, standardise, measure and store files; can be pickled for other processes.

    Attributes:
        store: Store of the images.
        secret: Key of all hashes of files and pixels.
        standardise: Settings of window and size.
        accept_unchecked_pixels: Whether the text policy `off` accepts images whose header does not exclude text.
        burned_in_text: Text policy: search all images for text or none, and redact or reject.
        max_megapixels: Limit above which an image is rejected.
        reread: Number that makes all files be read again when it changes.
        pixels_kept: Ids of images that are stored without a search for text, because a person has looked at them.
    """

    store: ImageStore
    secret: Secret
    standardise: StandardiseParameters
    accept_unchecked_pixels: bool
    burned_in_text: TextPolicy
    max_megapixels: float
    reread: int = 0
    pixels_kept: frozenset[str] = frozenset()

    @classmethod
    def from_parameters(
        cls,
        ingestion: IngestionParameters,
        store: ImageStore,
        secret: Secret,
        pixels_kept: frozenset[str] = frozenset(),
    ) -> "ImageProcessor":
        """Return the processor of these settings."""
        text = (ingestion.accept_unchecked_pixels, ingestion.burned_in_text)
        limits = (ingestion.max_megapixels, ingestion.reread)
        return cls(store, secret, ingestion.standardise, *text, *limits, pixels_kept)

    @cached_property
    def hashes(self) -> KeyedHashes:
        """Return the keyed hashes under the processor's secret."""
        return KeyedHashes(self.secret)

    @cached_property
    def settings(self) -> str:
        """Return the fingerprint of all settings that change a stored image; a file with another one is read again."""
        chosen = self.standardise
        detector = burned_in_text.DETECTOR_VERSION if self.burned_in_text != "off" else WITHOUT_DETECTOR
        text = (self.burned_in_text, detector, self.accept_unchecked_pixels)
        reread = (self.reread,) if self.reread else ()  # 0: as in catalogues without this setting
        parts = (READING_VERSION, chosen.side, *chosen.percentiles, chosen.aspect, chosen.max_inversion, *text, *reread)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def settings_of(self, image_id: str) -> str:
        """Return the fingerprint of the settings of one image; a decision to keep its pixels changes it."""
        if image_id not in self.pixels_kept:
            return self.settings
        return hashlib.sha256(f"{self.settings} pixels kept".encode()).hexdigest()[:16]

    def process(self, image_id: str, path: Path, previous: ProcessedImage | None) -> ProcessedImage:
        """Read one file and store its image. Only a full disk raises an error; a bad file is a row with a reason.

        Args:
            image_id: Id of the image.
            path: File of the image.
            previous: Row of an earlier run; a file with the same bytes is not decoded again.

        Raises:
            StoreFullError: The disk is full.
        """
        seen = ProcessedImage(image_id, settings=self.settings_of(image_id))
        try:
            status = path.stat()
            seen = seen._replace(file_stamp=self.hashes.file_stamp(status.st_size, status.st_mtime_ns))
            data = read_bytes(path, self.max_megapixels)
            _check_untouched(path, status)
            seen = seen._replace(source_key=self.secret.source_key(hashlib.sha256(data).digest()))
            if previous is not None and self._is_same(previous, seen):
                return previous._replace(file_stamp=seen.file_stamp)
            radiograph = decode_image(data, self.max_megapixels, self.standardise.side)
            names = ("burned_in", "inverted", "rows", "columns", "geometry_corrected", "bits_corrected")
            seen = seen._replace(header_view=radiograph.view, **{name: getattr(radiograph, name) for name in names})
            patient = header_patient(data, self.max_megapixels, self.secret)
            seen = seen._replace(**patient)  # type: ignore[arg-type]
            self._check_header(radiograph, image_id in self.pixels_kept)
            return self._stored(seen, radiograph)
        except Rejection as rejection:
            if rejection.passing:
                return self.failed(image_id, rejection.reason, rejection.detail, previous)
            return self._rejected(seen, rejection.reason, rejection.detail)
        except StoreFullError:
            raise
        except (OSError, MemoryError, ImportError) as error:  # such as a missing permission: affects this file only
            return self.failed(image_id, "unreadable", type(error).__name__, previous)
        except Exception as error:
            return self._rejected(seen, "unreadable", type(error).__name__)

    def failed(self, image_id: str, reason: str, detail: str, previous: ProcessedImage | None) -> ProcessedImage:
        """Return the row of a file that could not be read for now: rejected, and read again next time.

        Stored image and measurements of an earlier run stay.
        """
        return (previous or ProcessedImage(image_id))._replace(settings="", reason=reason, detail=detail)

    def timed_out(self, image_id: str, path: Path, cpu_seconds: float) -> ProcessedImage:
        """Return the row of a file that took too long: rejected, and not read again while it is the same file."""
        status = path.stat()
        stamp = self.hashes.file_stamp(status.st_size, status.st_mtime_ns)
        seen = ProcessedImage(image_id, file_stamp=stamp, settings=self.settings_of(image_id))
        return self._rejected(seen, "too_slow", f"more than {cpu_seconds:g} s")

    def is_current(self, previous: ProcessedImage) -> bool:
        """Return whether a row of an earlier run has the current settings and its image is still stored."""
        if previous.settings != self.settings_of(previous.image_id) or _may_be_misread(previous):
            return False
        return bool(previous.reason) or self._is_whole(previous)

    def kept(self, previous: ProcessedImage) -> ProcessedImage:
        """Return the row of an image whose file is gone.

        The image stays accepted, even if the last attempt to read its file failed. If the stored image is missing or
        incomplete, the row is rejected but kept: the store may return from a backup.
        """
        if not previous.pixel_sha256:
            return previous
        if not self._is_whole(previous):
            return self.failed(previous.image_id, "missing_file", "file and stored image", previous)
        return previous._replace(reason="", detail="")

    def _is_same(self, previous: ProcessedImage, seen: ProcessedImage) -> bool:
        return previous.source_key == seen.source_key and self.is_current(previous)

    def _is_whole(self, previous: ProcessedImage) -> bool:
        """Return whether the stored image exists and has the size that was written."""
        found = self.store.stored_bytes(previous.image_id)
        return found > 0 and previous.stored_bytes in (0, found)

    def _check_header(self, radiograph: Radiograph, pixels_kept: bool) -> None:
        if radiograph.view == "lateral":
            raise Rejection("not_frontal", "header")
        if self.burned_in_text != "off" or pixels_kept:  # searched, also if the header excludes text, or looked at
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
            image, seen = 255 - image, seen._replace(inverted=True)
        is_kept = seen.image_id in self.pixels_kept
        cleared = Cleared(image, image, NOT_SEARCHED) if is_kept else self._cleared_of_text(image, radiograph)
        square = pad_to_square(cleared.image, self.standardise.side)
        if is_negative or cleared.pieces > 0:  # the scored image has changed
            chest = measure_chest(cleared.smooth)
        metrics = measure_quality(cleared.smooth) | chest | {"inversion": inversion}
        measured = seen._replace(
            pixel_sha256=self.hashes.pixels(hashlib.sha256(square.tobytes()).hexdigest()),
            difference_hash=self.hashes.difference(difference_hash(square)),
            text_boxes=cleared.pieces,
            **{f"qc_{name}": value for name, value in metrics.items()},  # type: ignore[arg-type]
        )
        self.store.put(seen.image_id, square)  # last, so that an earlier failure changes nothing
        return measured._replace(stored_bytes=self.store.stored_bytes(seen.image_id))

    def _cleared_of_text(self, image: Grey, radiograph: Radiograph) -> Cleared:
        """Search for text and redact or reject by the text policy."""
        if self.burned_in_text == "off":
            return Cleared(image, image, NOT_SEARCHED)
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
        """Delete the stored image of an earlier version of the file, and return the rejected row."""
        self.store.remove(seen.image_id)
        return seen._replace(reason=reason, detail=detail)


def _may_be_misread(previous: ProcessedImage) -> bool:
    """Return whether an earlier decoder rejected a file that is readable now, or read noise out of it."""
    is_suspect = previous.reason in MAYBE_READABLE or previous.qc_sharpness > NOISE_SHARPNESS
    return previous.decoder < DECODER_VERSION and is_suspect


def _check_untouched(path: Path, before: os.stat_result) -> None:
    """Reject a file that changed during reading; it is read again next time."""
    after = path.stat()
    if (after.st_size, after.st_mtime_ns, after.st_ino) != (before.st_size, before.st_mtime_ns, before.st_ino):
        raise Rejection("unreadable", "changed while it was read", passing=True)
