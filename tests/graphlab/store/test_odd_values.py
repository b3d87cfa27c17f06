"""NaN, infinity, empty cells and 0: what the table of the documentation says becomes of them, tried cell by cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import GraphlabError

PAGE = (Path(__file__).parents[3] / "docs" / "semantics.md").read_text(encoding="utf-8")
VALUES = {"NaN": math.nan, "infinity": math.inf, "empty": None, "0": 0.0}


def table() -> dict[tuple[str, str], str]:
    """(kind of column, value) -> null, refused, kept or left out, as the page says."""
    block = PAGE.split("<!-- table:values -->")[1].split("<!-- end -->")[0]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines())
    return {
        (row[0], value): cell.partition(" (")[0] for row in rows for value, cell in zip(head[1:], row[1:], strict=True)
    }


SAYS = table()


def ids(graph: Graph, value: float | None) -> Any:
    column = pa.array([5, value], pa.float64()) if value else pa.array([5, value], pa.uint64())
    graph.ingest(pa.table({"pre_root_id": column, "post_root_id": [6, 7]}), as_="synapses")
    return graph.to_arrow("synapses")["pre_root_id"].to_pylist()[1]


def weight(graph: Graph, value: float | None) -> Any:
    rows = pa.table({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [1.0, value]})
    graph.ingest(rows, as_="connections")
    found = graph.to_arrow("connections")["weight"].to_pylist()
    return found[1] if len(found) > 1 else "left out"


def of_synapses(column: str) -> Callable[[Graph, float | None], Any]:
    def bring(graph: Graph, value: float | None) -> Any:
        rows = {"pre_root_id": [1, 2], "post_root_id": [2, 3]} | {column: pa.array([1.0, value], pa.float64())}
        graph.ingest(pa.table(rows), as_="synapses")
        return graph.to_arrow("synapses")[column].to_pylist()[1]

    return bring


def further(graph: Graph, value: float | None) -> Any:
    graph.ingest(pa.table({"root_id": [1, 2], "x": pa.array([1.0, value], pa.float64())}), as_="neurons")
    above = "MATCH (n) WHERE n.x > -1 RETURN n.bodyId"
    kept = graph.to_arrow("neurons").sort_by("root_id")["x"].to_pylist()[1]
    assert graph.query(above).to_arrow().num_rows == (1 if kept is None else 2), "null passes no comparison"
    return kept


def trace(graph: Graph, value: float | None) -> Any:
    activity = np.random.default_rng(0).normal(size=20)
    column = pa.array([*activity, value], pa.float64())
    graph.ingest(pa.table({"time_s": np.arange(21) / 2, "AVAL": column}), as_="recordings", animal="w")
    found = graph.query("SELECT activity FROM recordings ORDER BY frame").to_arrow()["activity"].to_pylist()[20]
    return None if found is None or math.isnan(found) else found


def vector(graph: Graph, value: float | None) -> Any:
    flat = pa.array([1.0, 2.0, 3.0, value], pa.float32())
    rows = {"root_id": pa.array([1, 2], pa.uint64()), "node_id": pa.array([0, 0], pa.uint64())}
    rows |= {f"{axis}_nm": pa.array([1, 2], pa.float32()) for axis in "xyz"}
    made = pa.table({**rows, "vector": pa.FixedSizeListArray.from_arrays(flat, 2)})
    graph.ingest(made, as_="embeddings", model="m", segmentation_version="1")
    return graph.embeddings.open().to_arrow()["vector"].to_pylist()[1][1]


BRING: dict[str, Callable[[Graph, float | None], Any]] = {
    "id": ids,
    "weight of a connection": weight,
    "weight of a synapse": of_synapses("weight"),
    "score": of_synapses("score"),
    "position": of_synapses("x_nm"),
    "further column": further,
    "trace": trace,
    "embedding": vector,
}


@pytest.mark.parametrize(("kind", "value"), sorted(SAYS))
def test_the_table_of_the_page(graph: Graph, kind: str, value: str) -> None:
    says = SAYS[kind, value]
    if says == "refused":
        with pytest.raises(GraphlabError):
            BRING[kind](graph, VALUES[value])
        assert graph.info().counts["neurons"] == 0
        return
    found = BRING[kind](graph, VALUES[value])
    assert found == {"null": None, "kept": VALUES[value], "left out": "left out"}[says]


def test_the_table_has_every_kind() -> None:
    assert {kind for kind, _ in SAYS} == set(BRING)
    assert {value for _, value in SAYS} == set(VALUES)
