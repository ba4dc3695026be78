"""A self-contained HTML page: figures, style and the script that sorts tables are embedded; nothing is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from lung_cxr.report.figures.style import as_data_uri, width_in_pixels

STYLES = ("report.css",)
SCRIPTS = ("sort.js",)
NOTICES_SHOWN = 4  # further notices are folded, so that the answer stays on the first screen


@dataclass(frozen=True)
class Picture:
    """A figure of the page: image, width in pixels, caption, and alternative text for screen readers."""

    uri: str
    width: int
    caption: str
    alt: str


def picture(figure: Figure, caption: str, alt: str) -> Picture:
    """Return a figure for the template's macro `show`."""
    return Picture(as_data_uri(figure), width_in_pixels(figure), caption, alt)


def render_page(
    template: str,
    title: str,
    made_at: datetime,
    styles: Sequence[str] = STYLES,
    scripts: Sequence[str] = SCRIPTS,
    **content: Any,
) -> str:
    """Return a page as HTML, all text escaped.

    Args:
        template: File name in `lung_cxr/report`; it extends `base.html.j2`.
        title: Title of the page.
        made_at: Time of the report, UTC.
        styles: Own style sheets below `lung_cxr/report`.
        scripts: Own scripts below `lung_cxr/report`.
        content: Variables of the template, including `notices` and `headline`.
    """
    environment = Environment(
        loader=PackageLoader("lung_cxr.report", "."),
        autoescape=select_autoescape(enabled_extensions=("j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = files("lung_cxr.report")
    style, script = (
        "\n".join(own.joinpath(name).read_text(encoding="utf-8") for name in names) for names in (styles, scripts)
    )
    return environment.get_template(template).render(
        title=title,
        made_at=made_at.strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup(style),  # our own files: no input text is in them
        script=Markup(script),
        notices_shown=NOTICES_SHOWN,
        **content,
    )
