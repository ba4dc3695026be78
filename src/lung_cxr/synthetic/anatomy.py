"""One chest, as a handful of measures, and the thickness of each of its tissues along the beam.

Every patient keeps the same measures in all studies; breath, centring and exposure change from film to film.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from lung_cxr.synthetic.projection import Detector, Field, chord, soft_step, tubes

RIBS = 11  # pairs that a frontal film shows
T1 = 4.4  # height of the first thoracic vertebra, cm below the top of the film
VERTEBRA = 2.35  # height of a vertebra and its disc, cm


@dataclass(frozen=True)
class Chest:
    """Measures of one chest on one film, in cm (see `projection` for the axes)."""

    half_width: float  # of the rib cage, inside, where it is widest
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
        """Height of one hemidiaphragm; side −1 is the patient's right, +1 the left."""
        return self.left_dome if side > 0 else self.right_dome


def draw_chest(generator: Generator, sex: str) -> Chest:
    """Draw the measures of one patient."""
    size = float(generator.normal(0.965 if sex == "F" else 1.02, 0.035))
    dome = float(generator.normal(27.2, 0.9))
    return Chest(
        half_width=13.3 * size,
        half_depth=9.2 * size * float(generator.normal(1, 0.06)),
        fat=float(generator.uniform(1.6, 3.6)),
        right_dome=dome,
        left_dome=dome + float(generator.normal(1.3, 0.4)),
        heart=float(generator.normal(1.0, 0.05)),
        shift=float(generator.normal(0, 0.25)),
        slope=float(generator.normal(1.0, 0.12)),
        breasts=float(generator.uniform(1.2, 3.6)) if sex == "F" else 0.0,
        bone=float(generator.normal(1.0, 0.12)),
    )


def on_another_day(chest: Chest, generator: Generator, view: str) -> Chest:
    """Return the same patient on another film: other breath, slight rotation; AP films magnify the heart."""
    breath = float(generator.normal(1.2 if view == "AP" else 0.0, 0.5))
    return replace(
        chest,
        right_dome=chest.right_dome - breath,
        left_dome=chest.left_dome - breath,
        heart=chest.heart * (1.1 if view == "AP" else 1.0),
        shift=chest.shift + float(generator.normal(0, 0.3)),
        slope=chest.slope * (0.85 if view == "AP" else 1.0),
    )


def cage_half_width(chest: Chest, y: Field) -> Field:
    """Half-width of the inside of the rib cage at each height: a dome that opens into a cylinder."""
    up = np.clip((25.0 - y) / (25.0 - 3.2), 0, None)
    narrowing = np.clip(1 - up**2.5, 0, None) ** 0.5
    return (chest.half_width * narrowing * (1 - 0.0025 * np.clip(y - 25, 0, None))).astype(np.float32)


def lung_half_width(chest: Chest, y: Field) -> Field:
    """Half-width of the lungs: the cage less pleura, with the apex at 5 cm."""
    up = np.clip((25.0 - y) / (25.0 - 4.9), 0, None)
    return ((chest.half_width - 0.35) * np.clip(1 - up**2.35, 0, None) ** 0.5).astype(np.float32)


def body_thickness(detector: Detector, chest: Chest) -> Field:
    """Soft tissue from front to back as if there were no air in it: trunk, neck, shoulders and breasts."""
    y, x = detector.y, np.abs(detector.x)
    wall = chest.half_width + chest.fat + 0.6
    heights = [-5, 0, 2.5, 4.5, 6.5, 9, 13, 17, 20, 45]
    widths = [6, 6.2, 7.2, 10.5, 15, 18.5, 19.6, wall + 1.6, wall + 0.3, wall + 0.5]
    half_depths = [
        5.5,
        6,
        6.4,
        6.6,
        7,
        8,
        chest.half_depth + 0.8,
        chest.half_depth + 1.6,
        chest.half_depth + 1.8,
        chest.half_depth + 2.4,
    ]
    half_width = np.interp(y, heights, widths).astype(np.float32)
    half_depth = (np.interp(y, heights, half_depths) + 0.25 * chest.fat).astype(np.float32)
    trunk = 2 * half_depth * chord((x / half_width) ** 4) ** 0.9
    breast_y, breast_x = 23.0, 8.2
    low = np.where(y > breast_y, (y - breast_y) / 4.6, (breast_y - y) / 8.0)
    return trunk + chest.breasts * chord(((x - breast_x) / 6.0) ** 2 + low**2)


