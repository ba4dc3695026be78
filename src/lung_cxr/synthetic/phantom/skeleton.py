"""Bone along the beam: ribs, spine, clavicles, scapulae and the heads of the humeri, in cm."""

import numpy as np

from lung_cxr.synthetic.phantom.anatomy import Chest, lung_edge
from lung_cxr.synthetic.phantom.projection import Detector, Field, chord, soft_step, tubes

RIBS = 11  # visible pairs on a frontal image
T1 = 4.2  # height of the first thoracic vertebra
VERTEBRA = 2.38  # height of a vertebra and its disc
HALF_DEPTH = 0.36  # of a rib, between its outer and inner surface
SPACING = 1.2  # samples per pixel along each direction of a rib


def rib_thickness(detector: Detector, chest: Chest, from_the_side: bool = False) -> Field:
    """Return ribs as flat tubes on the surface of the cage, projected from front to back or from left to right."""
    ribs = [_rib(chest, rib, side, detector.pitch) for rib in range(RIBS) for side in (-1, 1)]
    x, y, z, volume = (np.concatenate([rib[part].ravel() for rib in ribs]) for part in range(4))
    return detector.splat(-z * (1 - 0.003 * x) if from_the_side else x, y, volume)


def _rib(chest: Chest, rib: int, side: int, pitch: float) -> tuple[Field, Field, Field, Field]:
    """Return samples of one rib: x, y, z (positive to the front) and volume of bone."""
    drop = chest.slope * float(np.interp(rib, [0, 1, 3, 7, 10], [4.6, 6.8, 9.4, 11.6, 9.5]))
    reach = float(np.interp(rib, [0, 1, 6, 8, 10], [2.6, 2.6, 2.35, 2.1, 1.75]))  # the angle where cartilage begins
    half_width = lung_edge(chest, T1 + VERTEBRA * rib + 0.55 * drop) + 0.3
    start = 1.2 / half_width  # joint with the vertebra
    samples = max(24, int((2.6 * half_width + drop) / pitch * SPACING))
    angle = np.linspace(start, reach, samples, dtype=np.float32)
    x = half_width * np.sin(angle)
    y = T1 + VERTEBRA * rib + drop * (1 - np.cos(angle)) / 2 - 0.55 * np.sin(2 * angle)
    z = -chest.half_depth * np.cos(angle)
    half_height = float(np.interp(rib, [0, 2, 10], [0.72, 0.66, 0.56])) * (0.85 + 0.2 * np.sin(angle))
    bone = 1.6 * chest.bone * (1 - 0.4 * soft_step(angle - np.pi / 2, 0.5))  # flatter towards the front
    bone = bone * soft_step(angle * half_width - 2.0, 0.8)
    if rib < RIBS - 2:
        bone = bone * soft_step((reach - angle) * half_width - 0.3, 0.5)
    x, y, z, volume = _tube(np.stack([x, y, z]), half_height, bone, pitch)
    return side * x, y, z, volume


def _tube(axis: Field, half_height: Field, bone: Field, pitch: float) -> tuple[Field, Field, Field, Field]:
    """Return samples around a flat tube along a curve in space (3, along): x, y, z and volume, each (around, along)."""
    step = np.gradient(axis, axis=1)
    length = np.linalg.norm(step, axis=0)
    along = step / length
    # One direction across the rib is upwards, the other into the chest; both at right angles to the rib.
    upwards = np.array([[0], [1], [0]], dtype=np.float32) - along[1] * along
    upwards /= np.linalg.norm(upwards, axis=0)
    inwards = np.cross(along, upwards, axis=0)
    around = max(15, int(2 * np.pi * 0.62 / pitch * SPACING * 0.75)) | 1  # odd: lines of the two surfaces interleave
    angle = (np.arange(around, dtype=np.float32) + 0.5)[:, None] / around * 2 * np.pi
    up, into = half_height * np.sin(angle), HALF_DEPTH * np.cos(angle)
    shell = 0.35 + 0.65 * np.abs(np.cos(angle))  # cortex all around, marrow between its walls
    volume = bone * length * half_height * shell / around
    x, y, z = (axis[i] + up * upwards[i] + into * inwards[i] for i in range(3))
    return x, y, z, volume


def spine_thickness(detector: Detector, chest: Chest) -> Field:
    """Return vertebrae with discs between them, pedicles and spinous processes; faint behind the mediastinum."""
    x, y = detector.x, detector.y
    phase = (y - T1) / VERTEBRA
    offset = phase - np.round(phase)
    within = np.abs(offset) * 2  # 0 mid-body, 1 mid-disc
    growth = 1 + 0.012 * (y - T1)
    half_width = 1.55 * growth * (0.9 + 0.12 * within**2)
    end_plates = np.exp(-(((within - 0.74) / 0.07) ** 2))
    bodies_and_discs = 0.5 + 0.5 * soft_step(0.82 - within, 0.1) + 0.22 * end_plates
    body = 0.85 * chord(np.square(x / half_width) ** 2) * bodies_and_discs
    up = (offset + 0.14) * VERTEBRA
    rings = chord(((np.abs(x) - 0.98 * growth) / 0.3) ** 2 + (up / 0.46) ** 2)
    process = chord((x / 0.2) ** 2 + ((up - 0.75) / 0.75) ** 2)
    return (body + 0.35 * rings + 0.4 * process) * np.float32(chest.bone)


def shoulder_thickness(detector: Detector, chest: Chest, view: str) -> Field:
    """Return clavicles, scapulae and the heads of the humeri."""
    sides = (-1, 1)
    wide = chest.half_width
    clavicles = [[(s * 2.0, 8.6), (s * 5.8, 8.9), (s * 8.6, 5.0), (s * (wide + 2.0), 5.5)] for s in sides]
    bone = 1.1 * tubes(detector, clavicles, 0.78, 0.62, hollow=0.62)
    # At the bedside the shoulders are not rolled forward, and the shoulder blades lie over the lungs.
    inner = wide - (2.4 if view == "AP" else 0.6)
    spines = [[(s * inner, 8.6), (s * (inner + 2.6), 7.3), (s * (wide + 3.6), 6.4)] for s in sides]
    borders = [[(s * (inner + 0.9), 18.2), (s * (inner + 2.2), 13.5), (s * (wide + 3.4), 9.2)] for s in sides]
    edges = [[(s * (inner + 0.9), 18.2), (s * (inner - 0.7), 14), (s * inner, 8.6)] for s in sides]
    bone += 0.4 * tubes(detector, spines + borders, 0.42, 0.5) + 0.25 * tubes(detector, edges, 0.24, 0.2)
    heads = 1.5 * chord(_ball(detector, wide + 4.6, 8.6, 2.4)) + 0.7 * chord(_ball(detector, wide + 2.6, 8.9, 1.1))
    return (bone + heads) * np.float32(chest.bone)


def _ball(detector: Detector, x: float, y: float, radius: float) -> Field:
    return ((np.abs(detector.x) - x) / radius) ** 2 + ((detector.y - y) / radius) ** 2
