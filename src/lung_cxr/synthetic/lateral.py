"""A side view of a chest: what a table calls frontal often enough, and what must not reach the catalogue."""

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.anatomy import Chest
from lung_cxr.synthetic.projection import chord, soft_step, tubes
from lung_cxr.synthetic.radiograph import BONE, LUNG_AIR, SOFT, Film, expose, place_patient, process


def draw_lateral(generator: Generator, chest: Chest, side: int) -> Film:
    """Draw one left lateral radiograph: sternum to the left of the picture, spine to the right."""
    detector = place_patient(generator, side)
    x, y = detector.x, detector.y
    depth = np.interp(y, [0, 5, 9, 16, 24, 32, 45], [5.5, 6.5, 9.0, 11.2, 12.2, 12.4, 12.6]).astype(np.float32)
    width = np.interp(y, [0, 4, 10, 20, 45], [11, 24, 34, 30, 30]).astype(np.float32)
    body = width * chord((x / depth) ** 4)
    heart = 9.0 * chest.heart * chord(((x + 3.8) / 4.9) ** 2 + ((y - chest.left_dome + 3.6) / 5.0) ** 2)
    dome = chest.right_dome + 0.05 * np.clip(x + 2.5, 0, None) ** 1.9 + 0.06 * np.clip(-x - 2.5, 0, None) ** 1.8
    inner = np.maximum(depth - 2.0, 0.1)
    apex = np.clip((y - 5.0) / 6.0, 0, 1) ** 0.6
    lung = 19.0 * apex * chord(((x + 0.4) / inner) ** 2) ** 0.7 * (1 - soft_step(y - dome, 0.2))
    bends = 7.6 + 2.6 * np.sin((y - 4) / 26 * np.pi)
    phase = (y - 4.4) / 2.35
    within = np.abs(phase - np.round(phase)) * 2
    vertebrae = 2.6 * chord(((x - bends) / 1.5) ** 6) * (0.35 + 0.65 * soft_step(0.8 - within, 0.1))
    sternum = tubes(detector, [[(-7.2, 10), (-9.8, 15), (-10.4, 22)]], 0.6, 0.5, hollow=0.6)
    ribs = [
        [
            (bends[int((4.4 + 2.35 * k) / detector.pitch) % len(bends), 0], 4.4 + 2.35 * k),
            (2.0, 8.5 + 2.45 * k),
            (-7.0, 11.5 + 2.2 * k),
        ]
        for k in range(10)
    ]
    bone = vertebrae + sternum + tubes(detector, ribs, 0.55, 0.45, hollow=0.75)
    trachea = tubes(detector, [[(0.5, 0), (1.0, 8), (2.2, 14.5)]], 0.9, 0.9)
    soft = body - np.clip(lung - heart, 0, None) * LUNG_AIR - trachea
    return Film(
        process(expose(np.clip(SOFT * soft * 0.8, 0, None) + BONE * bone, detector, generator), detector),
        detector.pitch * 10,
    )


def draw_blank(generator: Generator, side: int) -> Film:
    """An exposure that failed: faint noise about one grey."""
    detector = place_patient(generator, side)
    noise = generator.standard_normal((detector.rows, detector.columns), dtype=np.float32)
    return Film(0.5 + 0.004 * noise, detector.pitch * 10)
