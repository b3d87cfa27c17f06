"""networkx and igraph objects hold what the tables hold."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from graphlab.graph import Graph

BIG = 2**63 + 11


def test_networkx_and_igraph_agree_with_the_tables(tmp_path: Path) -> None:
    pairs = pa.table(
        {
            "pre_root_id": pa.array([1, 1, BIG, 3], pa.uint64()),
            "post_root_id": pa.array([BIG, 1, 3, 1], pa.uint64()),
            "weight": [5.0, 1.0, 2.0, 9.0],
        }
    )
    neurons = pa.table({"root_id": pa.array([1, 8], pa.uint64()), "cell_type": ["KC", "lonely"]})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(pairs, as_="connections")
        wanted = {(1, BIG): 5.0, (1, 1): 1.0, (BIG, 3): 2.0, (3, 1): 9.0}
        nx_graph = graph.to_networkx()
        assert {(a, b): data["weight"] for a, b, data in nx_graph.edges(data=True)} == wanted
        assert nx_graph.nodes[1]["cell_type"] == "KC"
        assert set(nx_graph) == {1, 3, 8, BIG}
        ig_graph = graph.to_igraph()
        ids = [int(text) for text in ig_graph.vs["root_id"]]
        assert {(ids[e.source], ids[e.target]): e["weight"] for e in ig_graph.es} == wanted
        assert graph.to_networkx(min_weight=3).number_of_edges() == 2
        assert graph.to_igraph("electrical").ecount() == 0
