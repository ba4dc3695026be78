"""Air, heart and bone lie where they belong."""

import numpy as np
import pytest

from lung_cxr.synthetic.phantom.projection import Detector, tubes
from lung_cxr.synthetic.phantom.skeleton import rib_thickness
from lung_cxr.synthetic.phantom.tissues import lung_thickness, mediastinum_thickness


def box(field: np.ndarray, detector: Detector, x: tuple[float, float], y: tuple[float, float]) -> np.ndarray:
    """Return the part of a field between two x and two y, in cm."""
    inside = (detector.x >= x[0]) & (detector.x < x[1]) & (detector.y >= y[0]) & (detector.y < y[1])
    return field[inside]


def test_a_tube_across_the_beam_holds_its_volume(detector):
    thickness = tubes(detector, [[(-5.0, 10.0), (0.0, 10.0), (5.0, 10.0)]], 0.8, 0.8)
    volume = thickness.sum() * detector.pitch**2
    ends = 2 * 0.8 * (1 - np.pi / 4)  # length lost by rounding the ends
    assert volume == pytest.approx(np.pi * 0.8**2 * (10.0 - ends), rel=0.03)
    assert thickness.max() == pytest.approx(1.6, rel=0.08)


def test_lungs_are_air_on_either_side_of_the_heart(detector, chest):
    lung = lung_thickness(detector, chest, mediastinum_thickness(detector, chest))
    assert box(lung, detector, (-9, -5), (12, 22)).min() > 8
    assert box(lung, detector, (5, 9), (11, 15)).min() > 8
    assert box(lung, detector, (-1, 1), (6, 26)).max() < 6  # mediastinum
    assert box(lung, detector, (-12, 12), (35, 36)).max() < 0.3  # abdomen
    assert lung[:, :5].max() == 0  # arms


def test_the_heart_lies_to_the_patients_left(detector, chest):
    heart = mediastinum_thickness(detector, chest)
    assert box(heart, detector, (5, 8), (22, 26)).mean() > 3 * box(heart, detector, (-8, -5), (22, 26)).mean()


def test_ribs_are_symmetrical_and_cross_the_lungs(detector, chest):
    ribs = rib_thickness(detector, chest)
    assert ribs == pytest.approx(ribs[:, ::-1], abs=1e-3)
    down_the_lung = box(ribs, detector, (-8.2, -7.8), (6, 28)).reshape(-1, 2).mean(axis=1)
    crossings = np.sum(np.diff(np.sign(down_the_lung - down_the_lung.mean())) > 0)
    assert crossings >= 7
