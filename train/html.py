"""One self-contained HTML page: text, tables and pictures in one file that opens anywhere, offline too.

page("Title", {"Heading": [text("Some words."), table([{"a": 1}]), figure(drawing, "ROC curve", "What to see.")]})

Its looks are in page.html. What these functions did not make stands there as plain text, whatever it holds.
"""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
MACROS: Any = TEMPLATES.get_template("page.html").module


def page(title: str, sections: dict[str, list[Markup]]) -> str:
    """The whole document.

    Args:
        title: of the page, plain text.
        sections: {heading, plain text: its parts, made by the functions below}, in reading order. Figures and
            tables that follow each other stand side by side where there is room.
    """
    return MACROS.page(title, sections)


def text(paragraph: str) -> Markup:
    """A paragraph of plain text."""
    return MACROS.text(paragraph)


def items(lines: list[str]) -> Markup:
    """A bullet list of plain text lines."""
    return MACROS.items(lines)


def table(rows: list[dict]) -> Markup:
    """A table of rows with equal keys, which head the columns; columns of numbers stand to the right.

    Whole numbers get thousands separators, others three significant digits; format them beforehand for more.
    """
    columns = [(key, all(isinstance(row[key], int | float) for row in rows)) for key in rows[0]]
    formats = {int: "{:,}", float: "{:.3g}"}
    shown = [[formats.get(type(row[key]), "{}").format(row[key]) for key in rows[0]] for row in rows]
    return MACROS.table(columns, shown)


def figure(drawing: Figure, alt: str, caption: str) -> Markup:
    """A drawing as a PNG inside the page, above its caption.

    Drawn 5 inches wide or less, its letters are readable on a phone too.

    Args:
        drawing: a matplotlib figure.
        alt: what kind of picture it is, plain text, for those who can't see it.
        caption: what to see in it, plain text.
    """
    stream = io.BytesIO()
    drawing.savefig(stream, format="png", dpi=160)
    return picture(stream.getvalue(), alt, caption)


def picture(png: bytes, alt: str, caption: str) -> Markup:
    """A PNG file's content inside the page, above its caption; words as in `figure`."""
    return MACROS.picture(base64.b64encode(png).decode(), alt, caption)
