"""From a chest to a film: attenuation along the beam, exposure, scatter, quantum noise and the console's processing."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.anatomy import (
    Chest,
    body_thickness,
    heart_thickness,
    lung_thickness,
    on_another_day,
    rib_thickness,
    shoulder_thickness,
    spine_thickness,
)
from lung_cxr.synthetic.projection import Detector, Field, chord, soft_step
from lung_cxr.synthetic.signs import CHEST_CHANGES, SIGNS, Scene
from lung_cxr.synthetic.vessels import airway_thickness, vessel_thickness

# Effective attenuation at about 120 kVp, per cm. Bone counts beside the soft tissue it displaces.
SOFT = 0.185
BONE = 0.30
LUNG_AIR = 0.72  # share of a healthy lung that is air

FILM_HEIGHT = (41.0, 44.0)  # cm
WINDOW = (0.75, 4.35)  # attenuation shown as black and white, after scatter


@dataclass(frozen=True)
class Film:
    """A radiograph before it is written: `pixels` (rows, columns) float32, 0 black and 1 white inside the window."""

    pixels: Field
    pitch: float  # mm


def draw_radiograph(generator: Generator, chest: Chest, disease: str, view: str, side: int) -> Film:
    """Draw one frontal chest radiograph.

    Args:
        generator: The film's own random stream.
        chest: The patient's measures.
        disease: One of `DISEASES`.
        view: PA or AP.
        side: Longer side of the film, pixels.
    """
    detector = place_patient(generator, side)
    severity = float(generator.uniform(0.25, 1.0))
    where = int(generator.choice([-1, 1]))
    today = on_another_day(chest, generator, view)
    if disease in CHEST_CHANGES:
        today = CHEST_CHANGES[disease](today, severity, where)
    attenuation = _attenuation(detector, today, disease, view, severity, where, generator)
    exposed = expose(attenuation, detector, generator)
    pixels = process(exposed, detector)
    return Film(_with_side_marker(pixels, detector, generator), detector.pitch * 10)


def place_patient(generator: Generator, side: int) -> Detector:
    """Choose the film and how the patient is centred on it."""
    shape = float(generator.uniform(0.84, 1.0))  # columns to rows
    rows = side - int(generator.integers(0, max(2, side // 32)))
    columns = int(rows * shape)
    pitch = float(generator.uniform(*FILM_HEIGHT)) / rows
    return Detector(
        rows, columns, pitch, columns / 2 + float(generator.normal(0, 0.6)) / pitch, float(generator.normal(0, 0.02))
    )


def _attenuation(
    detector: Detector, chest: Chest, disease: str, view: str, severity: float, where: int, generator: Generator
) -> Field:
    """Sum what the beam meets: soft tissue, air and bone."""
    heart = heart_thickness(detector, chest)
    lung = lung_thickness(detector, chest, heart)
    finding = SIGNS[disease](Scene(detector, chest, lung, generator, severity, where))
    upper_flow = 1.25 if disease == "Pulmonary Edema" else 0.8
    vessels = vessel_thickness(detector, chest, generator, upper_flow)
    air = lung * LUNG_AIR * (1 - finding.filled)
    grain = 1 + 0.018 * detector.noise(generator, 0.3) + 0.02 * detector.noise(generator, 1.0)
    soft = body_thickness(detector, chest) - air * grain
    soft += np.minimum(vessels, 2.0) * LUNG_AIR * finding.markings * soft_step(lung - 0.7, 0.7)
    soft += finding.extra
    soft -= airway_thickness(detector, chest) * 0.9
    soft -= gastric_bubble(detector, chest, generator)
    back, front = rib_thickness(detector, chest)
    bone = back + front * 0.85 + spine_thickness(detector, chest) + shoulder_thickness(detector, chest, view)
    return np.clip(SOFT * soft, 0, None) + BONE * bone


def gastric_bubble(detector: Detector, chest: Chest, generator: Generator) -> Field:
    """Air in the stomach below the left dome, flat underneath where it lies on fluid; cm of air."""
    x, y = (
        detector.x - float(generator.uniform(5.0, 6.6)),
        detector.y - (chest.left_dome + float(generator.uniform(2.4, 3.0))),
    )
    bubble = chord((x / float(generator.uniform(2.2, 3.4))) ** 2 + (y / 1.7) ** 2)
    return float(generator.uniform(3.0, 5.5)) * bubble * (1 - soft_step(y - 0.9, 0.1))


def expose(attenuation: Field, detector: Detector, generator: Generator) -> Field:
    """Beer–Lambert with scatter and quantum noise; returns the logarithm of what was stopped."""
    primary = np.exp(-attenuation)
    scatter = 0.16 * detector.blurred(primary, 4.0) + 0.004
    photons = float(generator.uniform(0.7, 1.4)) * 26_000 * detector.pitch / 0.08  # at the skin, per pixel
    signal = (primary + scatter) * photons
    signal += np.sqrt(signal) * generator.standard_normal(signal.shape, dtype=np.float32)
    return -np.log(np.maximum(signal, 1.0) / photons).astype(np.float32)


def process(exposed: Field, detector: Detector) -> Field:
    """Do what a console does: even out large differences, sharpen edges, put the chest into the window."""
    broad = detector.blurred(exposed, 3.0)
    even = broad * 0.72 + (exposed - broad) * 1.25
    fine = even + 0.5 * (exposed - detector.blurred(exposed, 0.25))
    low, high = WINDOW[0] * 0.72, WINDOW[1] * 0.72
    return (fine - low) / (high - low)


def _with_side_marker(pixels: Field, detector: Detector, generator: Generator) -> Field:
    del detector, generator
    return pixels
