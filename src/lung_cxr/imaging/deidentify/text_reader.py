"""PP-OCRv6 (detector and recogniser, https://github.com/PaddlePaddle/PaddleOCR) as RapidOCR ships it in its wheel.

Nothing is downloaded. One set of models per process, loaded at its first use; one thread each, since ingestion runs a
process per core. A radiograph is looked at in tiles, with its soft shades taken away, and only where there are strokes:
whole, the detector overlooks small text, takes lungs for letters, and needs 250 MB more.
"""

import logging
import os
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

TILE = 384  # pixels at most, a multiple of the detector's 32: the smaller, the less memory
OVERLAP = 64  # pixels: no line of text that fits is cut lengthwise by a tile's edge
STROKE = 9  # pixels: wider lines than this are no small text
STROKE_CONTRAST = 24  # grey levels above or below their surroundings
STROKE_WINDOW = 20  # pixels: about a letter
STROKE_SHARE = (
    0.25  # of such a window: below it there is no letter. Text down to 9 pixels planted on real films: 0.29 and more
)
SHADE_WINDOW = 41  # pixels: what changes more slowly is anatomy
SHADE_GAIN = 3  # of what is left
MAX_CANDIDATES = 20_000  # contours looked at; the library's 1,000 lose the upper half of a noisy film

Grey = npt.NDArray[np.uint8]
Quads = npt.NDArray[np.float32]


class Read(NamedTuple):
    """What the recogniser made of one place.

    Attributes:
        text: Characters, as read.
        score: Mean confidence of its characters, 0…1.
    """

    text: str
    score: float


def detect(image: Grey) -> Quads:
    """Return the quadrilaterals in which there may be text.

    Args:
        image: (H, W) uint8.

    Returns:
        (N, 4, 2) float32: corners as column and row, clockwise from the upper left.
    """
    strokes, flat = _has_strokes(image), _without_shades(image)
    likelihood = np.zeros(image.shape, np.float32)
    for place in product(_spans(image.shape[0]), _spans(image.shape[1])):
        if strokes[place].any():
            np.maximum(likelihood[place], _text_likelihood(flat[place]), out=likelihood[place])
    if not likelihood.any():
        return np.zeros((0, 4, 2), np.float32)
    quads, _ = _models(os.getpid()).text_det.postprocess_op(likelihood[None, None], image.shape)
    return np.asarray(quads, np.float32).reshape(-1, 4, 2)


def read(image: Grey, quads: Quads, upside_down: bool = False) -> list[Read]:
    """Read what stands in each quadrilateral.

    Args:
        image: (H, W) uint8.
        quads: As from `detect`.
        upside_down: Turn each by 180° first.
    """
    if not len(quads):
        return []
    models = _models(os.getpid())
    crops = models.crop_text_regions(_three_channels(image), quads)
    turned = [np.rot90(crop, 2) if upside_down else crop for crop in crops]
    found = models.recognize_txt(turned)
    return [Read(text, float(score)) for text, score in zip(found.txts, found.scores, strict=True)]


@cache
def _models(_process: int) -> Any:
    """The models of one process: a forked child does not use its parent's sessions."""
    import rapidocr

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)  # it writes to the console, past the project's logging
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
    models.recognize_txt([blank])  # and the recogniser
    return models


def _has_strokes(image: Grey) -> npt.NDArray[np.bool_]:
    """(H, W) bool: where thin lines, bright or dark, stand as densely as in writing."""
    kernel = np.ones((STROKE, STROKE), np.uint8)
    bright, dark = (cv2.morphologyEx(image, how, kernel) for how in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    thin = (np.maximum(bright, dark) >= STROKE_CONTRAST).astype(np.float32)
    window = (STROKE_WINDOW, STROKE_WINDOW)
    return cv2.blur(thin, window, borderType=cv2.BORDER_CONSTANT) >= STROKE_SHARE


def _without_shades(image: Grey) -> Grey:
    """Small detail on a middle grey, so that text on a lung looks like text on paper."""
    values = image.astype(np.float32)
    shades = cv2.blur(values, (SHADE_WINDOW, SHADE_WINDOW), borderType=cv2.BORDER_REFLECT)
    return np.clip(128 + SHADE_GAIN * (values - shades), 0, 255).astype(np.uint8)


def _text_likelihood(tile: Grey) -> npt.NDArray[np.float32]:
    """(H, W) float32, 0…1, as the detector sees it."""
    height, width = (-(-length // 32) * 32 for length in tile.shape)
    padded = np.full((height, width), 128, np.uint8)
    padded[: tile.shape[0], : tile.shape[1]] = tile
    channels = np.broadcast_to(padded.astype(np.float32) / 127.5 - 1, (1, 3, height, width)).copy()
    return _models(os.getpid()).text_det.session(channels)[0, 0, : tile.shape[0], : tile.shape[1]]


def _spans(length: int) -> list[slice]:
    """As few equal tiles as cover one side, at least `OVERLAP` in common."""
    tiles = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    tile = -(-(length + (tiles - 1) * OVERLAP) // tiles)
    step = (length - tile) / max(1, tiles - 1)
    return [slice(round(start * step), round(start * step) + tile) for start in range(tiles)]


def _three_channels(image: Grey) -> Grey:
    return np.repeat(image[..., None], 3, axis=2)
