"""The site is built from docs/ without a warning, holds every page once, and asks no other host."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", folder / "doctrees", DOCS,
         folder / "html"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


def test_every_page_is_there_and_can_be_reached(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md") if "_build" not in path.parts}
    assert len(pages) > 30
    todo, seen = [Path("index.html")], set()
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        text = (site / page).read_text(encoding="utf-8")
        for target in re.findall(r'<a [^>]*href="([^"#:]+\.html)(?:#[^"]*)?"', text):
            found = (site / page.parent / unquote(unescape(target))).resolve()
            assert found.is_file(), (page, target)
            todo.append(found.relative_to(site.resolve()))
    assert pages <= seen, pages - seen


def test_links_within_pages_have_a_place(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        places = set(re.findall(r'id="([^"]+)"', text))
        assert {unescape(name) for name in re.findall(r'href="#([^"]+)"', text)} <= places, page


def test_nothing_is_fetched_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]*src="(?:https?:)?//[^"]*"', text), page
        assert not re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="(?:https?:)?//[^"]*"', text), page


def test_the_reference_has_the_verbs(site: Path) -> None:
    graph = (site / "reference" / "graph.html").read_text(encoding="utf-8")
    assert all(
        f'id="graphlab.graph.Graph.{verb}"' in graph for verb in ("ingest", "query", "partners", "paths", "rerun")
    )
    spaces = (site / "reference" / "namespaces.html").read_text(encoding="utf-8")
    assert all(f"<h2>graph.{name}<" in spaces for name in ("motifs", "circuits", "activity", "predict", "live", "plot"))
