"""Instances: all of them, the strongest first, with ids and weights."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from graphlab.motifs.census.codes import CONNECTED_TRIADS, TRIAD_LABELS, edges_of, smallest_codes
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.mining.instances import instances, motif_code
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

N = 40


def graph(seed: int = 0) -> Snapshot:
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(0, N, (350, 2)), axis=0)
    ids = np.sort(rng.choice(2**62, N, replace=False).astype(np.uint64)) + np.uint64(2**63)
    return Snapshot.from_edges(ids, pairs[:, 0], pairs[:, 1], rng.integers(-3, 30, len(pairs)))


LABELS = [None if k % 7 == 0 else "xyz"[k % 3] for k in range(N)]


@pytest.mark.parametrize("label", CONNECTED_TRIADS)
def test_every_triad_instance_is_given_once(label: str) -> None:
    one = graph()
    table = instances(one, label, limit=10**6)
    expected = triad_counts(one)[TRIAD_LABELS.index(label)]
    assert table.num_rows == expected == int(table.schema.metadata[b"found"])
    rows = table.to_pylist()
    assert len({frozenset((r["neuron_0"], r["neuron_1"], r["neuron_2"])) for r in rows}) == expected
    weight = {
        (int(one.root_ids[a]), int(one.root_ids[b])): w
        for a, b, w in zip(one.sources(), one.out_target, one.weight, strict=True)
    }
    edges = edges_of(motif_code(label, 3), 3)
    for row in rows:
        given = {(a, b): row[f"weight_{a}_{b}"] for a, b in edges}
        for (a, b), value in given.items():
            assert weight[row[f"neuron_{a}"], row[f"neuron_{b}"]] == value
        assert row["weakest"] == min(given.values())
        assert row["total"] == sum(given.values())
    order = [(-r["weakest"], -r["total"]) for r in rows]
    assert order == sorted(order)


def test_a_limit_keeps_the_strongest_of_all() -> None:
    one = graph()
    whole, few = instances(one, "030T", limit=10**6), instances(one, "030T", limit=7)
    assert few.equals(whole.slice(0, 7))
    assert few.schema.metadata[b"found"] == str(whole.num_rows).encode()


def test_types_choose_instances() -> None:
    one = graph()
    whole = instances(one, "021D", labels=LABELS, limit=10**6).to_pylist()
    roles = edges_of(motif_code("021D", 3), 3)
    source = roles[0][0]
    wanted = [r for r in whole if sorted(filter(None, [r["type_0"], r["type_1"], r["type_2"]])) == ["x", "y", "z"]]
    got = []
    for types in (["x", "y", "z"], ["x", "z", "y"], ["y", "x", "z"], ["y", "z", "x"], ["z", "x", "y"], ["z", "y", "x"]):
        found = instances(one, "021D", labels=LABELS, types=types, limit=10**6).to_pylist()
        assert all([r["type_0"], r["type_1"], r["type_2"]] == types for r in found)
        got += found
    assert len(got) == len(wanted) > 0
    assert source in (0, 1, 2)


def test_tetrads_as_networkx_finds_them() -> None:
    one = graph(3)
    bifan = [(0, 2), (0, 3), (1, 2), (1, 3)]
    pattern, whole = nx.DiGraph(bifan), nx.DiGraph(zip(one.sources().tolist(), one.out_target.tolist(), strict=True))
    matcher = nx.algorithms.isomorphism.DiGraphMatcher(whole, pattern)
    expected = {frozenset(match) for match in matcher.subgraph_isomorphisms_iter()}
    table = instances(one, bifan, 4, limit=10**6)
    columns = [table.column(f"neuron_{k}").to_numpy() for k in range(4)]
    found = {frozenset(one.indices_of(np.array(row)).tolist()) for row in zip(*columns, strict=True)}
    assert len(found) == table.num_rows
    assert found == expected
    assert found


def test_positions_come_along() -> None:
    one = graph()
    place = np.random.default_rng(0).random((N, 3)) * 1e5
    row = instances(one, "030C", limit=1, position_nm=place).to_pylist()[0]
    node = int(one.indices_of(np.array([row["neuron_1"]], dtype=np.uint64))[0])
    assert [row["x_nm_1"], row["y_nm_1"], row["z_nm_1"]] == place[node].tolist()


def test_an_absent_motif_is_an_empty_table_with_its_columns() -> None:
    line = Snapshot.from_edges(np.arange(1, 4, dtype=np.uint64), [0, 1], [1, 2])
    table = instances(line, "300")
    assert table.num_rows == 0
    assert str(table.schema.field("neuron_0").type) == "uint64"
    assert table.schema.metadata[b"found"] == b"0"


def test_requests_that_cannot_be_met() -> None:
    one = graph()
    with pytest.raises(UnknownNameError, match="030T"):
        instances(one, "030X")
    with pytest.raises(AnalysisError, match="3 or 4 neurons, not 9"):
        instances(one, "030T", 9)
    with pytest.raises(AnalysisError, match="not connected"):
        instances(one, "012")
    with pytest.raises(AnalysisError, match="does not join two"):
        instances(one, [(0, 0)])
    with pytest.raises(UnknownNameError, match="204 for the bi-fan"):
        instances(one, "bifan", 4)
    with pytest.raises(AnalysisError, match="codes are below 64"):
        instances(one, 64)
    with pytest.raises(AnalysisError, match="limit is 0"):
        instances(one, "030T", limit=0)
    with pytest.raises(AnalysisError, match="no type per neuron"):
        instances(one, "030T", types=["x", "y", "z"])
    with pytest.raises(AnalysisError, match="2 types for 3 neurons"):
        instances(one, "030T", labels=LABELS, types=["x", "y"])
    with pytest.raises(UnknownNameError, match="unknown type 'xx'"):
        instances(one, "030T", labels=LABELS, types=["xx", "y", "z"])
    assert motif_code(int(smallest_codes(3)[38]), 3) == smallest_codes(3)[38]
