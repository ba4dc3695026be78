"""Radiographic signs of the seven diseases, one function per sign.

A sign changes the chest before projection (`CHEST_CHANGES`: large heart, shifted mediastinum) or the content of the
lungs (`SIGNS`). Side −1 is the patient's right (left in the image). Severity runs from 0, just visible, to 1.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lung_cxr.synthetic.phantom.anatomy import Chest, diaphragm_height, lung_edge, lung_half_width
from lung_cxr.synthetic.phantom.findings import NO_TISSUE, Finding, Scene, add_ball, blob, finding, patchy, share_of_air
from lung_cxr.synthetic.phantom.projection import Field, chord, soft_step, tubes
from lung_cxr.synthetic.phantom.vessels import HILUM


def lobar_consolidation(scene: Scene) -> Finding:
    """Pneumonia: one lobe solid, sharp where a fissure bounds it, bronchi still holding air (air bronchogram)."""
    g, side, x, y = scene.generator, scene.side, scene.detector.x, scene.detector.y
    size = 0.8 + 0.35 * scene.severity
    lobe = str(g.choice(["upper", "middle", "lower"], p=[0.3, 0.25, 0.45]))
    fissure = HILUM + 1.0 + 0.04 * (np.abs(x) - 4) + float(g.normal(0, 0.4))
    sharpness = 0.12 if side < 0 else 1.6  # only the right lung has a horizontal fissure
    if lobe == "upper":
        region = blob(scene, side * 7.0, 12.6, 5.6 * size, 5.2 * size) * (1 - soft_step(y - fissure, sharpness))
        bronchi = [(side * (5 + 3.6 * f), HILUM - 3.0 - 4.2 * (1 - f)) for f in (0, 0.4, 0.75, 1.0)]
    elif lobe == "middle":
        region = blob(scene, side * 6.0, 20.8, 5.4 * size, 4.4 * size) * soft_step(y - fissure, sharpness)
        bronchi = [(side * (6.3 + 2.6 * f), 19 + 4.5 * (1 - f)) for f in (0, 0.4, 0.75, 1.0)]
    else:
        region = blob(scene, side * 8.0, 24.2, 5.6 * size, 5.4 * size)
        bronchi = [(side * (5.2 + 5.2 * f), 26.6 - 4.0 * f) for f in (0, 0.35, 0.7, 1.0)]
    start = (side * 3.3 + scene.chest.shift, HILUM + (1.2 if lobe != "upper" else -0.3))
    curves = [[start, ((start[0] + end[0]) / 2 + 0.4, (start[1] + end[1]) / 2), end] for end in bronchi]
    air = tubes(scene.detector, curves, 0.4, 0.2) * region
    filled = region * (0.58 + 0.3 * scene.severity) * patchy(scene, 1.2, 0.1)
    return finding(scene, np.clip(filled, 0, 0.95), extra=-2.2 * air, markings=1 - 0.9 * region)


def peripheral_ground_glass(scene: Scene) -> Finding:
    """COVID-19: hazy patches along the outer lung of both sides, mostly low; vessels stay visible through them."""
    g, detector = scene.generator, scene.detector
    outer = np.abs(detector.x) / np.maximum(lung_half_width(scene.chest, detector.y), 1e-3)
    rim = soft_step(outer - 0.66, 0.24)
    patches = np.zeros_like(scene.lung)
    for side in (-1, 1):
        for height in g.triangular(10, 25, 29, int(g.integers(3, 6))):
            edge = lung_edge(scene.chest, height)
            width = float(g.uniform(2.4, 3.8)) * (0.8 + 0.4 * scene.severity)
            patches = np.maximum(patches, blob(scene, side * (edge - 1.6), height, width, width * 1.25, 0.3, 0.55))
    low = soft_step(detector.y - 14, 6)
    reticulation = 1 + 0.2 * detector.noise(g, 0.3) + 0.15 * detector.noise(g, 0.9)
    haze = (1.6 + 1.9 * scene.severity) * (patches + 0.35 * rim * low) * reticulation  # cm of fluid
    return finding(scene, share_of_air(scene, haze, 0.75))


def cavities_and_nodules(scene: Scene) -> Finding:
    """Tuberculosis: thick-walled cavities near an apex, nodules and strands around them."""
    g, detector = scene.generator, scene.detector
    x, y = detector.x, detector.y
    filled, extra = np.zeros_like(scene.lung), np.zeros_like(scene.lung)
    sides = (-1, 1) if g.random() < 0.35 else (scene.side,)
    for side in sides:
        filled = np.maximum(filled, 0.32 * blob(scene, side * 6.2, 10.4, 4.0, 4.2, 0.4) * patchy(scene, 0.8, 0.5))
        for _ in range(int(g.integers(1, 3))):
            centre = (side * float(g.uniform(4.9, 8.2)), float(g.uniform(8.6, 12.4)))
            radius = float(g.uniform(1.05, 1.6)) * (0.85 + 0.4 * scene.severity)
            angle = np.arctan2(y - centre[1], x - centre[0])
            wobble = 1 + 0.07 * np.sin(2 * angle + g.uniform(0, 6)) + 0.05 * np.sin(3 * angle + g.uniform(0, 6))
            distance = np.hypot(x - centre[0], y - centre[1]) / (radius * wobble)
            inner = 0.66
            extra = extra + 2 * radius * (chord(distance**2) - inner * chord((distance / inner) ** 2)) * 0.9
            filled = np.where(distance < inner, np.minimum(filled, 0.02), filled)
        strands = [
            [
                (side * 3.6, HILUM - 0.8),
                (side * g.uniform(4, 6.5), g.uniform(12, 14.5)),
                (side * g.uniform(4.5, 8.5), g.uniform(8, 11)),
            ]
            for _ in range(5)
        ]
        extra = extra + 0.9 * tubes(detector, strands, 0.16, 0.10)
    count = int(14 + 22 * scene.severity)
    places = np.stack(
        [g.choice(sides, count) * g.uniform(3.8, 10.5, count), 7.5 + np.abs(g.normal(0, 5.0, count))], axis=1
    )
    for (place_x, place_y), radius in zip(places, g.uniform(0.2, 0.5, count), strict=True):
        extra = add_ball(detector, extra, float(place_x), float(place_y), float(radius), 1.5)
    inside = soft_step(scene.lung - 1.0, 1.0)
    return finding(scene, np.clip(filled, 0, 0.8), extra=extra * inside)


def basal_meniscus(scene: Scene) -> Finding:
    """Pleural Effusion: fluid at the base, its surface rises along the chest wall; angle and dome are obscured."""
    g, side, detector = scene.generator, scene.side, scene.detector
    filled = _fluid(scene, side, depth=3.2 + 7.5 * scene.severity)
    if g.random() < 0.2:
        filled = np.maximum(filled, _fluid(scene, -side, depth=2.6))
    above = np.exp(-np.clip(scene.chest.dome(side) - 4 - 6 * scene.severity - detector.y, 0, None) / 3.0)
    hazy = 0.1 * above * (side * detector.x > 0)  # compressed lung above the fluid
    return finding(scene, np.maximum(filled, hazy), markings=1 - filled)


def _fluid(scene: Scene, side: int, depth: float) -> Field:
    """Free fluid of a depth (cm above the costophrenic angle) with its meniscus: 1 in the fluid."""
    x, y = side * scene.detector.x, scene.detector.y
    half = scene.chest.half_width
    level = scene.chest.dome(side) + 4.2 - depth
    outwards = np.clip(x / half, 0, 1.05)
    inwards = np.clip(1 - x / 5.0, 0, 1)
    surface = level - 3.4 * outwards**5 - 0.9 * inwards**2 + 0.15 * scene.detector.noise(scene.generator, 2.5)
    return soft_step(y - surface, 0.75) * soft_step(x + 1.5, 1.5) * 0.98


def pleural_line(scene: Scene) -> Finding:
    """Pneumothorax: the lung is separated from the chest wall; a fine pleural line without markings beyond it."""
    g, side, detector = scene.generator, scene.side, scene.detector
    x, y = side * detector.x, detector.y
    gap = 1.3 + 3.4 * scene.severity
    wall = lung_half_width(scene.chest, y)
    top = 5.6 + 1.5 * gap  # the apex falls most
    rise = np.clip((top + 9 - y) / 9, 0, 1)
    edge = np.clip(wall - gap * (0.75 + 0.12 * np.sin(0.45 * y + g.uniform(0, 6))), 0, None)
    edge = edge * np.sqrt(np.clip(1 - rise**2.6, 0, None))
    beyond = soft_step(x - edge, 0.06) * (x > 0.3)
    steepness = np.hypot(1, np.gradient(edge[:, 0]) / detector.pitch)[:, None]
    line = np.exp(-(((x - edge) / steepness / 0.085) ** 2)) * (x > 1.0) * soft_step(edge - 0.2 + 0 * x, 0.2)
    collapsed = 0.06 + 0.16 * scene.severity
    filled = np.where(x > 0.3, beyond * NO_TISSUE + (1 - beyond) * collapsed, 0)
    visible = soft_step(diaphragm_height(detector, scene.chest) - detector.y, 0.2)
    return finding(scene, filled, extra=1.2 * line * visible, markings=1 - beyond)


def bat_wing_haze(scene: Scene) -> Finding:
    """Pulmonary Edema: haze spreading from both hila, sparing the rim; septal lines and blunted angles at the bases."""
    g, detector = scene.generator, scene.detector
    x, y = detector.x, detector.y
    wings = np.zeros_like(scene.lung)
    for side in (-1, 1):
        reach = ((side * x - 5.4) / 4.8) ** 2 + ((y - HILUM - 2.2) / 6.6) ** 2
        wings = np.maximum(wings, np.exp(-1.1 * reach**1.4))
    rim = soft_step(0.92 - np.abs(x) / np.maximum(lung_half_width(scene.chest, y), 1e-3), 0.14)
    haze = (0.42 + 0.3 * scene.severity) * wings * rim * patchy(scene, 1.5, 0.24) * patchy(scene, 0.5, 0.14)
    fluid = np.maximum(_fluid(scene, -1, 1.6 + scene.severity), _fluid(scene, 1, 1.6 + scene.severity))
    septa = []
    for side in (-1, 1):
        for height in np.arange(23.0, 29.0, 0.65) + g.uniform(-0.15, 0.15):
            outer = lung_edge(scene.chest, height)
            septa.append(
                [(side * outer, height), (side * (outer - 0.9), height + 0.05), (side * (outer - 1.7), height)]
            )
    lines = 1.4 * tubes(detector, septa, 0.09, 0.06) * (scene.lung > 1)
    return finding(scene, np.clip(np.maximum(haze, fluid), 0, 0.97), extra=lines, markings=1 - 0.5 * wings)


def lobar_collapse(scene: Scene) -> Finding:
    """Atelectasis: a lobe folded to a dense wedge with one sharp edge; the rest of the lung is over-inflated."""
    g, side, detector = scene.generator, scene.side, scene.detector
    x, y = side * detector.x, detector.y
    medial = soft_step(x - 0.5 - scene.chest.shift * side, 1.0)
    if g.random() < 0.45:  # upper lobe: a wedge against mediastinum and apex, its fissure pulled up and in
        lower = 14.6 - 3.4 * scene.severity + 0.3 * np.clip(5 - x, 0, 5) ** 1.3 - 0.05 * np.clip(x - 5, 0, None) ** 2
        wedge = 1 - soft_step(y - lower, 0.14)
    else:  # lower lobe: a triangle behind the heart down to the diaphragm, its edge running down and out
        edge = 2.2 + scene.chest.shift * side + (0.5 + 0.14 * scene.severity) * np.clip(y - HILUM, 0, None)
        wedge = (1 - soft_step(x - np.minimum(edge, 10), 0.16)) * soft_step(y - HILUM, 1.5)
    wedge = wedge * medial
    rest = -0.14 * (1 - wedge) * soft_step(x, 1.5)  # the rest of the lung is over-inflated
    return finding(scene, 0.84 * wedge + rest, markings=1 - 0.85 * wedge)


def large_heart(chest: Chest, severity: float, side: int) -> Chest:
    """Pulmonary Edema: the failing heart is large."""
    del side
    return replace(chest, heart=chest.heart * (1.2 + 0.12 * severity))


def shift_towards(chest: Chest, severity: float, side: int) -> Chest:
    """Atelectasis: mediastinum and diaphragm are pulled towards the collapsed lobe."""
    lift = 1.6 + 2.0 * severity
    pulled = replace(chest, shift=chest.shift + side * (1.5 + 1.5 * severity))
    return replace(pulled, **{"left_dome" if side > 0 else "right_dome": chest.dome(side) - lift})


def shift_away(chest: Chest, severity: float, side: int) -> Chest:
    """Pneumothorax and large effusions push the mediastinum to the other side."""
    return replace(chest, shift=chest.shift - side * 1.1 * max(0.0, severity - 0.4))


CHEST_CHANGES: dict[str, Callable[[Chest, float, int], Chest]] = {
    "Pleural Effusion": shift_away,
    "Pneumothorax": shift_away,
    "Pulmonary Edema": large_heart,
    "Atelectasis": shift_towards,
}

SIGNS: dict[str, Callable[[Scene], Finding]] = {
    "Pneumonia": lobar_consolidation,
    "COVID-19": peripheral_ground_glass,
    "Tuberculosis": cavities_and_nodules,
    "Pleural Effusion": basal_meniscus,
    "Pneumothorax": pleural_line,
    "Pulmonary Edema": bat_wing_haze,
    "Atelectasis": lobar_collapse,
}