def heart_thickness(detector: Detector, chest: Chest) -> Field:
    """Heart, great vessels and the rest of the mediastinum."""
    x, y = detector.x - np.float32(chest.shift), detector.y
    scale = chest.heart
    lean = np.deg2rad(36.0)
    bottom = max(chest.dome(1), chest.dome(-1)) - 1.2
    across, down = x - 2.4, y - (bottom - 3.6 * scale)
    along = (across * np.cos(lean) + down * np.sin(lean)) / (6.9 * scale)
    beside = (-across * np.sin(lean) + down * np.cos(lean)) / (4.9 * scale)
    left_heart = 9.0 * scale * chord(along**2 + beside**2)
    right_atrium = (
        6.5 * scale * chord(((x + 1.0) / (3.0 * scale)) ** 2 + ((y - (bottom - 4.2 * scale)) / (4.6 * scale)) ** 2)
    )
    knob = 5.5 * chord(((x - 1.9) / 2.0) ** 2 + ((y - 12.3) / 1.9) ** 2)
    trunk = 4.5 * chord(((x - 2.4) / 2.3) ** 2 + ((y - 16.2) / 2.4) ** 2)
    half = np.interp(y, [0, 6, 9, 13, 20, 45], [3.4, 3.0, 2.4, 2.3, 2.5, 2.9]).astype(np.float32)
    column = 11.0 * chord((np.abs(x + 0.15) / half) ** 3)
    aorta = 4.0 * chord(((x - 1.5) / 1.5) ** 2 + np.zeros_like(y)) * soft_step(y - 12.5, 1.0)
    return np.maximum.reduce([left_heart, right_atrium, knob, trunk, column, aorta])


def diaphragm_height(detector: Detector, chest: Chest) -> Field:
    """Height of the diaphragm above which there is lung, at each pixel: a dome on each side."""
    x = detector.x
    right = chest.right_dome + 0.045 * np.abs(x + 6.3) ** 2.2
    left = chest.left_dome + 0.045 * np.abs(x - 6.6) ** 2.2
    share = soft_step(x - 0.5, 1.5)
    return (right * (1 - share) + left * share).astype(np.float32)


def lung_thickness(detector: Detector, chest: Chest, mediastinum: Field) -> Field:
    """Aerated lung along the beam; behind the dome some is left, fading downwards."""
    x, y = detector.x, detector.y
    half_width = np.maximum(lung_half_width(chest, y), 1e-3)
    open_depth = np.interp(y, [4, 9, 16, 24, 40], [0.45, 0.75, 0.95, 1, 1]).astype(np.float32)
    full = 2 * chest.half_depth * open_depth * chord((x / half_width) ** 2) ** 0.8
    below = y - diaphragm_height(detector, chest)
    recess = 0.4 * np.exp(-np.clip(below, 0, None) / 2.2) * soft_step(34 - y + 0 * x, 2.5)
    above = 1 - soft_step(below, 0.16)
    return np.clip((full - mediastinum), 0, None) * (above + (1 - above) * recess)


def rib_thickness(detector: Detector, chest: Chest) -> tuple[Field, Field]:
    """Ribs as flat hollow bands on the cage's surface: bone at the back, bone at the front."""
    back, front = [], []
    samples = int(36 / detector.pitch * 1.5)
    for rib in range(RIBS):
        drop = chest.slope * np.interp(rib, [0, 1, 3, 7, 10], [5.2, 7.4, 9.6, 11.4, 9.0])
        reach = np.interp(rib, [0, 1, 6, 8, 10], [2.55, 2.6, 2.35, 2.15, 1.7])  # angle where cartilage begins
        for side in (-1, 1):
            angle = np.linspace(0.14, reach, samples, dtype=np.float32)
            y = T1 + VERTEBRA * rib + drop * (1 - np.cos(angle)) / 2 - 0.5 * np.sin(2 * angle)
            x = side * (cage_half_width(chest, y) + 0.25) * np.sin(angle)
            z = -chest.half_depth * np.cos(angle)
            height = np.float32(0.62 + 0.12 * np.sin(angle)) * np.interp(rib, [0, 2, 10], [1.15, 1, 0.85])
            taper = soft_step((reach - angle) * 9, 0.6) if rib < 10 else np.ones_like(angle)
            behind = angle < np.pi / 2
            band = _band(x, y, z, height, 0.36 * taper, detector.pitch)
            for half, chosen in ((back, behind), (front, ~behind)):
                half.append([part[:, chosen] for part in band])
    return tuple(
        detector.splat(*(np.concatenate([rib[part].ravel() for rib in half]) for part in range(3)))
        * np.float32(chest.bone)
        for half in (back, front)
    )


