"""Draw objects beside the patient: the side letter, and electrodes of a monitor."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from lung_cxr.synthetic.phantom.projection import Detector, Field, chord, tubes

LETTER = 1.7  # height of the lead letter, cm
LEAD = 2.6  # attenuation of the letter: white anywhere on the image
WIRE = 3.0  # attenuation per cm of cable
ELECTRODES = ((-9.5, 12.0), (9.5, 12.5), (8.5, 24.0))  # right arm, left arm, left leg, cm
MONITORED = 0.4  # share of bedside images


def side_letter(detector: Detector, generator: Generator) -> Field:
    """Return the lead letter L or R beside the shoulder of that side, as attenuation (rows, columns)."""
    letter, left = ("L", True) if generator.random() < 0.7 else ("R", False)
    size = max(8, int(LETTER / detector.pitch))
    away, down = (int(size * part) for part in generator.uniform((0.4, 0.3), (1.6, 2.2)))
    canvas = Image.new("L", (detector.columns, detector.rows))
    column = detector.columns - away - size if left else away
    ImageDraw.Draw(canvas).text((column, down), letter, fill=255, font=ImageFont.load_default(size))
    return LEAD / 255 * np.asarray(canvas, dtype=np.float32)


def electrodes(detector: Detector, generator: Generator) -> Field:
    """Return three electrodes of a monitor with their cables, as attenuation (rows, columns)."""
    places = np.array(ELECTRODES) + generator.normal(0, 0.9, (3, 2))
    meeting = np.array([generator.uniform(-15, 15), 40.0])
    bends = (places + meeting) / 2 + generator.normal(0, 4.0, (3, 2))
    cables = np.stack([places, bends, np.broadcast_to(meeting, (3, 2))], axis=1)
    total = WIRE * tubes(detector, cables, 0.09, 0.09)
    for x, y in places:
        distance = ((detector.x - x) ** 2 + (detector.y - y) ** 2) / 0.55**2
        total += 0.7 * chord(distance) + 0.5 * chord(distance * 5)
    return total


def hardware(detector: Detector, view: str, generator: Generator) -> Field:
    """Return all objects that are not the patient; they do not depend on the disease."""
    total = side_letter(detector, generator)
    if view == "AP" and generator.random() < MONITORED:
        total = total + electrodes(detector, generator)
    return total
