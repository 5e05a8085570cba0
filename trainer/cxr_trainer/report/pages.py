"""What both kinds of page share: templates, and figures and pictures made part of the page."""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cxr_trainer.report.drawing import BLUE, FAINT, INK, PAPER, VERMILION

_PACKAGE: Final = "cxr_trainer.report"
_COLOURS: Final = {
    PAPER: "none",
    INK: "currentColor",
    BLUE: "var(--series-1)",
    VERMILION: "var(--series-2)",
    FAINT: "var(--faint)",
}
"""A figure takes the page's colours, so that it can be read in a dark one too."""


def render(template: str, *, package: str = _PACKAGE, **values: Any) -> str:  # noqa: ANN401  (what the template names)
    """Fill a template of `package`, which may build on the templates of this one; text is escaped."""
    return _environment(package).get_template(template).render(**values)


def inline_svg(svg: str, *, name: str, title: str) -> Markup:
    """Make an SVG file's text part of a page.

    Parameters
    ----------
    svg
        As `cxr_trainer.report.drawing` draws it.
    name
        Unique on the page: it keeps the ids of two figures apart.
    title
        What a screen reader says of it.
    """
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text).replace("url(#", f"url(#{name}-")
    for colour, variable in _COLOURS.items():
        text = text.replace(f": {colour}", f": {variable}")
    label = Markup('role="img" aria-label="{}"').format(title)
    return Markup(text.replace("<svg ", f"<svg {label} ", 1))


def data_uri(path: Path) -> str:
    """Return a JPEG file as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


@cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader(each) for each in dict.fromkeys((package, _PACKAGE))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
