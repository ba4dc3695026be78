"""Measures of a chest, and the position of its surfaces. Lengths in centimetres (axes: see `projection`).

The measures of a patient are the same in all studies; breath, centring and exposure change from image to image.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.phantom.projection import Detector, Field, soft_step

APEX = 5.0  # height of the top of the lungs
WIDEST = 25.0  # height where the chest is widest


@dataclass(frozen=True)
class Chest:
    """Measures of one chest on one image, in cm."""

    half_width: float  # of the lungs where they are widest
    half_depth: float
    fat: float  # chest wall beyond the ribs
    right_dome: float  # height of the right hemidiaphragm
    left_dome: float
    heart: float  # scale of the heart, 1 is normal
    shift: float  # of mediastinum and heart, positive towards the patient's left
    slope: float  # how steeply ribs fall from back to front, 1 is normal
    breasts: float  # thickness, 0 in men
    bone: float  # 1 is normal mineral

    def dome(self, side: int) -> float:
        """Return the height of one hemidiaphragm; side −1 is the patient's right, +1 the left."""
        return self.left_dome if side > 0 else self.right_dome


def draw_chest(generator: Generator, sex: str) -> Chest:
    """Draw the measures of one patient."""
    size = float(generator.normal(0.965 if sex == "F" else 1.02, 0.03))
    dome = float(generator.normal(27.0, 0.8))
    return Chest(
        half_width=13.0 * size,
        half_depth=9.2 * size * float(generator.normal(1, 0.06)),
        fat=float(generator.uniform(1.8, 4.2)),
        right_dome=dome,
        left_dome=dome + float(generator.normal(1.2, 0.4)),
        heart=float(generator.normal(1.0, 0.05)),
        shift=float(generator.normal(0, 0.2)),
        slope=float(generator.normal(1.0, 0.1)),
        breasts=float(generator.uniform(1.5, 4.5)) if sex == "F" else 0.0,
        bone=float(generator.normal(1.0, 0.12)),
    )


def on_another_day(chest: Chest, generator: Generator, view: str) -> Chest:
    """Return the measures for one image of the patient: another breath, slight rotation; AP magnifies the heart."""
    breath = float(generator.normal(1.2 if view == "AP" else 0.0, 0.5))
    return replace(
        chest,
        right_dome=chest.right_dome - breath,
        left_dome=chest.left_dome - breath,
        heart=chest.heart * (1.1 if view == "AP" else 1.0),
        shift=chest.shift + float(generator.normal(0, 0.25)),
        slope=chest.slope * (0.85 if view == "AP" else 1.0),
    )


def lung_half_width(chest: Chest, y: Field) -> Field:
    """Return the distance of the outer lung border from the midline: a dome above a cylinder."""
    up = np.clip((WIDEST - y) / (WIDEST - APEX + 1.0), 0, 1)
    low = 1 - 0.004 * np.clip(y - WIDEST, 0, None)
    return (chest.half_width * (1 - up**2.1) ** 0.5 * low).astype(np.float32)


def lung_edge(chest: Chest, height: float) -> float:
    """Return `lung_half_width` at one height."""
    return float(lung_half_width(chest, np.array([height], dtype=np.float32))[0])


def lung_inner_border(y: Field) -> Field:
    """Return the distance of the inner lung border from the midline: large at the apex, 0 or less further down."""
    return 4.6 - 5.6 * np.clip((y - APEX) / 11.0, 0, 1) ** 0.8


def diaphragm_height(detector: Detector, chest: Chest) -> Field:
    """Return the height of the diaphragm at each pixel: one dome on each side, steeper outwards."""
    x = detector.x
    right, left = (
        chest.dome(side)
        + 0.034 * np.clip(side * x - 5.2, 0, None) ** 2.35
        + 0.03 * np.clip(5.2 - side * x, 0, None) ** 2
        for side in (-1, 1)
    )
    share = soft_step(x - 0.5, 2.5)
    return (right * (1 - share) + left * share).astype(np.float32)
