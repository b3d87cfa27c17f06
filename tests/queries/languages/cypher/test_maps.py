"""Maps in Cypher, and nodes where a value stands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.schema.errors import ParseError, UnsupportedError
from queries.engine import Source, run

N = "MATCH (n {bodyId: 1}) "
P = "MATCH p = ({bodyId: 1})-[*1]->({bodyId: 2}) "


def value(text: str, source: Source) -> Any:
    return run(text, source, language="cypher").scalar()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("RETURN {a: 1, b: 'x'} AS v", {"a": 1, "b": "x"}),
        ("WITH {a: {b: [1, 2]}} AS m RETURN m.a.b[1] AS v", 2),
        ("WITH {a: 1} AS m RETURN m.b AS v", None),
        ("UNWIND [1] AS x WITH {a: x} AS m RETURN m.b AS v", None),
        ("WITH {b: 1, a: 2} AS m RETURN keys(m) AS v", ["b", "a"]),
        (N + "RETURN n {.bodyId, .type, z: 1} AS v", {"bodyId": 1, "type": "A", "z": 1}),
        (N + "WITH n, count(*) AS c RETURN n {.type, c} AS v", {"type": "A", "c": 1}),
        (N + "RETURN n['type'] AS v", "A"),
        (N + "RETURN labels(n) AS v", ["Neuron", "Segment"]),
        (N + "RETURN n:Segment AND NOT n:Synapse AS v", True),
        (N + "WITH n, count(*) AS c RETURN n:Neuron AS v", True),
        (N + "-[e]->(m {bodyId: 2}) RETURN type(e) AS v", "ConnectsTo"),
        (N + "-[e:electrical]->() RETURN type(e) AS v", "electrical"),
        (N + "RETURN keys(n) AS v", ["bodyId", "type", "in_graph", "roiInfo"]),
        (
            "MATCH p = ({bodyId: 1})-[*1]->({bodyId: 2}) RETURN [n IN nodes(p) | n {.type}] AS v",
            [{"type": "A"}, {"type": "B"}],
        ),
        (
            "MATCH p = ({bodyId: 1})-[*1]->({bodyId: 2}) RETURN [n IN nodes(p) | labels(n)[0]] AS v",
            ["Neuron", "Neuron"],
        ),
        (P + "RETURN all(n IN nodes(p) WHERE 'type' IN keys(n)) AS v", True),
        ("MATCH (n) WHERE EXISTS { (n)-->(x) WHERE 'type' IN keys(x) } RETURN count(*) AS v", 3),
        (N + "RETURN COUNT { (n)-[e]->() WHERE e.weight > 2 } AS v", 1),
        ("WITH apoc.convert.fromJsonMap('{\"a\": {\"b.c\": 10}}') AS j RETURN j['a']['b.c'] > 9 AS v", True),
        ("WITH apoc.convert.fromJsonMap('{\"a\": \"x\"}') AS j RETURN j.a = 'x' AS v", True),
        ("UNWIND apoc.convert.fromJsonList('[1, 2]') AS x RETURN sum(x) AS v", 3.0),
        ("WITH apoc.convert.fromJsonMap('{\"a\": 1}') AS j UNWIND keys(j) AS k RETURN j[k] + 1 AS v", 2.0),
        ("WITH apoc.convert.fromJsonMap(null) AS j RETURN j.a AS v", None),
    ],
)
def test_values(toy: Source, text: str, wanted: Any) -> None:
    assert value(text, toy) == wanted


def test_a_node_under_as_is_a_map_and_without_it_its_columns(toy: Source) -> None:
    found = run(N + "RETURN n AS x", toy, language="cypher")
    wanted = {"bodyId": 1, "type": "A", "in_graph": True, "roiInfo": "{}"}
    assert json.loads(found.to_arrow().column("x")[0].as_py()) == wanted
    assert found.to_pandas()["x"].tolist() == [wanted]
    assert value(N + "RETURN apoc.map.removeKeys(n, ['roiInfo', 'type']) AS v", toy) == '{"bodyId":1,"in_graph":true}'
    assert run(N + "RETURN collect(n {.*}) AS x", toy, language="cypher").to_pandas()["x"][0] == [wanted]
    columns = run(N + "RETURN n", toy, language="cypher").columns
    assert columns[0] == "root_id"
    assert "cell_type" in columns


def test_ids_keep_their_digits_in_maps(helpers: Any, toy: Source) -> None:
    body = 720575940600000001
    helpers.fill(toy.connection, helpers.SmallGraph(((body, "A"),), ()))
    found = run("MATCH (n) RETURN n AS whole, n {.bodyId} AS part", toy, language="cypher").to_pandas()
    assert found["whole"][0]["bodyId"] == found["part"][0]["bodyId"] == body


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (N + "RETURN labels(n.type)", ParseError, "wants a node"),
        (N + "RETURN type(n)", ParseError, "wants a relationship"),
        (N + "WHERE n:Neruon RETURN n", ParseError, "did you mean 'neuron'"),
        ("RETURN {a: 1, a: 2} AS v", ParseError, "two values 'a'"),
        (N + "RETURN apoc.map.removeKeys(n, 'type') AS v", ParseError, "list of texts"),
        ("MATCH (n {.type}) RETURN n", ParseError, "wanted name: value"),
        ("MATCH (n)-[e]->(m) RETURN startNode(e)", UnsupportedError, "Name the node"),
        (N + "RETURN keys([1])", ParseError, "this is a list"),
        ("MATCH (n:ElementSet) RETURN n", UnsupportedError, "no mitochondria"),
    ],
)
def test_mistakes(toy: Source, text: str, kind: type[ParseError], message: str) -> None:
    with pytest.raises(kind, match=message):
        run(text, toy, language="cypher")


def test_keys_with_quotes_and_braces(toy: Source) -> None:
    toy.connection.execute("""ALTER TABLE neurons ADD COLUMN "a'{b}""c" VARCHAR DEFAULT 'x'""").fetchall()
    found = run(N + "RETURN n AS x, keys(n) AS k", toy, language="cypher").to_pandas()
    assert found["x"][0]["a'{b}\"c"] == "x"
    assert "a'{b}\"c" in found["k"][0]
