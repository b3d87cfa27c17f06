"""What counts as a match: the table of the documentation, and LadybugDB and DotMotif as outside oracles."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import GraphlabError
from queries.engine import Source, run

PAGE = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text(encoding="utf-8")
CHAIN = (
    "FROM GRAPH_TABLE (connectome MATCH (a)-[e]->(b)-[f]->(c)-[g]->(d){keep} COLUMNS (a.root_id AS a, b.root_id AS b, "
)
CHAIN += "c.root_id AS c, d.root_id AS d))"


def table() -> dict[str, int]:
    """Semantics -> matches, as the page says."""
    block = PAGE.split("<!-- table:chain -->")[1].split("<!-- end -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()[2:]]
    return {row[0]: int(row[-1]) for row in rows}


def edges() -> list[tuple[int, int]]:
    """The graph of the page."""
    return [(int(a), int(b)) for a, b in re.findall(r"(\d) -> (\d)", PAGE.split("```")[1])]


@pytest.fixture
def page(helpers: Any, toy: Source) -> Source:
    pairs = edges()
    neurons = tuple((i, None) for i in sorted({end for pair in pairs for end in pair}))
    helpers.fill(toy.connection, helpers.SmallGraph(neurons, tuple((a, b, 1, "chemical") for a, b in pairs)))
    return toy


class Ladybug:
    """A LadybugDB in memory, a new one for each graph (deleting and filling one again crashes 0.22)."""

    def __init__(self, graph: Any) -> None:
        ladybug = pytest.importorskip("ladybug")
        self.database = ladybug.Database(":memory:", buffer_pool_size=2**26, max_db_size=2**30)
        self.connection = ladybug.Connection(self.database)
        self.connection.execute("CREATE NODE TABLE Neuron(bodyId INT64, type STRING, PRIMARY KEY(bodyId))")
        for label in ("ConnectsTo", "electrical"):
            self.connection.execute(f"CREATE REL TABLE {label}(FROM Neuron TO Neuron, weight INT64)")
        for root_id, cell_type in graph.neurons:
            self.connection.execute("CREATE (:Neuron {bodyId: $i, type: $t})", {"i": root_id, "t": cell_type})
        for pre, post, weight, kind in graph.connections:
            label = "ConnectsTo" if kind == "chemical" else "electrical"
            self.connection.execute(
                f"MATCH (a:Neuron), (b:Neuron) WHERE a.bodyId = $a AND b.bodyId = $b "
                f"CREATE (a)-[:{label} {{weight: $w}}]->(b)",
                {"a": pre, "b": post, "w": weight},
            )

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(row) for row in self.connection.execute(text).get_all())


def renumbered(graph: Any) -> Any:
    """Ids from 1: LadybugDB's Python door takes none past 2^63."""
    number = {root_id: i for i, (root_id, _) in enumerate(graph.neurons, 1)}
    rows = [(number[a], number[b], w, kind) for a, b, w, kind in graph.connections]
    return replace(graph, neurons=tuple((number[i], t) for i, t in graph.neurons), connections=tuple(rows))


def test_table_of_the_page(page: Source) -> None:
    keeps = {"homomorphic": "", "distinct edges": " KEEP DISTINCT EDGES",
             "distinct vertices": " KEEP DISTINCT VERTICES", "induced": " KEEP INDUCED"}  # fmt: skip
    assert {name: len(run(CHAIN.format(keep=keep), page)) for name, keep in keeps.items()} == table()
    assert table()["homomorphic"] == 9
    assert table()["distinct edges"] == 7


def test_each_language_counts_as_the_page_says(page: Source) -> None:
    said = table()
    assert len(run(CHAIN.format(keep=""), page)) == said["homomorphic"]
    cypher = "MATCH (a)-[:ConnectsTo]->(b)-[:ConnectsTo]->(c)-[:ConnectsTo]->(d) RETURN a.bodyId, b.bodyId, c.bodyId"
    assert len(run(cypher, page)) == said["distinct edges"]
    assert len(run("A -> B\nB -> C\nC -> D", page)) == said["distinct vertices"]


