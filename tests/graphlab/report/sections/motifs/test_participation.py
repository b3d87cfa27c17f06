"""Cell types in the wiring: the types that are wired, not those that a table merely lists."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from graphlab import Graph
from graphlab.report.section import Subject
from graphlab.report.sections.motifs.participation import TYPES, section


def test_neurons_without_connections_take_no_place(tmp_path: Path) -> None:
    wired = ["a", "b", "c", "d"]
    listed = [f"lone_{kind}_{at}" for kind in range(TYPES) for at in range(3)]
    types = ["one", "two", "one", "two", *(name.rsplit("_", 1)[0] for name in listed)]
    pairs = pa.table({"pre_name": wired, "post_name": [*wired[1:], "a"], "weight": [1.0] * 4})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table({"name": [*wired, *listed], "cell_type": types}), as_="neurons")
        graph.ingest(pairs, as_="connections")
        found = section.make(Subject(graph))
    assert found is not None
    rows = found.tables["types_connections"].to_pylist()
    assert {value for row in rows for value in row.values() if isinstance(value, str)} == {"one", "two"}
