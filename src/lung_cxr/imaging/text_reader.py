"""PP-OCRv6 (detector and recogniser, https://github.com/PaddlePaddle/PaddleOCR) as RapidOCR ships it in its wheel.

Nothing is downloaded. One set of models per process, loaded at its first use; one thread each, since ingestion runs a
process per core. A radiograph is looked at in tiles: whole, at 1024², the detector alone would take 340 MB more.
"""

import logging
import os
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

TILE = 384  # pixels, a multiple of the detector's 32
OVERLAP = 64  # pixels: no line of text that fits is cut lengthwise by a tile's edge

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
    detector = _models(os.getpid()).text_det
    height, width = image.shape
    likelihood = np.zeros(image.shape, np.float32)
    for top, left in product(_starts(height), _starts(width)):
        tile = image[top : top + TILE, left : left + TILE]
        found = detector.session(_network_input(tile))[0, 0, : tile.shape[0], : tile.shape[1]]
        place = likelihood[top : top + TILE, left : left + TILE]
        np.maximum(place, found, out=place)
    quads, _ = detector.postprocess_op(likelihood[None, None], image.shape)
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
    models = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.model_path": str(folder / "PP-OCRv6_det_small.onnx"),  # a path given is never looked for online
            "Rec.model_path": str(folder / "PP-OCRv6_rec_small.onnx"),
        }
    )
    blank = np.zeros((64, 64, 3), np.uint8)
    models(blank, use_det=True, use_cls=False, use_rec=False)  # loads the detector
    models.recognize_txt([blank])  # and the recogniser
    return models


def _starts(length: int) -> list[int]:
    """Where tiles begin along one side; the last ends with it."""
    last = max(0, length - TILE)
    return [*range(0, last, TILE - OVERLAP), last]


def _network_input(tile: Grey) -> npt.NDArray[np.float32]:
    """(1, 3, H, W) float32, -1…1, both sides padded to what the detector needs."""
    height, width = (-(-length // 32) * 32 for length in tile.shape)
    padded = np.zeros((height, width), np.uint8)
    padded[: tile.shape[0], : tile.shape[1]] = tile
    return np.broadcast_to(padded.astype(np.float32) / 127.5 - 1, (1, 3, height, width)).copy()


def _three_channels(image: Grey) -> Grey:
    return np.repeat(image[..., None], 3, axis=2)
