"""A graph begins to follow events and ends: what cannot follow is refused, what is there stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.store.live import going
from graphlab.store.live.views import TABLES
from ingest.schema.errors import SchemaError, StoreError, VersionError

SYNAPSES = pa.table({"pre_root_id": [1, 2, 2], "post_root_id": [2, 3, 3], "score": [0.9, 0.9, 0.1]})


def described(graph: Graph) -> dict[str, list[tuple[str, str]]]:
    cursor = graph.folder.cursor()
    return {t: sorted((r[0], r[1]) for r in cursor.execute(f"DESCRIBE {t}").fetchall()) for t in TABLES}


def test_a_graph_that_took_nothing_is_as_it_was(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(SYNAPSES, as_="synapses")
        graph.folder.connection.execute("CREATE VIEW mine AS SELECT count(*) AS n FROM connections")
        before, info = described(graph), graph.info()
        assert going.start(graph.folder).position == 0
        assert going.is_following(graph.folder)
        assert described(graph) == before
        assert graph.query("SELECT n FROM mine").to_arrow()["n"].to_pylist() == [2]
        assert "~connections" not in str(graph.info())
        assert going.fold(graph.folder) == 0
        going.settle(graph.folder)
        going.settle(graph.folder)
        assert described(graph) == before
        assert graph.info() == info


def test_whoever_writes_next_makes_a_graph_whole_that_was_left(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(SYNAPSES, as_="synapses")
        going.start(graph.folder)
    with Graph.open(tmp_path / "g", read_only=True) as graph:
        assert going.is_following(graph.folder)
        assert graph.info().counts["connections"] == 2
        with pytest.raises(StoreError, match="one writer"):
            going.start(graph.folder)
    with Graph.open(tmp_path / "g") as graph:
        assert not going.is_following(graph.folder)
        graph.ingest(pa.table({"pre_root_id": [5], "post_root_id": [6]}), as_="synapses")
        assert graph.info().counts["connections"] == 3


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda g: g.ingest(pa.table({"pre_root_id": [1], "post_root_id": [2], "weight": [2.0]}), as_="connections",
                            kind="electrical"), "electrical connections came ready made"),
        (lambda g: g.set_recipe(merge_within_nm=100.0), "near synapses"),
        (lambda g: g.set_signs("fly"), "has signs"),
        (lambda g: g.ingest(pa.table({"root_id": [1], "total_in": [7.0]}), as_="neurons"), "totals were given"),
        (lambda g: g.ingest(pa.table({"pre_root_id": [1], "post_root_id": [2], "weight": [0.5]}), as_="synapses"),
         "fractional weights"),
    ],
)  # fmt: skip
def test_what_events_cannot_follow_is_refused(tmp_path: Path, spoil: Callable[[Graph], object], told: str) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(SYNAPSES, as_="synapses")
        spoil(graph)
        before = graph.info()
        with pytest.raises(SchemaError, match=told):
            going.start(graph.folder)
        assert graph.info() == before
        with pytest.raises((VersionError, SchemaError)):
            graph.as_of(0)
