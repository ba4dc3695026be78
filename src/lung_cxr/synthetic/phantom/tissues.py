"""Thickness of soft tissue and lung along the beam at every pixel, in centimetres."""

import math

import numpy as np
from numpy.random import Generator
from scipy.interpolate import PchipInterpolator

from lung_cxr.synthetic.phantom.anatomy import Chest, diaphragm_height, lung_half_width, lung_inner_border
from lung_cxr.synthetic.phantom.projection import Detector, Field, chord, soft_step


def body_thickness(detector: Detector, chest: Chest) -> Field:
    """Return trunk, neck, shoulders and breasts from front to back, without the air inside."""
    y, x = detector.y, np.abs(detector.x)
    wall = chest.half_width + chest.fat + 0.4
    depth = chest.half_depth + 0.25 * chest.fat
    outline = PchipInterpolator(
        [-6, 0, 2.5, 4.5, 7, 10, 14, 18, 23, 50],
        [6.4, 6.2, 7.0, 10.5, 16.0, 18.6, wall + 2.9, wall + 1.0, wall + 0.2, wall + 0.8],
    )
    profile = PchipInterpolator(
        [-6, 0, 4, 7, 12, 18, 26, 36, 50],
        [5.6, 6.2, 6.6, 7.2, depth - 0.2, depth + 1.2, depth + 1.6, depth + 2.2, depth + 2.0],
    )
    trunk = 2 * profile(y).astype(np.float32) * chord((x / outline(y).astype(np.float32)) ** 3.4)
    middle = 24.6
    height = np.where(y > middle, (y - middle) / 5.0, (middle - y) / 9.5)
    return trunk + chest.breasts * chord(((x - 7.9) / 6.1) ** 2 + height**2)


def mediastinum_thickness(detector: Detector, chest: Chest) -> Field:
    """Return heart, great vessels and the other tissue between the lungs."""
    x, y = detector.x - np.float32(chest.shift), detector.y
    scale = chest.heart
    bottom = max(chest.dome(1), chest.dome(-1)) - 0.9
    cosine, sine = math.cos(math.radians(40)), math.sin(math.radians(40))  # tilt of the heart axis
    across, down = x - 2.5, y - (bottom - 4.0 * scale)
    along = (across * cosine + down * sine) / (7.2 * scale)
    beside = (-across * sine + down * cosine) / (5.0 * scale)
    left_heart = 12.5 * chord(along**2 + beside**2) ** 0.75
    atrium_y = (y - (bottom - 4.4 * scale)) / (5.2 * scale)
    right_atrium = 10.0 * chord(((x + 0.9) / (3.5 * scale)) ** 2 + atrium_y**2) ** 0.75
    knob = 7.5 * chord(((x - 1.7) / 2.1) ** 2 + ((y - 12.2) / 2.0) ** 2) ** 0.8
    pulmonary_trunk = 8.0 * chord(((x - 1.9) / 2.5) ** 2 + ((y - 16.4) / 3.0) ** 2) ** 0.8
    right = PchipInterpolator([-6, 4, 8, 13, 18, 24, 50], [3.2, 3.2, 2.9, 2.8, 2.7, 3.0, 4.2])(y).astype(np.float32)
    left = PchipInterpolator([-6, 4, 9, 12, 18, 24, 50], [3.2, 3.2, 2.6, 2.4, 2.5, 3.0, 4.2])(y).astype(np.float32)
    column = 14.0 * chord(np.abs(x / np.where(x < 0, right, left)) ** 2.6) ** 0.8
    aorta = 6.0 * chord(((x - 1.3) / 1.9) ** 2 + 0 * y) * soft_step(y - 12.5, 1.0)
    return np.maximum.reduce([left_heart, right_atrium, knob, pulmonary_trunk, column, aorta])


def lung_thickness(detector: Detector, chest: Chest, mediastinum: Field) -> Field:
    """Return aerated lung along the beam; behind the domes it fades downwards."""
    x, y = np.abs(detector.x), detector.y
    outer = np.maximum(lung_half_width(chest, y), 1e-3)
    inwards = np.clip((x - lung_inner_border(y)) / 3.0, 0, 1)
    opening = np.interp(y, [4, 8, 15, 24, 40], [0.4, 0.72, 0.96, 1, 1]).astype(np.float32)
    full = 2 * chest.half_depth * opening * chord((x / outer) ** 2) ** 0.75 * chord((1 - inwards) ** 2)
    below = y - diaphragm_height(detector, chest)
    above = 1 - soft_step(below, 0.15)
    recess = 0.34 * np.exp(-np.clip(below, 0, None) / 1.9) * soft_step(34 - y, 2.5)
    return np.clip(full - mediastinum, 0, None) * (above + (1 - above) * recess)


def gastric_bubble(detector: Detector, chest: Chest, generator: Generator) -> Field:
    """Return air in the stomach below the left dome, with a flat fluid level below; cm of air."""
    x = detector.x - float(generator.uniform(5.0, 6.6))
    y = detector.y - (chest.left_dome + float(generator.uniform(2.3, 3.0)))
    bubble = chord((x / float(generator.uniform(2.0, 3.2))) ** 2 + (y / 1.6) ** 2)
    return float(generator.uniform(2.0, 5.0)) * bubble * (1 - soft_step(y - float(generator.uniform(0.5, 1.0)), 0.1))
