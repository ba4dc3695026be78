"""Each sign is where it belongs, and the signs can be learnt; nothing else differs between the diseases."""

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from lung_cxr.diseases import DISEASES
from lung_cxr.synthetic.phantom.anatomy import Chest, draw_chest
from lung_cxr.synthetic.phantom.disease_signs import CHEST_CHANGES, SIGNS
from lung_cxr.synthetic.phantom.findings import Finding, Scene
from lung_cxr.synthetic.phantom.frontal import draw_radiograph
from lung_cxr.synthetic.phantom.projection import Detector
from lung_cxr.synthetic.phantom.tissues import lung_thickness, mediastinum_thickness

RIGHT, LEFT = -1, 1  # side of the patient
PER_DISEASE = 32  # images


def box(field: np.ndarray, detector: Detector, x: tuple[float, float], y: tuple[float, float]) -> np.ndarray:
    """Return the part of a field between two x and two y, in cm."""
    inside = (detector.x >= x[0]) & (detector.x < x[1]) & (detector.y >= y[0]) & (detector.y < y[1])
    return field[inside]


def found(disease: str, detector: Detector, chest: Chest, side: int, seed: int = 0) -> tuple[Finding, Scene]:
    changed = CHEST_CHANGES[disease](chest, 0.8, side) if disease in CHEST_CHANGES else chest
    lung = lung_thickness(detector, changed, mediastinum_thickness(detector, changed))
    scene = Scene(detector, changed, lung, np.random.default_rng(seed), 0.8, side)
    return SIGNS[disease](scene), scene


def share_filled(finding: Finding, scene: Scene, x: tuple[float, float], y: tuple[float, float]) -> float:
    """Share of the air within a box that fluid has replaced."""
    lung = box(scene.lung, scene.detector, x, y)
    return float((box(finding.filled, scene.detector, x, y) * lung).sum() / lung.sum())


def test_consolidation_is_one_lobe_with_air_in_its_bronchi(detector, chest):
    finding, scene = found("Pneumonia", detector, chest, RIGHT)
    assert share_filled(finding, scene, (-13, -3), (5, 30)) > 0.1
    assert share_filled(finding, scene, (3, 13), (5, 30)) < 0.01
    assert finding.filled.max() > 0.6
    assert finding.extra.min() < -0.3  # air bronchogram


def test_ground_glass_is_on_both_sides_peripheral_and_never_solid(detector, chest):
    finding, scene = found("COVID-19", detector, chest, RIGHT)
    for outer, inner in (((-12.5, -9.5), (-6, -4)), ((9.5, 12.5), (4, 6))):
        assert share_filled(finding, scene, outer, (15, 27)) > 2 * share_filled(finding, scene, inner, (15, 27))
    assert finding.filled.max() <= 0.75
    assert finding.markings.min() == 1  # vessels are seen through it


def test_tuberculosis_is_in_the_upper_zone_with_rings(detector, chest):
    finding, scene = found("Tuberculosis", detector, chest, LEFT)
    weight = finding.filled * scene.lung + np.clip(finding.extra, 0, None)
    heights = (weight * detector.y).sum() / weight.sum()
    assert heights < 14
    assert finding.extra.max() > 1  # walls of cavities and nodules


def test_effusion_fills_the_base_and_climbs_the_wall(detector, chest):
    finding, scene = found("Pleural Effusion", detector, chest, LEFT, seed=2)
    assert share_filled(finding, scene, (6, 12), (25, 29)) > 0.9
    assert share_filled(finding, scene, (4, 12), (6, 12)) < 0.15
    # The upper edge of the fluid lies higher at the wall than further in.
    edge_at = [np.argmax(box(finding.filled, detector, (x, x + 0.2), (0, 36)) > 0.5) for x in (6.0, 11.6)]
    assert edge_at[1] < edge_at[0] - 3


def test_pneumothorax_has_a_line_and_nothing_beyond_it(detector, chest):
    finding, scene = found("Pneumothorax", detector, chest, RIGHT)
    beyond = finding.markings == 0
    assert 0.02 < (scene.lung * beyond).sum() / scene.lung.sum() < 0.4
    assert (finding.filled[beyond] < 0).all()  # not even the lung's own tissue
    assert not beyond[:, 90:].any()  # one side only
    assert finding.extra.max() > 0.8  # the pleural line


def test_oedema_is_central_on_both_sides_and_the_heart_is_large(detector, chest):
    finding, scene = found("Pulmonary Edema", detector, chest, RIGHT)
    for inner, outer in (((-8, -4), (-12.5, -10.5)), ((4, 8), (10.5, 12.5))):
        assert share_filled(finding, scene, inner, (14, 22)) > 2 * share_filled(finding, scene, outer, (14, 22))
    healthy = (mediastinum_thickness(detector, chest) > 2)[:130].any(axis=0).sum()
    failing = (mediastinum_thickness(detector, scene.chest) > 2)[:130].any(axis=0).sum()
    assert failing > 1.15 * healthy


@pytest.mark.parametrize("side", [RIGHT, LEFT])
def test_collapse_pulls_mediastinum_and_diaphragm_to_its_side(detector, chest, side):
    finding, scene = found("Atelectasis", detector, chest, side)
    assert side * scene.chest.shift > 1.5
    assert scene.chest.dome(side) < chest.dome(side) - 1.5
    assert scene.chest.dome(-side) == chest.dome(-side)
    assert finding.filled.max() > 0.8
    other = (-13.0, -4.0) if side == LEFT else (4.0, 13.0)
    assert abs(share_filled(finding, scene, other, (6, 26))) < 0.02


def draw(number: int, disease: str) -> np.ndarray:
    """Draw one image of a new patient, (32, 32)."""
    generator = np.random.default_rng([number, DISEASES.index(disease)])
    pixels = draw_radiograph(generator, draw_chest(generator, "FM"[number % 2]), disease, "PA", 128).pixels
    return np.asarray(Image.fromarray(np.clip(pixels, 0, 1)).resize((32, 32), Image.Resampling.BOX))


@pytest.mark.slow
def test_a_support_vector_machine_tells_the_diseases_apart_but_not_by_the_corners():
    images = np.array([draw(number, disease) for disease in DISEASES for number in range(PER_DISEASE)])
    labels = np.repeat(np.arange(len(DISEASES)), PER_DISEASE)

    def accuracy(part: np.ndarray) -> float:
        return float(cross_val_score(SVC(C=10), part.reshape(len(part), -1), labels, cv=4).mean())

    assert accuracy(images) > 0.65  # 0.83 when written; chance is 0.14
    for edge in (images[:, :5, :5], images[:, :5, -5:], images[:, -4:]):
        assert accuracy(edge) < 0.25
