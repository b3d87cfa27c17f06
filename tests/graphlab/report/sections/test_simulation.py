"""The section of simulations: the raster of the latest one on the present data, or nothing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from graphlab import Graph
from graphlab.report.page import Figures, Notes
from graphlab.report.section import Subject
from graphlab.report.sections.simulation import section
from graphlab.testing.toy import random_graph


def test_the_latest_simulation_is_shown(tmp_path: Path) -> None:
    random_graph(tmp_path / "g", seed=0).close()
    with Graph.open(tmp_path / "g") as graph:
        assert section.make(Subject(graph)) is None
        done = graph.circuits.simulate("A", duration_ms=80, trials=2, signs="shiu", unknown_signs="excite")
        made = section.make(Subject(graph))
        assert made is not None
        figures, notes = made.blocks
        assert isinstance(figures, Figures)
        assert isinstance(notes, Notes)
        assert notes.notes[0] == f"Run {done.run_id}."
        assert made.tables["simulation_rates"]["rate_hz"].to_pylist() == done.to_arrow()["rate_hz"].to_pylist()
        (figure,) = figures.figures
        assert figure.narrow is not None
        assert figure.svg.count('class="spikes"') == sum(count > 0 for count in done.to_arrow()["spikes"].to_pylist())
        page = graph.report(tmp_path / "page.html").read_text(encoding="utf-8")
        assert "<h2>Simulation</h2>" in page
        assert (tmp_path / "page_files" / "simulation_raster.svg").is_file()
        graph.ingest(pa.table({"root_id": pa.array([5], pa.uint64()), "name": ["new"]}), as_="neurons")
        assert section.make(Subject(graph)) is None, "it was computed from other data"
