"""The section of statistics: each number with N, null columns where there is a null, the rich club as a figure."""

from __future__ import annotations

from pathlib import Path

from graphlab.report import SECTIONS, Subject, write_report
from graphlab.report.page import Figures, Notes, Table
from graphlab.report.section import NEEDS
from graphlab.testing.toy import random_graph


def test_the_section_has_every_number(tmp_path: Path) -> None:
    with random_graph(tmp_path / "g", seed=0) as graph:
        assert not NEEDS["statistics"](Subject(graph))
        found = graph.circuits.statistics(["size", "reciprocity", "rich-club"], null="er", samples=5, observable=False)
        made = SECTIONS.get("statistics").make(Subject(graph))
        assert made is not None
        table = next(block for block in made.blocks if isinstance(block, Table))
        names = {row[0] for row in table.rows}
        assert {"density", "mutual_pairs", "rich_club_neurons"} <= names
        assert "rich_club_total" not in names, "a curve is a figure"
        assert "null mean" in table.columns
        row = next(row for row in table.rows if row[0] == "reciprocity")
        assert row[3] == f"{found.value('reciprocity'):,.4g}"
        assert row[5] == f"{graph.snapshot().m:,} connections"
        figure = next(block for block in made.blocks if isinstance(block, Figures)).figures[0].svg
        assert "null mean" in figure
        notes = next(block for block in made.blocks if isinstance(block, Notes)).notes
        assert notes[0].startswith(f"Run {found.run_id}")
        assert any("Null 'er'" in note for note in notes)
        assert any("Reciprocity: share of connections" in note for note in notes)
        assert "Statistics of the wiring" in write_report(graph, tmp_path / "page.html").read_text()


def test_without_a_null_and_with_sides(tmp_path: Path) -> None:
    with random_graph(tmp_path / "g", seed=0) as graph:
        graph.circuits.statistics(["reciprocity"])
        made = SECTIONS.get("statistics").make(Subject(graph))
        assert made is not None
        table = next(block for block in made.blocks if isinstance(block, Table))
        assert table.columns == ["number", "of", "at", "value", "error", "N"]
