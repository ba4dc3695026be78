"""Draw a heat map over a grey image."""

import numpy as np

HEAT = (255, 140, 0)  # orange; one hue: several hues could be read as several findings
STRONGEST = 0.65  # largest opacity of the heat: the image stays visible


def overlay(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return images with their heat maps, (…, 3) uint8.

    Args:
        pixels: (…) uint8, 0 black.
        heat: (…) float in 0…1, as `grad_cam.heat_maps` returns it.
    """
    opacity = STRONGEST * heat[..., None]
    return np.round((1 - opacity) * pixels[..., None] + opacity * np.array(HEAT)).astype(np.uint8)
