"""Air and blood in the lungs: trachea and bronchi, and the arteries and veins that branch from the hila."""

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.anatomy import Chest
from lung_cxr.synthetic.projection import Detector, Field, tubes

HILUM = 16.2  # cm below the top
CARINA = 14.3
FANS = {
    -1: (-78, -52, -25, 2, 28, 50, 68, 86),
    1: (-78, -50, -22, 5, 30, 52, 72),
}  # degrees below the horizontal, outwards


def airway_thickness(detector: Detector, chest: Chest) -> Field:
    """Air in the trachea and the main bronchi; it follows the mediastinum when that is shifted."""
    shift = chest.shift
    trachea = [[(0.0, -2.0), (0.1 + 0.4 * shift, 8.0), (0.1 + shift, CARINA)]]
    bronchi = [
        [(0.1 + shift, CARINA - 0.3), (-1.1 + shift, CARINA + 0.9), (-3.3 + shift, HILUM + 1.6)],
        [(0.1 + shift, CARINA - 0.3), (1.8 + shift, CARINA + 1.1), (4.2 + shift, HILUM + 1.2)],
    ]
    return tubes(detector, trachea, 0.9, 0.85) + tubes(detector, bronchi, 0.66, 0.42)


def vessel_thickness(detector: Detector, chest: Chest, generator: Generator, upper_flow: float = 0.8) -> Field:
    """Three orders of branches from each hilum, (rows, columns) cm of blood.

    Args:
        detector: Where they are projected.
        chest: Whose they are.
        generator: Draws the branching.
        upper_flow: Calibre of the vessels that run upwards against those that run down; above 1 in congestion.
    """
    curves, starts, ends = [], [], []
    for side in (-1, 1):
        angles = np.deg2rad(np.array(FANS[side]) + generator.normal(0, 5, len(FANS[side])))
        lengths = np.where(np.abs(angles) > 0.9, 11.5, 9.5) * generator.uniform(0.85, 1.1, len(angles))
        origin = np.array([side * 3.0 + chest.shift, HILUM - (0.7 if side > 0 else 0)])
        points = np.broadcast_to(origin, (len(angles), 2)) + generator.normal(0, 0.35, (len(angles), 2))
        radii = 0.50 * np.where(angles < -0.2, upper_flow, 1.0) * generator.uniform(0.75, 1.1, len(angles))
        for _order in range(3):
            level = _branches(generator, points, angles, lengths, side)
            curves.append(level)
            starts.append(radii)
            ends.append(radii * 0.38)
            points, angles, lengths, radii = _children(generator, level, angles, lengths, radii)
    return sum(tubes(detector, *level) for level in zip(curves, starts, ends, strict=True))


def _branches(generator: Generator, points: Field, angles: Field, lengths: Field, side: int) -> Field:
    """Quadratic curves of the given direction and length, each bent a little: (n, 3, 2)."""
    bend = generator.normal(0, 0.16, len(angles))
    middle = points + 0.5 * lengths[:, None] * _direction(angles + bend, side)
    end = middle + 0.5 * lengths[:, None] * _direction(angles - bend, side)
    return np.stack([points, middle, end], axis=1)


def _direction(angles: Field, side: int) -> Field:
    return np.stack([side * np.cos(angles), np.sin(angles)], axis=1)


def _children(
    generator: Generator, curves: Field, angles: Field, lengths: Field, radii: Field
) -> tuple[Field, Field, Field, Field]:
    """Four side branches of each curve, alternately to either side, thinner the further out they leave."""
    t = np.array([0.25, 0.42, 0.6, 0.8])
    weights = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2])
    points = np.einsum("kt,nkd->ntd", weights, curves).reshape(-1, 2)
    turn = np.deg2rad(generator.uniform(22, 48, (len(angles), 4))) * np.array([1, -1, 1, -1])
    here = radii[:, None] * (1 - 0.62 * t)
    return (
        points,
        (angles[:, None] + turn).ravel(),
        (lengths[:, None] * generator.uniform(0.38, 0.58, (len(angles), 4))).ravel(),
        (here * generator.uniform(0.55, 0.75, here.shape)).ravel(),
    )
