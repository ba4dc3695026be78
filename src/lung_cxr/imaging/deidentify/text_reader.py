"""Detect and read text with PP-OCRv6 (https://github.com/PaddlePaddle/PaddleOCR), as RapidOCR ships it in its wheel.

Nothing is downloaded. Each process loads its own models at their first use, with one thread each, because ingestion
runs a process per core. Only the given parts of an image are searched, without their soft shades. In the whole image
the detector overlooks small text, takes lungs for letters, and needs 250 MB more.
"""

import logging
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.deidentify.stroke_regions import Place

SHADE_WINDOW = 41  # pixels: slower changes of grey are anatomy
SHADE_GAIN = 3  # of the remaining detail
MAX_CANDIDATES = 20_000  # contours; the library's 1,000 lose the upper half of a noisy image
CAREFUL_WIDTH, QUICK_WIDTH = 320, 48  # pixels at least of a line that is 48 high; the recogniser was trained on 320
MIN_LIKELIHOOD = 0.3  # mean of a box; the library's 0.5 loses thin white letters on black. The recogniser decides

Grey = npt.NDArray[np.uint8]
Quads = npt.NDArray[np.float32]
Likelihoods = npt.NDArray[np.float32]

NO_TEXT = (np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))


class Read(NamedTuple):
    """Result of the recogniser for one quadrilateral.

    Attributes:
        text: Recognised characters.
        score: Mean confidence of its characters, 0…1.
    """

    text: str
    score: float


def detect(image: Grey, places: Sequence[Place]) -> tuple[Quads, Likelihoods]:
    """Return the quadrilaterals that may hold text.

    Args:
        image: (H, W) uint8.
        places: Rectangles to search, from `stroke_regions.regions`.

    Returns:
        (N, 4, 2) float32: corners as column and row, clockwise from the upper left; (N,) float32: mean likelihood of
        text in each, 0…1.
    """
    if not places:
        return NO_TEXT
    likelihood = np.zeros(image.shape, np.float32)
    for place in places:
        np.maximum(likelihood[place], _text_likelihood(_without_shades(image, place)), out=likelihood[place])
    quads, likelihoods = _models(os.getpid()).text_det.postprocess_op(likelihood[None, None], image.shape)
    return np.asarray(quads, np.float32).reshape(-1, 4, 2), np.asarray(likelihoods, np.float32)


def read(image: Grey, quads: Quads, upside_down: bool = False, is_quick: bool = False) -> list[Read]:
    """Read the text in each quadrilateral.

    Args:
        image: (H, W) uint8.
        quads: Quadrilaterals from `detect`.
        upside_down: Rotate each by 180° first.
        is_quick: Do not pad short lines: a fifth of the time, somewhat other scores.
    """
    if not len(quads):
        return []
    models = _models(os.getpid())
    crops = models.crop_text_regions(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), quads)
    models.text_rec.rec_image_shape[2] = QUICK_WIDTH if is_quick else CAREFUL_WIDTH
    turned = [np.rot90(crop, 2) if upside_down else crop for crop in crops]
    found = models.recognize_txt(turned)
    return [Read(text, float(score)) for text, score in zip(found.txts, found.scores, strict=True)]


@cache
def _models(_process: int) -> Any:
    """Return the models of one process: a forked child must not use its parent's sessions."""
    import rapidocr

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)  # it writes to the console, not to the project's log
    folder = Path(rapidocr.__file__).parent / "models"
    models: Any = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.limit_type": "max",  # the first run is on a small image; "min" would enlarge it
            "Det.model_path": str(folder / "PP-OCRv6_det_small.onnx"),  # a path given is never looked for online
            "Rec.rec_batch_num": 1,
            "Rec.model_path": str(folder / "PP-OCRv6_rec_small.onnx"),
        }
    )
    blank = np.zeros((64, 64, 3), np.uint8)
    models(blank, use_det=True, use_cls=False, use_rec=False)  # loads the detector
    models.text_det.postprocess_op.max_candidates = MAX_CANDIDATES
    models.text_det.postprocess_op.box_thresh = MIN_LIKELIHOOD
    models.recognize_txt([blank])  # and the recogniser
    return models


def _without_shades(image: Grey, place: Place) -> Grey:
    """Return the small detail of one part on a middle grey, so that text on a lung looks like text on paper."""
    reach = SHADE_WINDOW // 2
    rows, columns = (slice(max(0, span.start - reach), span.stop + reach) for span in place)
    values = image[rows, columns].astype(np.float32)
    shades = cv2.blur(values, (SHADE_WINDOW, SHADE_WINDOW), borderType=cv2.BORDER_REFLECT)
    flat = np.clip(128 + SHADE_GAIN * (values - shades), 0, 255).astype(np.uint8)
    top, left = place[0].start - rows.start, place[1].start - columns.start
    return flat[top : top + place[0].stop - place[0].start, left : left + place[1].stop - place[1].start]


def _text_likelihood(tile: Grey) -> npt.NDArray[np.float32]:
    """Return the detector's likelihood of text, (H, W) float32, 0…1."""
    height, width = (-(-length // 32) * 32 for length in tile.shape)
    padded = np.full((height, width), 128, np.uint8)
    padded[: tile.shape[0], : tile.shape[1]] = tile
    channels = np.broadcast_to(padded.astype(np.float32) / 127.5 - 1, (1, 3, height, width)).copy()
    return _models(os.getpid()).text_det.session(channels)[0, 0, : tile.shape[0], : tile.shape[1]]
