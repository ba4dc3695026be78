"""Input and output of a radiographic sign, and shapes that several signs share."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.phantom.anatomy import Chest
from lung_cxr.synthetic.phantom.projection import Detector, Field, chord, soft_step

NO_TISSUE = -0.38  # `filled` without lung tissue: −0.28 / 0.72 for a lung that is 72 % air


@dataclass(frozen=True)
class Finding:
    """Changes that a sign makes to the lungs; every field is (rows, columns)."""

    filled: Field  # share of the lung's air replaced by fluid: 1 solid, NO_TISSUE air only
    extra: Field  # further soft tissue, cm; negative is air
    markings: Field  # 1 normal vessels, 0 no vessels


@dataclass(frozen=True)
class Scene:
    """Input of a sign: detector, chest (already changed by the disease) and its healthy lungs."""

    detector: Detector
    chest: Chest
    lung: Field  # thickness, cm
    generator: Generator
    severity: float
    side: int


def finding(scene: Scene, filled: Field, extra: Field | float = 0.0, markings: Field | float = 1.0) -> Finding:
    """Return a finding from fields or single numbers; defaults are healthy."""
    shape = scene.lung.shape
    fields = (np.broadcast_to(np.asarray(part, dtype=np.float32), shape) for part in (filled, extra, markings))
    return Finding(*fields)


def patchy(scene: Scene, scale: float, depth: float) -> Field:
    """Return uneven texture with mean 1, blobs of `scale` cm."""
    return np.clip(1 + depth * scene.detector.noise(scene.generator, scale), 0, 2)


def share_of_air(scene: Scene, fluid: Field, most: float) -> Field:
    """Turn centimetres of fluid into the share of the air that it replaces, never above `most`."""
    return np.clip(fluid / np.maximum(scene.lung * 0.72, 0.5), 0, most)


def blob(
    scene: Scene, x: float, y: float, width: float, height: float, ragged: float = 0.28, soft: float = 0.24
) -> Field:
    """Return a rounded opacity with a ragged border: 1 inside, 0 outside."""
    detector = scene.detector
    radius = ((detector.x - x) / width) ** 2 + ((detector.y - y) / height) ** 2
    return soft_step(1 - np.sqrt(radius) + ragged * detector.noise(scene.generator, 2.2), soft)


def add_ball(detector: Detector, field: Field, x: float, y: float, radius: float, weight: float) -> Field:
    """Add a small ball's thickness in place, touching only its own pixels."""
    (column, row), reach = detector.place(x, y), radius / detector.pitch + 2
    rows = slice(max(0, int(row - reach)), max(0, int(row + reach) + 1))
    columns = slice(max(0, int(column - reach)), max(0, int(column + reach) + 1))
    down = (np.arange(rows.start, min(rows.stop, detector.rows)) + 0.5 - row)[:, None] * detector.pitch
    right = (np.arange(columns.start, min(columns.stop, detector.columns)) + 0.5 - column)[None] * detector.pitch
    if down.size and right.size:
        field[rows, columns] += weight * 2 * radius * chord((down**2 + right**2) / radius**2)
    return field
