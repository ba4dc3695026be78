"""Predict files with a bundle: the reading, quality control and decisions of the pipeline `predict`."""

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lung_cxr.bundle.contents import Bundle, BundleError, ReadingSettings
from lung_cxr.bundle.engines import Network
from lung_cxr.evaluation.feature_distance import distances
from lung_cxr.imaging.catalogue.image_store import Grey, ImageStore
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import LEDGER_COLUMNS, ProcessedImage
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.prediction.decide import Prevalence, decide
from lung_cxr.prediction.decision_table import decision_table
from lung_cxr.prediction.new_images import find_new_images
from lung_cxr.prediction.qc_results import with_qc_results
from lung_cxr.splitting.stored_images import resize


class MemoryStore(ImageStore):
    """An image store that keeps the images in memory."""

    def __init__(self) -> None:
        super().__init__(Path("memory"))
        self.images: dict[str, Grey] = {}

    def put(self, image_id: str, image: Grey) -> str:
        """Keep an image."""
        self.images[image_id] = image
        return self.path(image_id)

    def stored_bytes(self, image_id: str) -> int:
        """Return the size of an image in bytes, 0 if it is missing."""
        return self.images[image_id].nbytes if image_id in self.images else 0

    def remove(self, image_id: str) -> None:
        """Forget an image if it exists."""
        self.images.pop(image_id, None)


def image_processor(reading: ReadingSettings) -> ImageProcessor:
    """Return a processor that keeps its images in memory, with a random key: no hash outlives the command."""
    text = (reading.accept_unchecked_pixels, reading.burned_in_text)
    return ImageProcessor(
        MemoryStore(), Secret(secrets.token_hex(32)), reading.standardise, *text, reading.max_megapixels
    )


def find_files(places: Iterable[Path]) -> dict[str, Path | None]:
    """Return name → file of all files and of all files below all folders; None for a link out of its folder.

    Raises:
        FileNotFoundError: A place does not exist.
    """
    found: dict[str, Path | None] = {}
    for place in places:
        if place.is_dir():
            found |= {str(place / name): file for name, file in find_new_images(place).files.items()}
        elif place.exists():
            found[str(place)] = place
        else:
            raise FileNotFoundError("a file or folder of the command does not exist; check its spelling")
    return found


def predict_files(
    bundle: Bundle, network: Network, files: dict[str, Path | None], prevalence: Prevalence = "training"
) -> pd.DataFrame:
    """Return one row per file: column `file`, then those of `contracts.new_image_probabilities` from `qc_status` on.

    Args:
        bundle: The bundle.
        network: Its network.
        files: Result of `find_files`.
        prevalence: Class shares of the images, as in `decide`.
    """
    processor, size = image_processor(bundle.reading), int(bundle.manifest["size"])
    check_reading(bundle, processor)
    rows, outputs = [], {}
    for number, path in enumerate(files.values()):
        key = f"{number:032x}"
        rows.append(_read(processor, key, path))
        if (image := _taken(processor, key)) is not None:
            outputs[key] = network(resize(Image.fromarray(image), size)[None, :, :, None])
    seen = _with_qc_results(rows, bundle.reading)
    accepted = seen.loc[seen["qc_status"] == "accepted", "file_key"]
    probabilities, found = _joined([outputs[key] for key in accepted], bundle.references)
    decided = decide(probabilities, found, bundle.rule, prevalence)
    manifest = bundle.manifest
    table = decision_table(seen, probabilities, found, decided, manifest["run"], manifest["model_sha256"])
    table.insert(0, "file", [os.fsencode(name).decode("utf-8", "backslashreplace") for name in files])
    return table.drop(columns=["file_key", "source_key", "pixel_sha256"])


def check_reading(bundle: Bundle, processor: ImageProcessor) -> None:
    """Check that this package reads images as the one that wrote the bundle.

    Raises:
        BundleError: It does not.
    """
    expected = bundle.manifest["reading"]["settings"]
    if bundle.reading.burned_in_text == bundle.manifest["reading"]["burned_in_text"] and processor.settings != expected:
        raise BundleError(
            "This version of lung_cxr reads images in another way than the one that wrote the bundle "
            f"(lung_cxr {bundle.manifest['versions']['lung_cxr']}, reading version "
            f"{bundle.manifest['reading']['version']}). Install that version, or write the bundle again"
        )


def _read(processor: ImageProcessor, key: str, path: Path | None) -> ProcessedImage:
    if path is None:
        return ProcessedImage(key, reason="path_outside_export")
    if not path.exists():
        return ProcessedImage(key, reason="missing_file")
    return processor.process(key, path, None)


def _taken(processor: ImageProcessor, key: str) -> Grey | None:
    assert isinstance(processor.store, MemoryStore)
    return processor.store.images.pop(key, None)


def _with_qc_results(rows: Sequence[ProcessedImage], reading: ReadingSettings) -> pd.DataFrame:
    ledger = pd.DataFrame(rows, columns=LEDGER_COLUMNS)
    return with_qc_results(
        ledger,
        reading.quality,
        reading.accept_unknown_view,
        reading.burned_in_text,
        reading.accept_unchecked_pixels,
        reading.standardise.side,
    )


def _joined(outputs: Sequence[Any], references: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return probabilities (n, 7) and distances (n,); None where training features are missing."""
    probabilities = np.concatenate([np.empty((0, 7)), *(one[0] for one in outputs)])
    if references is None or any(one[1] is None for one in outputs):
        return probabilities, None
    features = np.concatenate([np.empty((0, references.shape[1])), *(one[1] for one in outputs)])
    return probabilities, distances(features, references)
