import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.quality.duplicates import difference_hash
from lung_cxr.splitting.shared_images import Catalogue, find_shared

RULE = {"max_bits": 6, "min_correlation": 0.98}


def picture(seed: int) -> np.ndarray:
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12)).astype(np.uint8))
    return np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC))


@pytest.fixture
def catalogue_of(tmp_path):
    """Store one picture per patient; a patient is a letter, a picture a seed or its pixels."""

    def make(name, patients, key="k"):
        store, rows = ImageStore(tmp_path / name), []
        for number, (patient, given) in enumerate(patients.items()):
            pixels = picture(given) if isinstance(given, int) else given
            image_id = f"{number:032x}"
            path = store.put(image_id, pixels)
            rows.append((image_id, patient, difference_hash(pixels), path))
        columns = ["image_id", "patient_key", "difference_hash", "image_path"]
        return Catalogue(pd.DataFrame(rows, columns=columns), store.folder, key)

    return make


def test_patients_and_near_duplicates_of_training_are_counted(catalogue_of):
    brighter = np.clip(picture(1).astype(int) + 2, 0, 255).astype(np.uint8)
    training = catalogue_of("a", {"p": 1, "q": 2, "r": 3})
    external = catalogue_of("b", {"q": 5, "x": brighter, "y": 1, "z": 6})
    assert find_shared(external, training, **RULE) == {"patients": 1, "near_duplicates": 2, "confirmed": True}


def test_keys_of_two_secrets_are_not_compared_but_pixels_are(catalogue_of):
    found = find_shared(catalogue_of("b", {"p": 1}, key="other"), catalogue_of("a", {"p": 1}), **RULE)
    assert (found["patients"], found["near_duplicates"]) == (None, 1)
    assert "different pseudonymisation keys" in found["patients_reason"]


def test_without_the_stored_images_the_hash_decides_and_without_the_catalogue_nothing(catalogue_of):
    training, external = catalogue_of("a", {"p": 1}), catalogue_of("b", {"q": 1, "r": 2})
    elsewhere = Catalogue(training.images, training.folder / "gone", training.key)
    found = find_shared(external, elsewhere, **RULE)
    assert (found["near_duplicates"], found["confirmed"]) == (1, False)
    nothing = find_shared(external, None, **RULE)
    assert nothing["patients"] is nothing["near_duplicates"] is None
    assert "training_site" in nothing["near_duplicates_reason"]
