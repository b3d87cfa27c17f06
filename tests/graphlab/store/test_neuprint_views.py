"""Synapses as nodes over the tables of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import ParseError

PAIRS = [(1, 2), (1, 3), (1, 2), (2, 1), (0, 1)]
CONTACTS = (
    "MATCH (n:Neuron)-[:Contains]->(a:SynapseSet)-[:Contains]->(s:Synapse)-[:SynapsesTo]->(t:Synapse)"
    "<-[:Contains]-(b:SynapseSet)<-[:Contains]-(m:Neuron), (a)-[:ConnectsTo]->(b) "
    "RETURN n.bodyId AS pre, m.bodyId AS post, t.location.x AS x ORDER BY x"
)


def places(count: int) -> dict[str, Any]:
    return {axis: pa.array([float(i) for i in range(count)]) for axis in ("x_nm", "y_nm", "z_nm")}


def asked(graph: Graph, text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = graph.query(text, language="cypher").to_arrow().to_pylist()
    return rows


@pytest.mark.parametrize("shared", [False, True])
def test_every_contact_is_met_once(graph: Graph, synapses: Callable[..., pa.Table], shared: bool) -> None:
    sites = {"presynapse_id": pa.array([7, 7, None, 7, None], pa.uint64())} if shared else {}
    graph.ingest(synapses(PAIRS, **places(5), **sites), as_="synapses")
    assert asked(graph, CONTACTS) == [{"pre": a, "post": b, "x": float(i)} for i, (a, b) in enumerate(PAIRS[:4])]
    counts = asked(graph, "MATCH (s:Synapse) RETURN s.type AS type, count(s) AS n ORDER BY type")
    # A site of one number in two neurons is two; a contact of no neuron has a postsynaptic side alone.
    assert counts == [{"type": "post", "n": 5}, {"type": "pre", "n": 3 if shared else 4}]
    sets = asked(graph, "MATCH (a:SynapseSet) RETURN a.type AS type, count(*) AS n ORDER BY type")
    assert sets == [{"type": "post", "n": 3}, {"type": "pre", "n": 3}]


def test_a_release_site_is_where_its_contacts_are(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    given = synapses(
        [(1, 2), (1, 3), (1, 3)],
        x_nm=pa.array([1.0, 2.0, 9.0]),
        y_nm=pa.array([0.0, 0.0, 0.0]),
        z_nm=pa.array([0.0, 0.0, 0.0]),
        score=pa.array([0.5, 1.0, None]),
        neuropil=pa.array(["EB", "aL(R)", None]),
        presynapse_id=pa.array([4, 4, None], pa.uint64()),
    )
    graph.ingest(given, as_="synapses")
    text = "MATCH (s:Synapse {type: 'pre'}) RETURN s.location.x AS x, s.confidence AS c, keys(s) AS k, s.`EB` AS eb"
    assert asked(graph, f"{text} ORDER BY x") == [
        {"x": 1.5, "c": 0.75, "k": ["type", "confidence", "bodyId", "location", "EB", "aL(R)"], "eb": True},
        {"x": 9.0, "c": None, "k": ["type", "bodyId", "location"], "eb": None},
    ]


def test_the_data_set_is_a_node(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    neuropil = pa.array(["EB", "it's", "EB", None, "EB"])
    graph.ingest(synapses(PAIRS, neuropil=neuropil), as_="synapses")
    found = graph.query("MATCH (m:Meta) RETURN m AS meta, m.primaryRois AS rois", language="cypher").to_pandas()
    assert list(found["rois"][0]) == ["EB", "it's"]
    assert found["meta"][0]["dataset"] == "test"
    assert "neuroglancerInfo" not in found["meta"][0]


def test_labels_of_another_data_set_are_refused(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    graph.ingest(synapses(PAIRS), as_="synapses")
    assert asked(graph, "MATCH (n:test_Neuron) RETURN count(*) AS n") == [{"n": 3}]
    with pytest.raises(ParseError, match="no vertex label 'hemibrain_Neuron'"):
        asked(graph, "MATCH (n:hemibrain_Neuron) RETURN count(*) AS n")


def test_a_graph_without_synapses_has_none(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 5.0)]), as_="connections")
    assert asked(graph, "MATCH (s:Synapse) RETURN count(*) AS n") == [{"n": 0}]
    assert asked(graph, "MATCH (a)-[:ConnectsTo]->(b) RETURN count(*) AS n") == [{"n": 1}]
