"""The blocks of docs/other-sources.md run as they stand, and what they bring in is counted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from graphlab.graph import Graph

PAGE = (Path(__file__).parents[1] / "docs" / "other-sources.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|console)\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything on the page was done."""
    folder = tmp_path_factory.mktemp("page")
    state: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind, text in BLOCKS:
            if kind == "python":
                exec(compile(text, "docs/other-sources.md", "exec"), state)
                continue
            for line in text.replace("$ graphlab", f"{sys.executable} -m graphlab.cli").splitlines():
                done = subprocess.run(line.split(), capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("graph", "edges"),
    [
        ("fly", [(720575940596125868, 720575940597856265, 5.0), (720575940597856265, 720575940600010668, 2.0),
                 (720575940600010668, 720575940596125868, 1.0)]),
        ("banc", [(720575940596125868, 720575940597856265, 8.0)]),
    ],
)  # fmt: skip
def test_what_the_page_brings_in(place: Path, graph: str, edges: list[tuple[int, int, float]]) -> None:
    with Graph.open(place / graph, read_only=True) as opened:
        found = opened.query("SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY ALL", language="sql")
        assert [tuple(row.values()) for row in found.to_arrow().to_pylist()] == edges


def test_names_and_parallel_edges(place: Path) -> None:
    with Graph.open(place / "worm", read_only=True) as opened:
        found = opened.query("SELECT weight FROM connections", language="sql").to_arrow()
        assert found["weight"].to_pylist() == [7.0]
        names = opened.query("SELECT name FROM neurons ORDER BY name", language="sql").to_arrow()
        assert names["name"].to_pylist() == ["AVAL", "AVAR"]
