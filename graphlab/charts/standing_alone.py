"""Figures as files of their own: the page's style sheet and arrow heads inside.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

import re
from importlib.resources import files
from textwrap import wrap
from xml.sax.saxutils import escape

from markupsafe import Markup

from graphlab.charts.drawings import arrow_head, svg

LINE = 15


def style() -> str:
    """The page's style sheet, which figures standing alone carry as well."""
    return files("graphlab").joinpath("templates", "report.css").read_text(encoding="utf-8")


def standalone(figure: Markup) -> str:
    """A figure as a file of its own: style and arrow heads inside."""
    head = re.search(r"<defs>.*?</defs>", arrow_head(), re.DOTALL)
    inside = f"<style>{_inside_xml(style())}</style>{head.group(0) if head else ''}"
    return re.sub(r"(<svg[^>]*>)", lambda match: match.group(1) + inside, str(figure), count=1)


def framed(figure: Markup, title: str, notes: tuple[str, ...]) -> Markup:
    """The figure under its title, with what to know below."""
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', figure)
    if size is None:
        return figure
    width, height = float(size.group(1)), float(size.group(2))
    letters = max(int((width - 16) / 6.8), 20)
    above = wrap(title, letters) or [""]
    below = [line for note in notes for line in wrap(note, letters)]
    top = 10 + LINE * len(above)
    parts = [f'<text x="8" y="{LINE * (k + 1)}" class="name">{escape(line)}</text>' for k, line in enumerate(above)]
    parts.append(f'<g transform="translate(0 {top})">{figure}</g>')
    parts += [
        f'<text x="8" y="{top + height + LINE * (k + 1):g}" class="tick soft">{escape(line)}</text>'
        for k, line in enumerate(below)
    ]
    return svg(width, top + height + LINE * len(below) + (10 if below else 0), title, parts)


def _inside_xml(text: str) -> str:
    """A style sheet inside XML."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