def test_outside_engines_count_as_the_page_says(helpers: Any) -> None:
    said, pairs = table(), edges()
    neurons = tuple((i, None) for i in sorted({end for pair in pairs for end in pair}))
    ladybug = Ladybug(helpers.SmallGraph(neurons, tuple((a, b, 1, "chemical") for a, b in pairs)))
    chain = "MATCH (a:Neuron)-[:ConnectsTo]->(b:Neuron)-[:ConnectsTo]->(c:Neuron)-[:ConnectsTo]->(d:Neuron)"
    assert ladybug.rows(f"{chain} RETURN count(*)") == [(said["homomorphic"],)]
    dotmotif = pytest.importorskip("dotmotif")
    found = dotmotif.GrandIsoExecutor(graph=nx.DiGraph(pairs)).find(dotmotif.Motif("A -> B\nB -> C\nC -> D"))
    assert len(found) == said["distinct vertices"]
    path = nx.DiGraph([(0, 1), (1, 2), (2, 3)])
    induced = nx.isomorphism.DiGraphMatcher(nx.DiGraph(pairs), path)
    assert sum(1 for _ in induced.subgraph_isomorphisms_iter()) == said["induced"]


NAMES = "abc"


def in_ladybug(spec: Any) -> str:
    """A written pattern in LadybugDB's Cypher."""
    labels = {"synapse": ":ConnectsTo", "electrical": ":electrical", "connection": ":ConnectsTo|:electrical"}
    paths = [f"({NAMES[i]}:Neuron)" for i in range(len(spec.types))]
    conditions = [f"{NAMES[i]}.type = '{t}'" for i, t in enumerate(spec.types) if t is not None]
    outputs = [f"{NAMES[i]}.bodyId" for i in range(len(spec.types))]
    for number, edge in enumerate(spec.edges):
        path = f"({NAMES[edge.source]})-[e{number}{labels[edge.label]}]->({NAMES[edge.target]})"
        if edge.absent:
            conditions.append(f"NOT EXISTS {{ MATCH {path} WHERE e{number}.weight >= {edge.least} }}")
        else:
            paths.append(path)
            conditions.append(f"e{number}.weight >= {edge.least}")
            outputs.append(f"e{number}.weight")
    tail = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"MATCH {', '.join(paths)}{tail} RETURN {', '.join(outputs)}"


def in_pgq(spec: Any) -> str:
    paths = [
        f"({NAMES[i]} IS neuron{'' if t is None else f' WHERE {NAMES[i]}.cell_type = {t!r}'})"
        for i, t in enumerate(spec.types)
    ]
    outputs, conditions = [f"{NAMES[i]}.root_id AS {NAMES[i]}" for i in range(len(spec.types))], []
    for number, edge in enumerate(spec.edges):
        path = (
            f"({NAMES[edge.source]})-[e{number} IS {edge.label} WHERE e{number}.weight >= {edge.least}]->"
            f"({NAMES[edge.target]})"
        )
        if edge.absent:
            conditions.append(f"NOT EXISTS {{ {path} }}")
        else:
            paths.append(path)
            outputs.append(f"e{number}.weight AS w{number}")
    tail = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"FROM GRAPH_TABLE (connectome MATCH {', '.join(paths)}{tail} COLUMNS ({', '.join(outputs)}))"


OUTSIDE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_walks_agree_with_ladybug(helpers: Any, scratch: Source) -> None:
    """LadybugDB matches walks, as ISO SQL/PGQ does: vertices and edges may repeat."""

    @OUTSIDE
    @given(graph=helpers.graphs(), spec=helpers.specs())
    def agrees(graph: Any, spec: Any) -> None:
        graph = renumbered(graph)
        one_way = replace(spec, edges=tuple(replace(e, any_way=False) for e in spec.edges))
        helpers.fill(scratch.connection, graph)
        ladybug = Ladybug(graph)
        found = sorted(tuple(int(v) for v in r.values()) for r in run(in_pgq(one_way), scratch).to_arrow().to_pylist())
        assert found == ladybug.rows(in_ladybug(one_way))

    agrees()


