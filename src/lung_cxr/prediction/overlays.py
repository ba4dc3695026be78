"""Grad-CAM overlays of new images: the stored, redacted image with the regions that support the predicted class."""

import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from lung_cxr.models.grad_cam import NoFeatureMapError, class_evidence, heat_maps
from lung_cxr.models.heat_overlay import overlay
from lung_cxr.training.data.feed import Images

AT_ONCE = 256  # images per call of the model: a call compiles it

log = logging.getLogger(__name__)


def write_overlays(
    folder: Path, model: keras.Model, images: Images, rows: np.ndarray, keys: Sequence[str], classes: np.ndarray
) -> None:
    """Write `<key>.png` for each image, at the network's input size.

    Args:
        folder: Folder of the overlays; created if needed.
        model: Model of the run.
        images: Source of the images.
        rows: (n,) rows of the images to show: only images that were searched for burned-in text.
        keys: n names of the files.
        classes: (n,) class indices to explain.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(rows), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        pixels = images.batch(rows[part])
        try:
            heat = heat_maps(class_evidence(model, pixels, classes[part]), pixels.shape[1])
        except NoFeatureMapError as error:
            log.warning("No overlays: %s", error)
            return
        for key, picture in zip(keys[part], overlay(pixels[..., 0], heat), strict=True):
            Image.fromarray(picture).save(folder / f"{key}.png")
