"""Pages without the drawing of their figures, which takes most of a page's time."""

import base64

import pytest
from matplotlib.figure import Figure

from lung_cxr.report import html_page


def blank(figure: Figure) -> str:
    """As `as_data_uri`: an empty image of the figure's size."""
    width, height = figure.get_size_inches() * 96
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"/>'
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"


def draw_no_pictures(patch: pytest.MonkeyPatch) -> None:
    """Leave the images of all figures empty; captions, alternative texts and widths stay."""
    patch.setattr(html_page, "as_data_uri", blank)
