"""What every figure is: rows, one drawing of them as SVG, one Altair chart of them.

Tests: tests/graphlab/charts/test_plots.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphlab.charts.standing_alone import framed, standalone
from ingest.running.whole_files import write_atomically
from ingest.schema.errors import MissingExtraError, SchemaError

if TYPE_CHECKING:
    import altair
    from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure: shown as an Altair chart in a notebook (as SVG without Altair), and as SVG everywhere else.

    The same data give the same bytes of SVG.
    """

    title: str
    notes: tuple[str, ...] = ()
    """What to know beside the picture: what was left out, and how much."""

    def rows(self) -> list[dict[str, Any]]:
        """What is drawn, one dictionary a mark; ids as text."""
        raise NotImplementedError

    def drawing(self, narrow: bool = False) -> Markup:
        """The marks alone, as SVG in the page's classes."""
        raise NotImplementedError

    def altair(self) -> altair.TopLevelMixin:
        """The same marks as an Altair chart, to change, combine or save.

        Raises:
            MissingExtraError: Altair is not installed.
        """
        raise NotImplementedError

    def svg(self, narrow: bool = False) -> str:
        """A whole SVG file: title, marks, notes, in light and dark.

        Args:
            narrow: at most some 420 pixels wide, where the figure has such a layout.
        """
        return standalone(framed(self.drawing(narrow), self.title, self.notes))

    def save(self, path: str | Path) -> Path:
        """Write the figure; whole or not at all.

        Args:
            path: of an .svg file, or of .vl.json for the specification that Altair makes (Vega-Lite).
        """
        target = Path(path)
        if target.name.endswith(".vl.json"):
            text = str(self.altair().to_json())
        elif target.suffix == ".svg":
            text = self.svg()
        else:
            raise SchemaError(f"{target.name}: figures are written as .svg, or as .vl.json (Vega-Lite)")
        target.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(target) as new:
            new.write_text(text, encoding="utf-8")
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        try:
            chart: Any = self.altair()
        except MissingExtraError:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        return chart._repr_mimebundle_(include, exclude)


def vega() -> Any:
    """Altair.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import altair
    except ImportError:
        raise MissingExtraError("altair", "plots") from None
    return altair


def chart_of(rows: list[dict[str, Any]]) -> Any:
    """A chart over rows that stand in its specification, all of them."""
    return vega().Chart(vega().Data(values=rows))


def titled(chart: Any, plot: Plot) -> Any:
    """The chart with the figure's title and notes."""
    return chart.properties(title=vega().TitleParams(plot.title, subtitle=list(plot.notes)))
