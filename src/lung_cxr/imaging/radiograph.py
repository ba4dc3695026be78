"""A radiograph in memory, whatever file it came from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601

View = Literal["PA", "AP", "lateral", "unknown"]


@dataclass(frozen=True)
class Radiograph:
    """One decoded radiograph.

    Attributes:
        values: (H, W) float32, larger is whiter; modality and VOI transforms applied, MONOCHROME1 inverted.
        view: What the header says.
        burned_in: The header's BurnedInAnnotation; "" where it says nothing (always so for PNG and JPEG).
        inverted: Whether black and white were exchanged to get here.
    """

    values: npt.NDArray[np.float32]
    view: View = "unknown"
    burned_in: Literal["YES", "NO", ""] = ""
    inverted: bool = False


def luminance(colour: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Grey values of (H, W, 3) RGB, as ITU-R BT.601 weighs them."""
    return (colour[..., :3].astype(np.float32) @ LUMINANCE).astype(np.float32)
