"""Airways and vessels: trachea and bronchi, and arteries and veins that branch from the hila."""

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.phantom.anatomy import Chest
from lung_cxr.synthetic.phantom.projection import Detector, Field, tubes

HILUM = 16.2  # height, cm
CARINA = 14.0
FANS = {-1: (-74, -46, -16, 14, 42, 66, 84), 1: (-74, -46, -16, 16, 46, 70)}  # degrees below the horizontal, outwards
LENGTHS = (3.4, 2.8, 2.4, 2.0, 1.7, 1.4)  # cm between one fork and the next: together, from the hilum to the rim
NARROWING = 0.86  # of the radius between two forks


def airway_thickness(detector: Detector, chest: Chest) -> Field:
    """Return the air in trachea and main bronchi; it follows a shifted mediastinum."""
    shift = chest.shift
    trachea = [[(0.0, -2.0), (0.1 + 0.4 * shift, 8.0), (0.1 + shift, CARINA)]]
    bronchi = [
        [(0.1 + shift, CARINA - 0.3), (-1.1 + shift, CARINA + 0.9), (-3.3 + shift, HILUM + 1.6)],
        [(0.1 + shift, CARINA - 0.3), (1.8 + shift, CARINA + 1.1), (4.2 + shift, HILUM + 1.2)],
    ]
    return np.maximum(tubes(detector, trachea, 0.9, 0.85), tubes(detector, bronchi, 0.66, 0.42))


def vessel_thickness(detector: Detector, chest: Chest, generator: Generator, upper_flow: float = 0.8) -> Field:
    """Return vessels that branch repeatedly from each hilum to the rim, (rows, columns) cm of blood.

    Args:
        detector: Detector to project onto.
        chest: Measures of the chest.
        generator: Random stream of the branching.
        upper_flow: Calibre of upward vessels relative to downward vessels; above 1 in congestion.
    """
    stems = [_stems(generator, chest, side, upper_flow) for side in (-1, 1)]
    points, angles, radii, sides = (np.concatenate(part) for part in zip(*stems, strict=True))
    total = np.zeros((detector.rows, detector.columns), dtype=np.float32)
    for length in LENGTHS:
        curves = _curves(generator, points, angles, length, sides)
        total += tubes(detector, curves, radii, radii * NARROWING)
        points = np.repeat(curves[:, -1], 2, axis=0)
        fork = np.deg2rad(generator.uniform(12, 38, len(points))) * np.tile([1, -1], len(angles))
        angles = np.repeat(angles, 2) + fork
        sides = np.repeat(sides, 2)
        radii = np.repeat(radii, 2) * NARROWING * generator.uniform(0.72, 1.0, len(points))
    return total


def _stems(generator: Generator, chest: Chest, side: int, upper_flow: float) -> tuple[Field, Field, Field, Field]:
    """Return the origins of the vessels of one lung: points (n, 2), angles, radii, sides."""
    degrees = np.array(FANS[side])
    count = len(degrees)
    hilum = np.array([side * 2.2 + chest.shift, HILUM - (0.8 if side > 0 else 0)])
    spread = np.stack([generator.normal(0, 0.3, count), degrees / 60 + generator.normal(0, 0.25, count)], axis=1)
    radii = 0.58 * np.where(degrees < -15, upper_flow, 1.0) * generator.uniform(0.75, 1.1, count)
    return hilum + spread, np.deg2rad(degrees + generator.normal(0, 6, count)), radii, np.full(count, side)


def _curves(generator: Generator, points: Field, angles: Field, length: float, sides: Field) -> Field:
    """Return quadratic curves that start at the points, each of about the length and bent a little: (n, 3, 2)."""
    lengths = length * generator.uniform(0.7, 1.3, len(angles))
    bend = generator.normal(0, 0.22, len(angles))
    middle = points + _steps(angles + bend, lengths / 2, sides)
    return np.stack([points, middle, middle + _steps(angles - bend, lengths / 2, sides)], axis=1)


def _steps(angles: Field, lengths: Field, sides: Field) -> Field:
    return np.stack([sides * np.cos(angles), np.sin(angles)], axis=1) * lengths[:, None]
