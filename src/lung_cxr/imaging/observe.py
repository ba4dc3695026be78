"""One file → its place in the store and everything that is measured on it: the only step that reads pixels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypedDict

from lung_cxr.imaging.duplicates import difference_hash
from lung_cxr.imaging.pseudonyms import Secret
from lung_cxr.imaging.quality import measure_quality
from lung_cxr.imaging.read import Radiograph, decode_image, read_bytes
from lung_cxr.imaging.reasons import Rejection
from lung_cxr.imaging.standardise import fit, pad_to_square, window
from lung_cxr.imaging.store import ImageStore

ABSENT = -1  # bytes: size of a file that is not there
METHOD_VERSION = 1  # raise it with every change that alters a stored pixel: all images are then made again


class StandardiseSettings(Protocol):
    """What this module reads of `parameters.StandardiseParameters`."""

    side: int
    percentiles: tuple[float, float]
    aspect: Literal["pad", "stretch"]


class Observation(TypedDict, total=False):
    """One row of the ledger `source_files`: what a file was, and what was seen in it.

    `reason` is empty where the image is stored; the measurements are then there.
    """

    image_id: str
    size_bytes: int
    modified_ns: int
    settings: str
    source_key: str
    reason: str
    detail: str
    header_view: str
    inverted: bool
    rows: int
    columns: int
    pixel_sha256: str
    difference_hash: str
    qc_sharpness: float
    qc_contrast: float
    qc_dark_fraction: float
    qc_bright_fraction: float


NOTHING_SEEN: Observation = {
    "source_key": "",
    "reason": "",
    "detail": "",
    "header_view": "unknown",
    "inverted": False,
    "rows": 0,
    "columns": 0,
    "pixel_sha256": "",
    "difference_hash": "",
    "qc_sharpness": float("nan"),
    "qc_contrast": float("nan"),
    "qc_dark_fraction": float("nan"),
    "qc_bright_fraction": float("nan"),
}


@dataclass(frozen=True)
class Observer:
    """Reads, standardises, measures and stores files; safe to send to other processes.

    Attributes:
        store: Where images go.
        secret: Makes the keyed hash of the source bytes.
        standardise: From decoded pixels to the store's square.
        accept_unchecked_pixels: Keep images whose header does not say that no text is burned in.
    """

    store: ImageStore
    secret: Secret
    standardise: StandardiseSettings
    accept_unchecked_pixels: bool

    @property
    def settings(self) -> str:
        """Fingerprint of all that alters what is stored: where it differs, an image is made again."""
        chosen = self.standardise
        parts = (METHOD_VERSION, chosen.side, *chosen.percentiles, chosen.aspect, self.accept_unchecked_pixels)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def observe(self, image_id: str, path: Path, previous: Observation | None) -> Observation:
        """Read one file, store its image, return what was seen. No file whatever makes this raise.

        Args:
            image_id: Its key.
            path: The file.
            previous: What an earlier run saw: if the bytes are the same, nothing is decoded.
        """
        seen: Observation = {**NOTHING_SEEN, "image_id": image_id, "settings": self.settings}
        try:
            status = path.stat()
            seen.update(size_bytes=status.st_size, modified_ns=status.st_mtime_ns)
            data = read_bytes(path)
            seen["source_key"] = self.secret.source_key(hashlib.sha256(data).digest())
            if self._is_same(previous, seen):
                return {**previous, **seen_file(seen)}  # type: ignore[typeddict-item]
            radiograph = decode_image(data)
            height, width = radiograph.values.shape
            seen.update(header_view=radiograph.view, inverted=radiograph.inverted, rows=height, columns=width)
            self._check_pixels(radiograph)
            return self._stored(seen, radiograph)
        except Rejection as rejection:
            return self._rejected(seen, rejection.reason, rejection.detail)
        except Exception as error:  # out of memory, a full disk …: this file only, the others go on
            return self._rejected(seen, "unreadable", type(error).__name__)

    def _is_same(self, previous: Observation | None, seen: Observation) -> bool:
        if previous is None or (previous["source_key"], previous["settings"]) != (seen["source_key"], self.settings):
            return False
        return bool(previous["reason"]) or self.store.has(seen["image_id"])

    def _check_pixels(self, radiograph: Radiograph) -> None:
        if radiograph.burned_in == "YES":
            raise Rejection("burned_in_annotation")
        if radiograph.burned_in != "NO" and not self.accept_unchecked_pixels:
            raise Rejection("unchecked_pixels")
        if radiograph.view == "lateral":
            raise Rejection("not_frontal", "says the header")

    def _stored(self, seen: Observation, radiograph: Radiograph) -> Observation:
        chosen = self.standardise
        image = fit(window(radiograph.values, chosen.percentiles), chosen.side, chosen.aspect)
        square = pad_to_square(image, chosen.side)
        self.store.put(seen["image_id"], square)
        measured = {f"qc_{name}": value for name, value in measure_quality(image).items()}
        hashes = {"pixel_sha256": hashlib.sha256(square).hexdigest(), "difference_hash": difference_hash(square)}
        return {**seen, **hashes, **measured}  # type: ignore[typeddict-item]

    def _rejected(self, seen: Observation, reason: str, detail: str) -> Observation:
        """An image that was good before its file changed does not stay in the store."""
        self.store.remove(seen["image_id"])
        return {**seen, "reason": reason, "detail": detail}


def seen_file(seen: Observation) -> Observation:
    """The part of an observation that is about the file, not about its pixels."""
    return {"size_bytes": seen["size_bytes"], "modified_ns": seen["modified_ns"]}


def observe_absent(image_id: str, reason: str) -> Observation:
    """What is seen where there is no file to read."""
    absent: Observation = {"image_id": image_id, "size_bytes": ABSENT, "modified_ns": ABSENT, "settings": ""}
    return {**NOTHING_SEEN, **absent, "reason": reason}
