"""A self-contained HTML page: no network; figures, style and the script that sorts its tables inside it."""

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from lung_cxr.report.figures.style import as_data_uri, width_in_pixels

OWN_FILES = ("report.css", "sort.js")
NOTICES_SHOWN = 5  # at once: the answer must stay on the first screen


@dataclass(frozen=True)
class Picture:
    """A figure in the page: its image, what to see in it, and the same for who cannot see it."""

    uri: str
    width: int
    caption: str
    alt: str


def picture(figure: Figure, caption: str, alt: str) -> Picture:
    """Return a figure as the template's macro `show` takes it."""
    return Picture(as_data_uri(figure), width_in_pixels(figure), caption, alt)


def render_page(template: str, title: str, made_at: datetime, **content: Any) -> str:
    """Return a page as HTML, all text escaped.

    Args:
        template: File name in `lung_cxr/report`; it extends `base.html.j2`.
        title: Of the page.
        made_at: When it was made, UTC.
        content: What the template puts in its places, `notices` and `headline` among it.
    """
    environment = Environment(
        loader=PackageLoader("lung_cxr.report", "."),
        autoescape=select_autoescape(enabled_extensions=("j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (files("lung_cxr.report").joinpath(name).read_text(encoding="utf-8") for name in OWN_FILES)
    return environment.get_template(template).render(
        title=title,
        made_at=made_at.strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup(style),  # ours: no text of any input is in them
        script=Markup(script),
        notices_shown=NOTICES_SHOWN,
        **content,
    )
