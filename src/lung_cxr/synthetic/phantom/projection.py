"""The detector, and the projection of thicknesses along the beam onto it.

Lengths are in centimetres, arrays (rows, columns) float32. x runs to the right of the image (the patient's left),
0 at the spine; y runs down, 0 a little above the shoulders.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

Field = NDArray[Any]
"""Always float32: float64 would double time and memory."""

MIDDLE = np.float32(18)  # height of the rotation centre of a leaning patient, cm
SAMPLES_PER_PIXEL = 1.05  # in each direction; near a whole number, bilinear weights leave no ripple


@dataclass(frozen=True)
class Detector:
    """Detector: number and size of pixels, and the position of the patient in front of it."""

    rows: int
    columns: int
    pitch: float  # cm per pixel
    centre: float  # column of the midline at mid-height, pixels
    tilt: float  # sideways lean of the patient, cm per cm of height
    top: float  # height of the upper edge of the image, cm

    @cached_property
    def y(self) -> Field:
        """Height of each row, (rows, 1)."""
        return (np.arange(self.rows, dtype=np.float32)[:, None] + 0.5) * np.float32(self.pitch) + np.float32(self.top)

    @cached_property
    def x(self) -> Field:
        """Distance from the midline, (rows, columns)."""
        columns = (np.arange(self.columns, dtype=np.float32)[None] + 0.5 - np.float32(self.centre)) * np.float32(
            self.pitch
        )
        return columns - np.float32(self.tilt) * (self.y - MIDDLE)

    def place(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return column and row, in pixels from the upper left corner, of points given in cm."""
        return (x + self.tilt * (y - MIDDLE)) / self.pitch + self.centre, (y - self.top) / self.pitch

    def splat(self, x: ArrayLike, y: ArrayLike, volume: ArrayLike) -> Field:
        """Sum small volumes (cm³) at points (cm) into thickness along the beam (cm), over four pixels each."""
        x, y, volume = (np.asarray(part, dtype=np.float32).ravel() for part in np.broadcast_arrays(x, y, volume))
        column, row = (part - 0.5 for part in self.place(x, y))
        inside = (column >= 0) & (row >= 0) & (column < self.columns - 1) & (row < self.rows - 1)
        column, row, volume = column[inside], row[inside], volume[inside]
        left, top = column.astype(np.intp), row.astype(np.intp)
        right_share, bottom_share = column - left.astype(np.float32), row - top.astype(np.float32)
        first = top * self.columns + left
        total = np.zeros(self.rows * self.columns)
        for offset, share in (
            (0, (1 - right_share) * (1 - bottom_share)),
            (1, right_share * (1 - bottom_share)),
            (self.columns, (1 - right_share) * bottom_share),
            (self.columns + 1, right_share * bottom_share),
        ):
            total += np.bincount(first + offset, weights=volume * share, minlength=total.size)
        return (total / self.pitch**2).astype(np.float32).reshape(self.rows, self.columns)

    def noise(self, generator: Generator, scale: float) -> Field:
        """Return smooth random texture of zero mean and unit SD whose blobs are `scale` cm wide."""
        step = max(1, int(scale / self.pitch / 3))  # drawn coarsely, then enlarged
        shape = (self.rows // step + 3, self.columns // step + 3)
        coarse = gaussian_filter(generator.standard_normal(shape, dtype=np.float32), scale / self.pitch / step / 2)
        return self.enlarge((coarse - coarse.mean()) / (coarse.std() + 1e-9))

    def enlarge(self, coarse: Field) -> Field:
        """Enlarge a coarse field to the detector (bicubic)."""
        image = Image.fromarray(np.ascontiguousarray(coarse, dtype=np.float32))
        return np.asarray(image.resize((self.columns, self.rows), Image.Resampling.BICUBIC))

    def blurred(self, field: Field, width: float) -> Field:
        """Blur by a Gaussian of `width` cm, at a coarser scale where that is enough."""
        step = max(1, int(width / self.pitch / 2))
        size = (max(4, self.columns // step), max(4, self.rows // step))
        coarse = np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BOX))
        return self.enlarge(gaussian_filter(coarse, width / self.pitch / step))


def soft_step(distance: Field, width: float) -> Field:
    """Go from 0 to 1 as `distance` (cm) goes from −width to +width."""
    share = np.clip(distance / np.float32(2 * width) + np.float32(0.5), 0, 1)
    return share * share * (3 - 2 * share)


def chord(distance_squared: Field) -> Field:
    """Return the chord of a unit ball or cylinder at a squared distance from its axis: 1 in the middle, 0 outside."""
    return np.sqrt(np.clip(1 - distance_squared, 0, None))


def bezier(points: ArrayLike, samples: int) -> tuple[Field, Field]:
    """Sample Bézier curves: control points (…, 3 or 4, 2) → x and y, each (…, samples)."""
    points = np.asarray(points, dtype=np.float32)
    t = (np.arange(samples, dtype=np.float32) + 0.5) / samples
    weights = {
        3: [(1 - t) ** 2, 2 * t * (1 - t), t**2],
        4: [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3],
    }
    curve = np.einsum("ks,...kd->...ds", np.stack(weights[points.shape[-2]]), points)
    return curve[..., 0, :], curve[..., 1, :]


def tubes(detector: Detector, control: ArrayLike, start: ArrayLike, end: ArrayLike, hollow: float = 0.0) -> Field:
    """Return the thickness of tapering tubes with rounded ends along Bézier curves.

    Args:
        detector: Detector to project onto.
        control: Control points (n, 3 or 4, 2), cm.
        start: Radius at the first point of each tube, cm.
        end: Radius at the last point of each tube, cm.
        hollow: Share of the radius that is empty (marrow).
    """
    control = np.asarray(control, dtype=np.float32)
    legs = np.linalg.norm(np.diff(control, axis=1), axis=2).sum(axis=1).max()
    x, y = bezier(control, max(4, int(legs / detector.pitch * SAMPLES_PER_PIXEL)))
    taper = np.linspace(0, 1, x.shape[1], dtype=np.float32)
    start, end = (np.broadcast_to(np.asarray(part, dtype=np.float32), len(x))[:, None] for part in (start, end))
    radius = start + (end - start) * taper
    dx, dy = np.gradient(x, axis=1), np.gradient(y, axis=1)
    step = np.hypot(dx, dy) + np.float32(1e-6)
    across = max(5, int(2 * float(radius.max()) / detector.pitch * SAMPLES_PER_PIXEL))
    v = ((np.arange(across, dtype=np.float32) + 0.5) / across * 2 - 1)[:, None, None]
    along = np.cumsum(step, axis=1) - step / 2
    from_end = np.minimum(along, step.sum(axis=1, keepdims=True) - along)
    rounded = chord((1 - np.minimum(from_end / radius, 1)) ** 2)
    wall = chord(v**2) - hollow * chord((v / max(hollow, 1e-3)) ** 2)
    volume = 2 * radius * rounded * wall * step * (2 * radius / across)
    return detector.splat(x - v * radius * dy / step, y + v * radius * dx / step, volume)