def _band(
    x: Field, y: Field, z: Field, half_height: Field, half_depth: Field, pitch: float
) -> tuple[Field, Field, Field]:
    """Samples of a band along a curve in space: x, y and volume, each (across, along)."""
    dx, dy, dz = np.gradient(x), np.gradient(y), np.gradient(z)
    step = np.sqrt(dx**2 + dy**2 + dz**2)
    # Across the band: upwards within the wall, at right angles to the rib's own direction.
    across_x, across_y = -dy * dx / step**2, 1 - dy**2 / step**2
    norm = np.sqrt(across_x**2 + across_y**2 + (dy * dz / step**2) ** 2)
    lines = max(5, int(2 * 0.8 / pitch * 1.5))
    v = ((np.arange(lines, dtype=np.float32) + 0.5) / lines * 2 - 1)[:, None]
    cortex = chord(v**2) - 0.62 * chord((v / 0.82) ** 2)  # 0.82: marrow; its trabeculae leave 38 % of the bone
    volume = 2 * half_depth * cortex * step * (2 * half_height / lines)
    return x + v * half_height * across_x / norm, y + v * half_height * across_y / norm, volume + 0 * x


def spine_thickness(detector: Detector, chest: Chest) -> Field:
    """Vertebrae with discs between them, pedicles and spinous processes."""
    x, y = detector.x, detector.y
    phase = (y - T1) / VERTEBRA
    within = np.abs(phase - np.round(phase)) * 2  # 0 mid-body, 1 mid-disc
    growth = 1 + 0.012 * (y - T1)
    waist = 1.75 * growth * (1 - 0.1 * (1 - within))
    body = 2.2 * chord((x / waist) ** 6) * (0.45 + 0.55 * soft_step(0.78 - within, 0.1))
    up = (phase - np.round(phase) + 0.15) * VERTEBRA
    pedicles = 0.9 * chord(((np.abs(x) - 1.15 * growth) / 0.32) ** 2 + (up / 0.5) ** 2)
    process = 0.9 * chord((x / 0.22) ** 2 + ((up - 0.7) / 0.8) ** 2)
    return (body + pedicles + process) * np.float32(chest.bone)


def shoulder_thickness(detector: Detector, chest: Chest, view: str) -> Field:
    """Clavicles, scapulae and the heads of the humeri."""
    x, y = np.abs(detector.x), detector.y
    clavicles = [[(side * 1.9, 8.9), (side * 6.0, 8.9), (side * 9.5, 5.2), (side * 15.8, 6.0)] for side in (-1, 1)]
    bone = tubes(detector, clavicles, 0.85, 0.62, hollow=0.72)
    inward = 2.2 if view == "AP" else 0.4  # at the bedside the shoulders are not rolled forward
    border = chest.half_width - inward
    blades = [
        [(side * (border - 0.6), 8.4), (side * (border - 0.9), 13.5), (side * (border + 0.6), 18.5)] for side in (-1, 1)
    ] + [
        [(side * (border + 0.6), 18.5), (side * (border + 2.4), 13.5), (side * (border + 3.6), 9.6)] for side in (-1, 1)
    ]
    bone += tubes(detector, blades, 0.3, 0.3, hollow=0.6)
    left_edge = border - 0.7 + 0.012 * (y - 13) ** 2
    blade = soft_step(x - left_edge, 0.2) * soft_step(border + 3.6 - 0.33 * (y - 9.6) - x, 0.3)
    bone += 0.22 * blade * soft_step(y - 8.6, 0.8) * soft_step(18.6 - y, 0.8)
    heads = [[(side * 17.9, 9.3), (side * 18.4, 14), (side * 18.8, 24)] for side in (-1, 1)]
    bone += 0.7 * chord(((x - 17.7) / 2.5) ** 2 + ((y - 8.8) / 2.5) ** 2) + tubes(detector, heads, 1.5, 1.3, hollow=0.8)
    return bone * np.float32(chest.bone)
