"""Draw a lateral chest radiograph, and an image without a chest. Both occur in exports; QC must reject both."""

import numpy as np
from numpy.random import Generator
from scipy.interpolate import PchipInterpolator

from lung_cxr.synthetic.phantom.anatomy import Chest
from lung_cxr.synthetic.phantom.frontal import BONE, LUNG_AIR, SOFT, DrawnImage, expose, place_patient, process
from lung_cxr.synthetic.phantom.hardware import side_letter
from lung_cxr.synthetic.phantom.projection import Detector, Field, chord, soft_step, tubes
from lung_cxr.synthetic.phantom.skeleton import T1, VERTEBRA, rib_thickness

THINNER = 0.75  # models the higher exposure of a lateral view, which makes it no whiter than a frontal one


def draw_lateral(generator: Generator, chest: Chest, side: int) -> DrawnImage:
    """Draw one left lateral radiograph: breastbone to the left of the image, spine to the right."""
    detector = place_patient(generator, side)
    soft = _body(detector, chest) - LUNG_AIR * _lungs(detector, chest)
    soft -= tubes(detector, [[(0.0, -2), (0.6, 8), (2.2, 14.5)]], 0.9, 0.9)
    breastbone = tubes(detector, [[(-6.0, 9.5), (-9.4, 14), (-9.7, 23)]], 0.65, 0.5, hollow=0.6)
    bone = _spine(detector, chest) + 0.6 * breastbone + 0.5 * rib_thickness(detector, chest, from_the_side=True)
    attenuation = np.clip(SOFT * THINNER * soft, 0, None) + BONE * bone + side_letter(detector, generator)
    return DrawnImage(process(expose(attenuation, detector, generator), detector), detector.pitch * 10)


def _body(detector: Detector, chest: Chest) -> Field:
    """Return trunk and neck; the arms are raised."""
    x, y = detector.x, detector.y
    front = PchipInterpolator([-6, 0, 5, 9, 14, 22, 50], [-5.5, -5.4, -6.5, -9.0, -11.0, -12.2, -12.6])(y)
    back = PchipInterpolator([-6, 0, 4, 10, 18, 26, 50], [7.0, 7.4, 9.6, 12.4, 13.4, 12.8, 12.2])(y)
    width = np.interp(y, [-6, 2, 6, 12, 18, 50], [12, 13, 24, 33, 30, 30]).astype(np.float32)
    middle, half = ((front + back) / 2).astype(np.float32), ((back - front) / 2 + chest.fat - 2.5).astype(np.float32)
    return width * chord(((x - middle) / half) ** 4)


def _lungs(detector: Detector, chest: Chest) -> Field:
    """Return both lungs without the heart between them."""
    x, y = detector.x, detector.y
    front = PchipInterpolator([4, 8, 12, 18, 50], [-2.0, -5.5, -8.6, -9.4, -9.4])(y).astype(np.float32)
    back = PchipInterpolator([4, 8, 14, 22, 50], [4.5, 7.5, 9.3, 9.4, 9.0])(y).astype(np.float32)
    across = (2 * x - front - back) / (back - front)
    heart_y = y - (chest.left_dome - 4.2)
    heart = 11.0 * chord(((x + 4.6 + 0.3 * heart_y) / (4.8 * chest.heart)) ** 2 + (heart_y / (5.4 * chest.heart)) ** 2)
    arch = 4.0 * chord(((x - 2.2) / 3.4) ** 2 + ((y - 12.6) / 1.5) ** 2)
    dome = chest.right_dome + 0.03 * np.clip(x + 3, 0, None) ** 2.1 + 0.05 * np.clip(-x - 3, 0, None) ** 1.8
    full = 20.0 * np.clip((y - 4.6) / 7.0, 0, 1) ** 0.6 * chord(across**4)
    return np.clip(full - np.maximum(heart, arch), 0, None) * (1 - soft_step(y - dome, 0.2))


def _spine(detector: Detector, chest: Chest) -> Field:
    """Return vertebral bodies and discs along the curve of the back."""
    x, y = detector.x, detector.y
    middle = (4.2 + 3.2 * np.sin(np.clip((y + 3) / 36, 0, 1) * np.pi)).astype(np.float32)
    phase = (y - T1) / VERTEBRA
    within = np.abs(phase - np.round(phase)) * 2
    bodies = chord(((x - middle) / 1.5) ** 4) * (0.3 + 0.7 * soft_step(0.78 - within, 0.1))
    return (1.7 * bodies + 0.5 * chord(((x - middle - 2.6) / 1.0) ** 2 + 0 * y)) * np.float32(chest.bone)


def draw_blank(generator: Generator, side: int) -> DrawnImage:
    """Draw a failed exposure: faint noise around one grey value."""
    detector = place_patient(generator, side)
    noise = generator.standard_normal((detector.rows, detector.columns), dtype=np.float32)
    return DrawnImage(0.5 + 0.002 * noise, detector.pitch * 10)
