"""The contract of the ReportSection seam.

Tests: tests/contracts/test_report_sections.py.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from graphlab.graph import Graph
from graphlab.report import SECTIONS, Section, Subject, write_report
from graphlab.report.page import file_name, write_page
from graphlab.report.section import NEEDS, ReportSection

LOADS = re.compile(
    r"<(?:script|iframe|img|link|object|embed|base)\b|\s(?:src|on\w+)\s*=|url\((?!#)|@import", re.IGNORECASE
)
"""What a page must not hold: it loads nothing and runs nothing."""
HOSTILE = "<script>alert(1)</script>"


class ReportSectionContract:
    """What every section of a report does.

    ::

        class TestHubs(ReportSectionContract):
            name = "hubs"

            def fill(self, graph):
                ...  # add what the section is about, where wiring, types and one null test do not do
    """

    name: str
    """Of the entry point."""

    @property
    def section(self) -> ReportSection:
        return SECTIONS.get(self.name)

    def fill(self, graph: Graph) -> None:
        """More for the graph, which has wiring, cell types (one of a hostile name), a null test and a mining."""

    def subject(self, graph: Graph) -> Subject:
        """What the section is about: the whole graph."""
        return Subject(graph)

    def filled(self, folder: Path) -> Graph:
        """A graph that the section has something to say about, open for reading only."""
        shutil.copytree(_toy(), folder / "graph")
        with Graph.open(folder / "graph") as graph:
            self.fill(graph)
        return Graph.open(folder / "graph", read_only=True)

    def test_words(self) -> None:
        assert self.section.name == self.name == file_name(self.name), "letters, digits, - and _"
        assert self.section.needs <= set(NEEDS), f"needs {set(self.section.needs) - set(NEEDS)}; known: {list(NEEDS)}"

    def test_it_says_something_and_the_same_twice(self, tmp_path: Path) -> None:
        """On a graph that nobody may write: a section leaves the graph as it is."""
        with self.filled(tmp_path) as graph:
            subject = self.subject(graph)
            for need in self.section.needs:
                assert NEEDS[need](subject), f"the graph of the test lacks {need}; add it in fill"
            pages = [self.page(self.section.make(self.subject(graph)), tmp_path / name) for name in ("a", "b")]
        assert pages[0] == pages[1], "another page the second time"
        text = pages[0]["page.html"].decode()
        assert not LOADS.search(text[text.index("</style>") :]), "something that a browser would load or run"

    def page(self, section: Section | None, folder: Path) -> dict[str, bytes]:
        """The page of a section alone, and every file beside it, by name."""
        assert section is not None, "nothing to say about the graph of the test"
        assert section.title
        write_page(folder / "page.html", [section], "title", "subtitle")
        return {file.name: file.read_bytes() for file in sorted(folder.rglob("*")) if file.suffix != ".parquet"
                and file.is_file()}  # fmt: skip

    def test_a_new_graph_has_a_report(self, tmp_path: Path) -> None:
        """Of a graph without anything a section is left out, or says so; it is no error."""
        with Graph.create(tmp_path / "graph") as graph:
            subject = Subject(graph)
            if all(NEEDS[need](subject) for need in self.section.needs):
                made = self.section.make(subject)
                assert made is None or made.title
            assert write_report(graph, tmp_path / "report.html").is_file()


@cache
def _toy() -> Path:
    """A graph folder that lives as long as the process."""
    folder = Path(tempfile.mkdtemp(prefix="graphlab-toy-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rng = np.random.default_rng(0)
    with Graph.create(folder / "graph", dataset=f"toy {HOSTILE}") as graph:
        types = [HOSTILE, "b", "c"] * 8
        graph.ingest(pa.table({"root_id": pa.array(range(1, 25), pa.uint64()), "cell_type": types}), as_="neurons")
        pre, post = np.nonzero((rng.random((24, 24)) < 0.2) & ~np.eye(24, dtype=bool))
        weight = rng.integers(1, 9, len(pre)).astype(float)
        graph.ingest(pa.table({"pre_root_id": pre + 1, "post_root_id": post + 1, "weight": weight}), as_="connections")
        graph.motifs.significance(3, samples=3)
        graph.motifs.mine(3, samples=2, min_count=1)
    return folder / "graph"
