"""networkx and igraph objects hold what the tables hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
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


def test_every_table_is_the_same_in_arrow_pandas_and_polars(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pre, post = rng.integers(1, 60, (2, 400)).astype(np.uint64) + np.uint64(2**62)
    neuropil = rng.choice(["LH", "MB"], 400)
    synapses = pa.table({"pre_root_id": pre, "post_root_id": post, "neuropil": neuropil, "score": rng.random(400)})
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(synapses, as_="synapses")
        graph.motifs.census(3)
        for name in ("neurons", "synapses", "connections", "connections_by_neuropil", "motif_counts"):
            arrow = graph.to_arrow(name)
            rows = arrow.to_pylist()
            assert rows, name
            assert graph.to_polars(name).to_dicts() == rows
            frame = graph.to_pandas(name)
            assert list(frame.columns) == arrow.column_names
            assert [
                {key: None if pd.isna(value) else value for key, value in row.items()}
                for row in frame.to_dict("records")
            ] == rows
        edges = {(r["pre_root_id"], r["post_root_id"]): r["weight"] for r in graph.to_arrow("connections").to_pylist()}
        worm = graph.to_networkx()
        assert {(a, b): data["weight"] for a, b, data in worm.edges(data=True)} == edges
        other = graph.to_igraph()
        ids = [int(text) for text in other.vs["root_id"]]
        assert {(ids[e.source], ids[e.target]): e["weight"] for e in other.es} == edges
        snapshot = graph.snapshot()
        sources = np.repeat(snapshot.root_ids, np.diff(snapshot.out_start)).tolist()
        targets = snapshot.root_ids[snapshot.out_target].tolist()
        assert dict(zip(zip(sources, targets, strict=True), snapshot.weight.tolist(), strict=True)) == {
            pair: weight for pair, weight in edges.items() if pair[0] != pair[1]
        }
        assert edges == Counter(zip(pre.tolist(), post.tolist(), strict=True))