@pytest.mark.parametrize(("mode", "word"), [("WALK", ""), ("TRAIL", "TRAIL ")])
def test_repeated_edges_agree_with_ladybug(helpers: Any, scratch: Source, mode: str, word: str) -> None:
    @settings(OUTSIDE, max_examples=20)
    @given(graph=helpers.graphs(most=4), high=st.integers(1, 3))
    def agrees(graph: Any, high: int) -> None:
        graph = renumbered(graph)
        helpers.fill(scratch.connection, graph)
        ladybug = Ladybug(graph)
        text = (
            f"FROM GRAPH_TABLE (connectome MATCH p = {mode} (a)-[e IS synapse]->{{1,{high}}}(b) "
            "COLUMNS (a.root_id AS a, b.root_id AS b, path_length(p) AS n))"
        )
        found = sorted(tuple(r.values()) for r in run(text, scratch).to_arrow().to_pylist())
        theirs = ladybug.rows(
            f"MATCH p = (a:Neuron)-[e:ConnectsTo* {word}1..{high}]->(b:Neuron) RETURN a.bodyId, b.bodyId, length(e)"
        )
        assert found == theirs

    agrees()


def test_table_of_alike_vertices(helpers: Any, toy: Source) -> None:
    """Each row of the page: its connections, its motif, how many matches stay."""
    block = PAGE.split("<!-- table:alike -->")[1].split("<!-- end -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()[2:]]
    assert len(rows) >= 5
    for connections, motif, kept, _ in rows:
        pairs = [(int(a), int(b)) for a, b in re.findall(r"(\d) -> (\d)", connections)]
        neurons = tuple((i, None) for i in sorted({end for pair in pairs for end in pair}))
        helpers.fill(toy.connection, helpers.SmallGraph(neurons, tuple((a, b, 1, "chemical") for a, b in pairs)))
        text = motif.strip("`").replace("; ", "\n")
        found = [len(run(text, Source(toy.connection), language="dotmotif", engine=e)) for e in ("duckdb", "csr")]
        assert found == [int(kept)] * 2, motif


BASE = 720575940603560295
RULES = re.findall(r"<!-- table:(ids|unknown|names|clauses|values_in_cypher) -->(.*?)<!-- end -->", PAGE, re.DOTALL)
RULED = [
    [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
    for _, block in RULES
    for line in block.strip().splitlines()[2:]
]


@pytest.fixture
def three(helpers: Any, toy: Source) -> Source:
    """The graph of the tables about ids, unknown values and names."""
    graph = helpers.SmallGraph(
        ((BASE, "A"), (BASE + 1, "B"), (BASE + 2, None)),
        ((BASE, BASE + 1, 5, "chemical"), (BASE + 1, BASE + 2, 3, "chemical")),
    )
    helpers.fill(toy.connection, graph)
    for statement in (
        "DELETE FROM connections_by_neuropil",
        f"""INSERT INTO connections_by_neuropil VALUES ({BASE}, {BASE + 1}, 'CX', 2, 'chemical'),
            ({BASE}, {BASE + 1}, 'LO', 3, 'chemical'), ({BASE + 1}, {BASE + 2}, 'LO', 3, 'chemical')""",
        """ALTER TABLE neurons ADD COLUMN "roiInfo" VARCHAR DEFAULT 'own'""",
        """ALTER TABLE neurons ADD COLUMN "class" VARCHAR DEFAULT 'x'""",
        "UPDATE neurons SET super_class = 'y'",
    ):
        toy.connection.execute(statement).fetchall()
    return toy


def test_there_is_a_table_of_rules_for_each() -> None:
    assert [name for name, _ in RULES] == ["ids", "unknown", "names", "clauses", "values_in_cypher"]
    assert len(RULED) >= 25


@pytest.mark.parametrize(("example", "answer"), [(row[1], row[2]) for row in RULED])
def test_every_rule_of_the_page(three: Source, example: str, answer: str) -> None:
    text = example.removeprefix("``").removesuffix("``") if example.startswith("``") else example.strip("`")
    if answer == "refused":
        with pytest.raises(GraphlabError):
            run(text, three)
        return
    rows = [list(row.values()) for row in run(text, three).to_arrow().to_pylist()]
    assert sorted(rows, key=repr) == sorted(json.loads(answer), key=repr)
