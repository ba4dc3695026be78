"""Small catalogues: a manifest from (patient, label, export) triples, and images to go with it."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.contracts import QC_METRICS, image_manifest


def key(name: object, digits: int = 32) -> str:
    """A made-up pseudonym that looks like a real one."""
    return hashlib.sha256(str(name).encode()).hexdigest()[:digits]


def manifest_of(images: list[tuple]) -> pd.DataFrame:
    """One accepted image per (patient, label, export); a fourth item `"rejected"` rejects it.

    Ids depend on what the image is and not on where it stands, so that a subset of the list gives a subset of the rows.
    """
    seen: dict[tuple, int] = {}
    ids = []
    for image in images:
        seen[image[:3]] = seen.get(image[:3], 0) + 1
        ids.append(key((*image[:3], seen[image[:3]])))
    return image_manifest.validate(
        pd.DataFrame(
            {
                "image_id": ids,
                "patient_key": [key(image[0]) for image in images],
                "study_key": ids,
                "label": [image[1] for image in images],
                "view": "PA",
                "sex": "unknown",
                "age_years": np.nan,
                "exam_day": pd.NaT,
                "export": [image[2] for image in images],
                "source_key": ids,
                "pixel_sha256": [key(image, 64) for image in ids],
                "difference_hash": [key(f"hash of {image}", 64) for image in ids],
                "rows": 64,
                "columns": 64,
                **dict.fromkeys([f"qc_{metric}" for metric in QC_METRICS], 0.5),
                "qc_status": [image[3] if len(image) > 3 else "accepted" for image in images],
                "qc_reasons": "",
                "image_path": [f"{image[:2]}/{image}.png" for image in ids],
            }
        )
    )


def store(manifest: pd.DataFrame, folder, side: int = 64) -> None:
    """Write a picture of noise for every image of the manifest; the same pixels wherever `pixel_sha256` is the same."""
    for pixel_sha256, path in zip(manifest["pixel_sha256"], manifest["image_path"], strict=True):
        noise = np.random.default_rng(int(pixel_sha256[:8], 16)).integers(0, 256, (side, side), np.uint8)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(folder / path)


@pytest.fixture(name="manifest_of")
def _manifest_of():
    return manifest_of


@pytest.fixture(name="store")
def _store():
    return store


@pytest.fixture(name="key")
def _key():
    return key
