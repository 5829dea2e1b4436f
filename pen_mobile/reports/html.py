"""Parts that all pages share: templates, contents, glossary, numbers, and images inside the page."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pen_mobile.reports.glossary import anchor, terms_in
from pen_mobile.types import Image
from pen_mobile.utils.table import Table, typographic
from pen_mobile.utils.text import counted, decimal, file_size

DASH = "\N{EN DASH}"


def render(template: str, variables: Mapping[str, Any]) -> str:
    """Return a page with its contents list, and with a glossary of the terms that occur in it.

    Args:
        template: name of a file in ``templates``.
        variables: values by the name in the template; an unknown name is an error.
    """
    page = _environment().get_template(template).render(variables)
    page = page.replace("<!-- glossary -->", _glossary(page))
    return _with_contents(page)


def data_uri(image: Image) -> str:
    """Return an image as a PNG inside a URI.

    Args:
        image: RGB, uint8 ``[H, W, 3]``.
    """
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))
    if not done:
        raise ValueError(f"an image of shape {list(image.shape)} cannot be written as PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for a page, with a real minus sign; None, which is an undefined CCC, becomes a dash.

    Args:
        value: number, or None.
        digits: digits after the point.
    """
    return typographic(decimal(value, digits))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, size=file_size, counted=counted, table=_table)
    return environment


def _table(table: Table) -> Markup:
    """Return a table for a page; without rows it is nothing."""
    return Markup(table.to_html() if table.rows else "")


def _with_contents(page: str) -> str:
    """Give every section's title an address, and list the titles where the page wants its contents."""
    taken: dict[str, str] = {}
    page = re.sub(r"<h2>(.*?)</h2>", partial(_addressed, taken), page, flags=re.DOTALL)
    items = "\n".join(f'  <li><a href="#{place}">{title}</a></li>' for place, title in taken.items())
    nav = f'<nav class="contents" aria-label="Contents">\n<ol>\n{items}\n</ol>\n</nav>' if len(taken) > 1 else ""
    return page.replace("<!-- contents -->", nav)


def _addressed(taken: dict[str, str], title: re.Match[str]) -> str:
    words = html.unescape(re.sub(r"<[^>]+>", "", title[1])).strip()
    place = anchor(words)
    while place in taken:
        place += "-"
    taken[place] = html.escape(words)
    return f'<h2 id="{place}">{title[1]}</h2>'


def _glossary(page: str) -> str:
    body = page[page.index("<header>") :]
    text = html.unescape(re.sub(r"<(svg|style).*?</\1>|<[^>]+>", " ", body, flags=re.DOTALL))
    terms = terms_in(text)
    lines = "\n".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(words)}</dd>" for term, words in terms.items())
    return f'<section>\n<h2>Glossary</h2>\n<dl class="facts terms">\n{lines}\n</dl>\n</section>' if terms else ""
