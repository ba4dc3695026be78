"""Draw non-chest images: hand, knee, skull, pelvis, test pattern. Lengths in centimetres."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy.interpolate import PchipInterpolator

from lung_cxr.synthetic.phantom.frontal import BONE, SOFT, WINDOW, DrawnImage, expose, process
from lung_cxr.synthetic.phantom.hardware import side_letter
from lung_cxr.synthetic.phantom.projection import Detector, Field, chord, soft_step, tubes

DENSEST = 0.95  # grey of the densest part, as a share of the window


def draw_other_part(generator: Generator, side: int, part: int | None = None) -> DrawnImage:
    """Draw one non-chest radiograph.

    Args:
        generator: Random stream of this image.
        side: Longer side of the image, pixels.
        part: Index into `PARTS`; None draws it at random.
    """
    draw, height = PARTS[int(generator.integers(len(PARTS))) if part is None else part]
    pitch = height * float(generator.uniform(0.95, 1.1)) / side
    columns = int(side * generator.uniform(0.7, 1.0))
    tilt = float(generator.normal(0, 0.05))
    detector = Detector(rows=side, columns=columns, pitch=pitch, centre=columns / 2, tilt=tilt, top=0.0)
    soft, bone = draw(detector, generator)
    attenuation = SOFT * soft + BONE * bone
    attenuation = attenuation * np.float32(DENSEST * WINDOW[1] / np.quantile(attenuation, 0.995))
    return DrawnImage(
        process(expose(attenuation + side_letter(detector, generator), detector, generator), detector), 10 * pitch
    )


def _hand(detector: Detector, generator: Generator) -> tuple[Field, Field]:
    """Draw wrist, palm and five fingers, each of three bones and a metacarpal."""
    spread = float(generator.uniform(0.8, 1.2))
    wrist, length = 17.0, np.array([5.5, 8.3, 9.0, 8.4, 6.6])
    knuckles = np.array([(-3.9, 13.2), (-2.6, 9.8), (-0.8, 9.4), (1.0, 9.9), (2.7, 10.9)])
    angles = spread * np.array([-0.95, -0.25, -0.05, 0.16, 0.38])
    ways = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    tips = knuckles + ways * length[:, None]
    fingers = np.stack([knuckles, (knuckles + tips) / 2, tips], axis=1)
    soft = tubes(detector, fingers, 0.95, 0.7)
    palm = ((detector.x / 4.4) ** 2) ** 2 + (((detector.y - 13.4) / 4.6) ** 2) ** 2
    forearm = soft_step(detector.y - wrist, 1.0) * chord((detector.x / 3.3) ** 2)
    soft = np.maximum(np.maximum(soft, 2.6 * chord(palm)), 4.0 * forearm)
    joints = (0.0, 0.46, 0.74, 1.0)
    phalanges = [
        [
            knuckle + way * reach * (first + 0.03),
            knuckle + way * reach * (first + last) / 2,
            knuckle + way * reach * last,
        ]
        for knuckle, way, reach in zip(knuckles, ways, length, strict=True)
        for first, last in zip(joints[:-1], np.array(joints[1:]) - 0.04, strict=True)
    ]
    root = np.array(
        [(-1.6, wrist - 1.8), (-0.9, wrist - 2.3), (-0.2, wrist - 2.4), (0.5, wrist - 2.3), (1.2, wrist - 2)]
    )
    metacarpals = [[start, (start + end) / 2, end] for start, end in zip(root, knuckles, strict=True)]
    arms = [[(x, wrist), (x, wrist + 5), (x, wrist + 12)] for x in (-1.1, 1.3)]
    bone = tubes(detector, [*phalanges, *metacarpals], 0.42, 0.34, hollow=0.5) + tubes(
        detector, arms, 0.95, 0.7, hollow=0.6
    )
    return soft, 1.6 * bone


def _knee(detector: Detector, generator: Generator) -> tuple[Field, Field]:
    """Draw femur above, tibia and fibula below, and the patella over the joint."""
    x, y = detector.x, detector.y
    joint = float(generator.uniform(15, 19))
    width = np.interp(y, [0, joint - 4, joint + 4, 40], [7.5, 6.0, 5.6, 4.6]).astype(np.float32)
    soft = 1.8 * width * chord((x / width) ** 2)
    bones = [
        [(0.4, -3), (0.3, joint / 2), (0, joint - 2.5)],
        [(0, joint + 2.5), (0.1, joint + 10), (0.2, 45)],
    ]
    bone = tubes(detector, bones, 1.7, 2.2, hollow=0.7)
    fibula = tubes(detector, [[(3.6, joint + 2.6), (3.2, joint + 10), (2.6, 45)]], 0.7, 0.6, hollow=0.5)
    for centre in (joint - 1.9, joint + 1.9):
        bone = bone + 2.6 * chord((x / 4.1) ** 4 + ((y - centre) / 1.7) ** 4)
    patella = 1.2 * chord((x / 2.2) ** 2 + ((y - joint + 3.2) / 2.3) ** 2)
    return soft, bone + fibula + patella


def _skull(detector: Detector, generator: Generator) -> tuple[Field, Field]:
    """Draw vault, orbits, nose, jaw and teeth from the front."""
    x, y = detector.x, detector.y
    middle = float(generator.uniform(11, 13))
    vault = (x / 7.6) ** 2 + ((y - middle) / 10.0) ** 2
    soft = 15 * chord(vault) + 11 * chord((x / 5.2) ** 2 + ((y - 28) / 8) ** 2)
    shell = 5.0 * (chord(vault) - chord(vault * 1.14) / 1.07)
    orbits = 1.0 * (chord(((np.abs(x) - 3.1) / 2.2) ** 2 + ((y - middle - 2) / 1.8) ** 2))
    nose = 1.2 * chord((x / 1.5) ** 2 + ((y - middle - 5.4) / 2.6) ** 2)
    jaw = tubes(
        detector, [[(s * 5.6, middle + 3), (s * 5.4, middle + 11), (0, middle + 11.6)] for s in (-1, 1)], 1.2, 1.4
    )
    teeth = (np.abs(np.sin(x * 4.2)) > 0.25) * soft_step(1.2 - np.abs(y - middle - 9), 0.2) * (np.abs(x) < 3)
    return soft - 3 * nose, shell + 1.6 - orbits * 1.2 + jaw + 1.5 * teeth - 1.6 * (vault > 1.3)


def _pelvis(detector: Detector, generator: Generator) -> tuple[Field, Field]:
    """Draw abdomen and pelvis: spine, iliac wings, hips, and gas in the bowel."""
    x, y = detector.x, detector.y
    wall = PchipInterpolator([-5, 8, 20, 30, 50], [15.5, 15, 17.5, 18.5, 17.5])(y).astype(np.float32)
    soft = 22 * chord((x / wall) ** 4)
    for _ in range(int(generator.integers(4, 9))):
        across, down = generator.normal(0, 6), generator.uniform(2, 20)
        size = generator.uniform(1.0, 2.6)
        soft = soft - 2.0 * size * chord(((x - across) / (1.5 * size)) ** 2 + ((y - down) / size) ** 2)
    phase = (y + 1.0) / 3.6
    bodies = chord((x / 2.3) ** 4) * (0.5 + 0.5 * soft_step(0.8 - 2 * np.abs(phase - np.round(phase)), 0.1)) * (y < 19)
    sacrum = 2.2 * chord((x / 5.0) ** 2 + ((y - 21) / 5.0) ** 2)
    wings = [[(s * 5, 21.5), (s * 15.5, 10.5), (s * 13, 27)] for s in (-1, 1)]
    pubis = [[(s * 11, 29), (s * 5, 26.5), (s * 0.8, 31)] for s in (-1, 1)]
    thighs = [[(s * 11, 29.5), (s * 15.5, 31), (s * 15, 46)] for s in (-1, 1)]
    bone = 2.5 * bodies + sacrum + tubes(detector, wings, 1.0, 1.8, hollow=0.6) + tubes(detector, pubis, 1.0, 0.9)
    bone += tubes(detector, thighs, 2.2, 1.6, hollow=0.5)
    return soft, bone


def _test_pattern(detector: Detector, generator: Generator) -> tuple[Field, Field]:
    """Draw the test pattern of a service engineer: step wedge, line pairs and a ring, in lead and aluminium."""
    x, y = detector.x, detector.y
    steps = int(generator.integers(8, 13))
    wedge = np.floor(np.clip(y / 30, 0, 0.999) * steps) * (np.abs(x + 8) < 4)
    lines = (np.sin(2 * np.pi * x * np.clip(y / 8, 0.3, 4)) > 0) * ((x > 2) & (x < 12) & (y < 14))
    ring = np.abs(np.hypot(x - 6, y - 22) - 5) < 0.4
    return 2.0 * wedge + 0 * x + 1.0, 6.0 * lines + 8.0 * ring


PARTS: tuple[tuple[Callable[[Detector, Generator], tuple[Field, Field]], float], ...] = (
    (_hand, 24.0),
    (_knee, 36.0),
    (_skull, 30.0),
    (_pelvis, 40.0),
    (_test_pattern, 30.0),
)
"""Function and image height of each part."""
