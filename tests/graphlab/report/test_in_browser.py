"""Pages in a real browser: they show something, change with the dark, print, and ask the network for nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


def pixels(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """[height, width, 3] of a screenshot."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def visit(browser: Browser, path: Path, scheme: Any, media: Any = "screen", width: int = 1000) -> tuple[Any, list[str]]:
    """The page after opening, and everything it asked for or complained of."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    shown = context.new_page()
    trouble: list[str] = []
    shown.on("console", lambda message: trouble.append(message.text))
    shown.on("pageerror", lambda error: trouble.append(str(error)))
    shown.on("request", lambda request: trouble.append(request.url) if request.url != path.as_uri() else None)
    shown.emulate_media(media=media, color_scheme=scheme)
    shown.goto(path.as_uri(), wait_until="networkidle")
    return shown, trouble


@pytest.mark.parametrize("name", ["whole.html", "motifs.html"])
def test_a_page_is_seen_in_light_and_in_the_dark(browser: Browser, pages: Path, name: str) -> None:
    pictures = {}
    for scheme in ("light", "dark"):
        shown, trouble = visit(browser, pages / name, scheme)
        pictures[scheme] = pixels(shown.screenshot())
        assert trouble == []
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        shown.context.close()
    light, dark = pictures["light"].mean(axis=2), pictures["dark"].mean(axis=2)
    assert light.shape == dark.shape
    # Mostly paper, some ink: neither blank nor black.
    assert 200 < np.median(light) <= 255
    assert 0 <= np.median(dark) < 60
    for picture in (light, dark):
        far = np.abs(picture - np.median(picture)) > 60
        assert 0.005 < far.mean() < 0.5
    assert np.abs(light - dark).mean() > 100


def test_the_figure_has_its_violins_and_coloured_marks(browser: Browser, pages: Path) -> None:
    shown, trouble = visit(browser, pages / "motifs.html", "light")
    figure = shown.locator("figure svg:visible").first
    box = figure.bounding_box()
    assert box is not None
    assert box["width"] > 600
    picture = pixels(figure.screenshot()).astype(int)
    colours = {"warm": (213, 94, 0), "violin": (195, 205, 215)}
    for name, colour in colours.items():
        near = (np.abs(picture - np.array(colour)).max(axis=2) < 12).sum()
        assert near > 60, name
    assert shown.locator("figure svg .violin").count() >= 3
    assert trouble == []
    shown.context.close()


def test_print_is_black_on_white_even_in_the_dark(browser: Browser, pages: Path) -> None:
    shown, trouble = visit(browser, pages / "motifs.html", "dark", media="print")
    picture = pixels(shown.screenshot()).mean(axis=2)
    assert np.median(picture) > 250
    assert picture.min() < 60
    assert shown.locator("nav").is_hidden()
    assert shown.pdf().startswith(b"%PDF")
    assert trouble == []
    shown.context.close()


CUT = """() => {
  const cut = [];
  if (document.documentElement.scrollWidth > window.innerWidth) cut.push("the page is wider than the window");
  for (const one of document.querySelectorAll("body *:not(svg *)")) {
    const inline = getComputedStyle(one).display === "inline";
    if (!inline && one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1) cut.push(one.textContent.trim());
  }
  for (const text of document.querySelectorAll("svg text")) {
    const at = text.getBoundingClientRect(), frame = text.closest("svg").getBoundingClientRect();
    if (frame.width === 0) continue;
    const out = Math.max(frame.left - at.left, at.right - frame.right, frame.top - at.top, at.bottom - frame.bottom);
    if (out > 1.5) cut.push(`${text.textContent} in ${text.closest("svg").getAttribute("aria-label")}`);
  }
  return cut;
}"""
"""Texts that stand out of their box, of a figure or of the window."""
SMALLEST = """() => Math.min(...[...document.querySelectorAll("svg.plot text, svg.motif text")].map((text) => {
  const svg = text.closest("svg"), wide = svg.getBoundingClientRect().width;
  return wide === 0 ? 99 : parseFloat(getComputedStyle(text).fontSize) * wide / svg.viewBox.baseVal.width;
}))"""
"""Pixels of the smallest text of a figure as it is seen."""


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("name", ["whole.html", "motifs.html", "predicted.html"])
def test_nothing_is_cut_and_figures_are_legible(
    browser: Browser, request: pytest.FixtureRequest, name: str, width: int
) -> None:
    folder: Path = request.getfixturevalue("predicted" if name.startswith("predicted") else "pages")
    for scheme in ("light", "dark"):
        shown, trouble = visit(browser, folder / name, scheme, width=width)
        picture = folder / f"{Path(name).stem}-{width}-{scheme}.png"  # kept, for people to look at
        shown.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 50_000
        assert shown.evaluate(CUT) == []
        assert shown.evaluate(SMALLEST) >= 8.5
        assert trouble == []
        shown.context.close()


def test_the_check_for_cut_texts_finds_them(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "cut.html"
    page.write_text(
        '<div style="width:50px;overflow:auto;white-space:nowrap">a long line of words</div>'
        '<svg viewBox="0 0 100 20" width="50" class="plot" aria-label="small">'
        '<text x="90" y="15" font-size="12">outside</text></svg>'
    )
    shown, _ = visit(browser, page, "light")
    assert shown.evaluate(CUT) == ["a long line of words", "outside in small"]
    assert shown.evaluate(SMALLEST) < 8.5
    shown.context.close()


def test_files_beside_the_page_open(browser: Browser, pages: Path) -> None:
    shown, _ = visit(browser, pages / "whole.html", "light")
    addresses = shown.locator("p.files a").evaluate_all("links => links.map((link) => link.href)")
    assert len(addresses) > 10
    places = [Path(url2pathname(urlparse(address).path)) for address in addresses]
    assert all(place.is_file() for place in places)
    assert {place.suffix for place in places} == {".csv", ".parquet", ".json", ".svg", ".txt"}
    assert {place.name for place in places} | {"made-by-graphlab.txt"} == {
        file.name for file in (pages / "whole_files").iterdir()
    }
    shown.context.close()


def test_hostile_names_are_text(browser: Browser, pages: Path) -> None:
    shown, trouble = visit(browser, pages / "motifs.html", "light")
    assert "<script>fetch" in shown.locator("h1").inner_text()
    assert shown.evaluate("document.scripts.length") == 0
    assert trouble == []
    shown.context.close()


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_predictions_are_drawn(browser: Browser, predicted: Path, scheme: str, media: str) -> None:
    shown, trouble = visit(browser, predicted / "predicted.html", scheme, media)
    part = shown.locator("section", has=shown.locator("h2", has_text="Predictions"))
    assert part.count() == 1
    figures = part.locator("figure svg:visible")
    assert figures.count() == 10
    light = scheme == "light" or media == "print"
    for number in range(figures.count()):
        figure = figures.nth(number)
        box = figure.bounding_box()
        assert box is not None
        assert box["width"] > 250
        picture = pixels(figure.screenshot()).astype(int)
        paper = np.median(picture)
        assert paper > 240 if light else paper < 60
        coloured = picture.max(axis=2) - picture.min(axis=2) > 60
        assert coloured.sum() > 150, number
        assert (np.abs(picture.mean(axis=2) - paper) > 90).sum() > 500, "axes and names"
    assert part.locator("figure svg polyline").count() >= 4 * 6
    assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert shown.evaluate("document.scripts.length") == 0
    assert trouble == []
    shown.context.close()
