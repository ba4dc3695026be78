"""Draw a frontal chest radiograph: attenuation along the beam, exposure, scatter, noise, image processing."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.phantom.anatomy import Chest, on_another_day
from lung_cxr.synthetic.phantom.disease_signs import CHEST_CHANGES, SIGNS
from lung_cxr.synthetic.phantom.findings import Scene
from lung_cxr.synthetic.phantom.hardware import hardware
from lung_cxr.synthetic.phantom.projection import Detector, Field
from lung_cxr.synthetic.phantom.skeleton import rib_thickness, shoulder_thickness, spine_thickness
from lung_cxr.synthetic.phantom.tissues import body_thickness, gastric_bubble, lung_thickness, mediastinum_thickness
from lung_cxr.synthetic.phantom.vessels import airway_thickness, vessel_thickness

# Effective attenuation at about 120 kVp, per cm. Bone is added to the soft tissue that it displaces.
SOFT = 0.185
BONE = 0.30
LUNG_AIR = 0.72  # share of air in a healthy lung
VESSEL_CONTRAST = 1.6  # each drawn branch represents a bundle of arteries, veins and bronchial walls

IMAGE_HEIGHT = (36.0, 39.5)  # cm
WINDOW = (0.55, 4.7)  # attenuation shown as black and white, after scatter


@dataclass(frozen=True)
class DrawnImage:
    """A radiograph before it is written: `pixels` (rows, columns) float32, 0 black and 1 white inside the window."""

    pixels: Field
    pitch: float  # mm


def draw_radiograph(generator: Generator, chest: Chest, disease: str, view: str, side: int) -> DrawnImage:
    """Draw one frontal chest radiograph.

    Args:
        generator: Random stream of this image.
        chest: Measures of the patient.
        disease: One of `DISEASES`.
        view: PA or AP.
        side: Longer side of the image, pixels.
    """
    detector = place_patient(generator, side)
    severity = float(generator.uniform(0.35, 1.0))
    where = int(generator.choice([-1, 1]))
    today = on_another_day(chest, generator, view)
    if disease in CHEST_CHANGES:
        today = CHEST_CHANGES[disease](today, severity, where)
    attenuation = _attenuation(detector, today, disease, view, severity, where, generator)
    exposed = expose(attenuation + hardware(detector, view, generator), detector, generator)
    return DrawnImage(process(exposed, detector), detector.pitch * 10)


def place_patient(generator: Generator, side: int) -> Detector:
    """Draw the size of the image and the position of the patient on it."""
    shape = float(generator.uniform(0.86, 1.0))  # columns to rows
    rows = side - int(generator.integers(0, max(2, side // 32)))
    pitch = float(generator.uniform(*IMAGE_HEIGHT)) / rows
    return Detector(
        rows=rows,
        columns=int(rows * shape),
        pitch=pitch,
        centre=rows * shape / 2 + float(generator.normal(0, 0.6)) / pitch,
        tilt=float(generator.normal(0, 0.02)),
        top=float(generator.uniform(-0.5, 1.6)),
    )


def _attenuation(
    detector: Detector, chest: Chest, disease: str, view: str, severity: float, where: int, generator: Generator
) -> Field:
    """Sum the attenuation of soft tissue, air and bone along the beam."""
    lung = lung_thickness(detector, chest, mediastinum_thickness(detector, chest))
    finding = SIGNS[disease](Scene(detector, chest, lung, generator, severity, where))
    vessels = vessel_thickness(detector, chest, generator, upper_flow=1.25 if disease == "Pulmonary Edema" else 0.8)
    uneven = 1 + 0.012 * detector.noise(generator, 0.25) + 0.015 * detector.noise(generator, 1.5)
    soft = body_thickness(detector, chest) * (1 + 0.008 * detector.noise(generator, 3.0))
    soft -= lung * LUNG_AIR * (1 - finding.filled) * uneven
    soft += VESSEL_CONTRAST * np.minimum(vessels, 2.0) * finding.markings * np.clip(lung / 9, 0, 1)
    soft += finding.extra - airway_thickness(detector, chest) - gastric_bubble(detector, chest, generator)
    bone = rib_thickness(detector, chest) + spine_thickness(detector, chest) + shoulder_thickness(detector, chest, view)
    return np.clip(SOFT * soft, 0, None) + BONE * bone


def expose(attenuation: Field, detector: Detector, generator: Generator) -> Field:
    """Apply Beer–Lambert with scatter and quantum noise; return the logarithmic signal."""
    primary = np.exp(-attenuation)
    scatter = 0.16 * detector.blurred(primary, 4.0) + 0.004
    photons = float(generator.uniform(0.7, 1.4)) * 60_000 * detector.pitch / 0.08  # at the skin, per pixel
    signal = (primary + scatter) * photons
    signal += np.sqrt(signal) * generator.standard_normal(signal.shape, dtype=np.float32)
    return -np.log(np.maximum(signal, 1.0) / photons).astype(np.float32)


def process(exposed: Field, detector: Detector) -> Field:
    """Process as a console does: compress large differences, sharpen edges, apply the window."""
    broad = detector.blurred(exposed, 3.0)
    even = broad * 0.72 + (exposed - broad) * 1.25
    fine = even + 0.5 * (exposed - detector.blurred(exposed, 0.25))
    low, high = WINDOW[0] * 0.72, WINDOW[1] * 0.72
    return (fine - low) / (high - low)
