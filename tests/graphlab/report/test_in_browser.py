"""Pages in a real browser: they show something, change with the dark, print, and ask the network for nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    figure = shown.locator("figure svg").first
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


def test_a_telephone_can_read_it(browser: Browser, pages: Path) -> None:
    shown, _ = visit(browser, pages / "motifs.html", "light", width=390)
    assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
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
    figures = part.locator("figure svg")
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
