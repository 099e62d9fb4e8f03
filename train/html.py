"""One self-contained HTML page: text, tables and pictures in one file that opens anywhere, offline too.

page("Title", {"Heading": [text("Some words."), table([{"a": 1}]), figure(drawing, "ROC curve", "What to see.")]})
"""

import base64
import io
from html import escape

from matplotlib.figure import Figure

STYLE = """
:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2430, #e8edf4);
  --quiet: light-dark(#56606e, #a3aebd);
  --paper: light-dark(#f6f7f9, #12161c);
  --card: light-dark(#ffffff, #1b212a);
  --line: light-dark(#c9d0da, #3a4452);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1, h2 { margin: 0; line-height: 1.2; overflow-wrap: anywhere; }
section {
  display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start;
  margin-top: 1.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line);
}
section > h2 { flex: 1 0 100%; }
section > p, section > ul {
  flex: 1 0 100%; margin: 0; padding-right: max(0px, 100% - 48rem); overflow-wrap: anywhere;
}
.table, figure { flex: 1 1 20rem; min-width: 0; max-width: 100%; }
ul { padding-left: 1.25rem; }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0.6rem; text-align: left; vertical-align: top; }
th { color: var(--quiet); font-size: 0.9rem; font-weight: 600; }
tbody tr { border-top: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; }
figure {
  max-width: min(100%, 38rem); margin: 0; padding: 0.5rem;
  border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card);
}
img { display: block; width: 100%; height: auto; border-radius: 0.4rem; background: #fff; }
figcaption { padding: 0.5rem 0.25rem 0; color: var(--quiet); font-size: 0.9rem; }
"""


def page(title: str, sections: dict[str, list[str]]) -> str:
    """The whole document.

    Args:
        title: of the page, plain text.
        sections: {heading, plain text: its parts, made by the functions below}, in reading order. Figures and
            tables that follow each other stand side by side where there is room.
    """
    body = "\n".join(
        "\n".join(["<section>", f"<h2>{escape(heading)}</h2>", *parts, "</section>"])
        for heading, parts in sections.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(paragraph: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(paragraph)}</p>"


def items(lines: list[str]) -> str:
    """A bullet list of plain text lines."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def table(rows: list[dict]) -> str:
    """A table of rows with equal keys, which head the columns; columns of numbers stand to the right.

    Whole numbers get thousands separators, others three significant digits; format them beforehand for more.
    """
    kinds = {
        key: ' class="number"' if all(isinstance(row[key], int | float) for row in rows) else "" for key in rows[0]
    }

    def cell(tag: str, key: str, value) -> str:
        shown = {int: "{:,}", float: "{:.3g}"}.get(type(value), "{}").format(value)
        return f"<{tag}{kinds[key]}>{escape(shown)}</{tag}>"

    head = "".join(cell("th", key, key) for key in rows[0])
    body = "".join("<tr>" + "".join(cell("td", key, row[key]) for key in rows[0]) + "</tr>\n" for row in rows)
    return f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>'


def figure(drawing: Figure, alt: str, caption: str) -> str:
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


def picture(png: bytes, alt: str, caption: str) -> str:
    """A PNG file's content inside the page, above its caption; words as in `figure`."""
    content = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{content}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
