"""Every language on every engine gives what going through all combinations gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.engine import Source, run

KEEP = {
    "homomorphic": "",
    "distinct edges": "KEEP DISTINCT EDGES",
    "distinct vertices": "KEEP DISTINCT VERTICES",
    "induced": "KEEP INDUCED",
}
NAMES = "abcd"
AGREE = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def in_pgq(spec: Any) -> str:
    """A pattern in SQL/PGQ."""
    paths = [f"({NAMES[i]} IS neuron{where(i, t)})" for i, t in enumerate(spec.types)]
    conditions, outputs = [], [f"{NAMES[i]}.root_id AS {NAMES[i]}" for i in range(len(spec.types))]
    for number, edge in enumerate(spec.edges):
        least = f" WHERE e{number}.weight >= {edge.least}" if edge.least else ""
        arrow = f"-[e{number} IS {edge.label}{least}]-{'' if edge.any_way else '>'}"
        path = f"({NAMES[edge.source]}){arrow}({NAMES[edge.target]})"
        if edge.absent:
            conditions.append(f"NOT EXISTS {{ {path} }}")
        else:
            paths.append(path)
            outputs.append(f"e{number}.weight AS w{number}")
    numbers = [n for n, edge in enumerate(spec.edges) if not edge.absent]
    conditions += [f"e{numbers[a]}.weight > e{numbers[b]}.weight" for a, b in spec.heavier]
    conditions += [f"{NAMES[a]}.root_id < {NAMES[b]}.root_id" for a, b in spec.orders]
    return (
        f"SELECT * FROM GRAPH_TABLE (connectome MATCH {', '.join(paths)} "
        f"{'WHERE ' + ' AND '.join(conditions) if conditions else ''} {KEEP[spec.semantics]} "
        f"COLUMNS ({', '.join(outputs)}))"
    )


def where(number: int, wanted: str | None) -> str:
    return "" if wanted is None else f" WHERE {NAMES[number]}.cell_type = '{wanted}'"


def in_cypher(spec: Any) -> str:
    """A pattern in Cypher; the semantics are distinct edges."""
    names = {"synapse": "ConnectsTo", "electrical": "electrical", "connection": "connection"}
    paths = [f"({NAMES[i]}:Neuron)" for i in range(len(spec.types))]
    conditions = [f"{NAMES[i]}.type = '{t}'" for i, t in enumerate(spec.types) if t is not None]
    outputs = [f"{NAMES[i]}.bodyId AS {NAMES[i]}" for i in range(len(spec.types))]
    for number, edge in enumerate(spec.edges):
        arrow = f"-[e{number}:{names[edge.label]}]-{'' if edge.any_way else '>'}"
        path = f"({NAMES[edge.source]}){arrow}({NAMES[edge.target]})"
        if edge.absent:
            conditions.append(f"NOT EXISTS {{ {path} WHERE e{number}.weight >= {edge.least} }}")
        else:
            paths.append(path)
            conditions.append(f"e{number}.weight >= {edge.least}")
            outputs.append(f"e{number}.weight AS w{number}")
    tail = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"MATCH {', '.join(paths)}{tail} RETURN {', '.join(outputs)}"


def in_dotmotif(spec: Any) -> str:
    """A pattern in DotMotif; the semantics are distinct vertices, the answer is vertices alone."""
    lines = []
    for edge in spec.edges:
        clauses = f" [weight >= {edge.least}]" if edge.least else ""
        lines.append(f"{NAMES[edge.source]} {'!' if edge.absent else '-'}> {NAMES[edge.target]}{clauses}")
    used = {end for edge in spec.edges for end in (edge.source, edge.target)}
    lines += [f'{NAMES[i]}.type = "{t}"' for i, t in enumerate(spec.types) if t is not None and i in used]
    return "\n".join(lines)


def rows(result: Any) -> list[tuple[int, ...]]:
    return sorted(tuple(int(v) for v in row.values()) for row in result.to_arrow().to_pylist())


ENGINES = ["duckdb", "csr"]
SQL_ALONE = ["duckdb"]
"""Repeated edges and selected paths are refused by the other engine."""


@pytest.mark.parametrize("engine", ENGINES)
def test_sql_pgq_agrees_with_brute_force(helpers: Any, scratch: Source, engine: str) -> None:
    @AGREE
    @given(graph=helpers.graphs(), spec=helpers.specs())
    def agrees(graph: Any, spec: Any) -> None:
        helpers.fill(scratch.connection, graph)
        assert rows(run(in_pgq(spec), Source(scratch.connection), engine=engine)) == helpers.brute_force(graph, spec)

    agrees()


@pytest.mark.parametrize("engine", ENGINES)
def test_cypher_agrees_with_brute_force(helpers: Any, scratch: Source, engine: str) -> None:
    @AGREE
    @given(graph=helpers.graphs(), spec=helpers.specs())
    def agrees(graph: Any, spec: Any) -> None:
        from dataclasses import replace

        helpers.fill(scratch.connection, graph)
        wanted = helpers.brute_force(graph, replace(spec, semantics="distinct edges"))
        assert rows(run(in_cypher(spec), Source(scratch.connection), engine=engine)) == wanted

    agrees()


@pytest.mark.parametrize("engine", ENGINES)
def test_dotmotif_agrees_with_brute_force(helpers: Any, scratch: Source, engine: str) -> None:
    @AGREE
    @given(graph=helpers.graphs(), spec=helpers.specs(plain=True).filter(lambda s: s.edges))
    def agrees(graph: Any, spec: Any) -> None:
        used = sorted({end for edge in spec.edges for end in (edge.source, edge.target)})
        if len(used) < len(spec.types):  # DotMotif has no vertex without an edge
            return
        helpers.fill(scratch.connection, graph)
        result = run(in_dotmotif(spec), Source(scratch.connection), engine=engine)
        order = [NAMES.index(name) for name in result.columns]
        found = sorted(tuple(row[order.index(i)] for i in range(len(order))) for row in
                       (tuple(r.values()) for r in result.to_arrow().to_pylist()))  # fmt: skip
        assert found == sorted(match[: len(spec.types)] for match in helpers.brute_force(graph, spec))

    agrees()


@pytest.mark.parametrize("engine", SQL_ALONE)
@pytest.mark.parametrize("mode", ["walk", "trail", "simple", "acyclic"])
def test_repeated_edges_agree_with_going_along_every_walk(
    helpers: Any, scratch: Source, engine: str, mode: str
) -> None:
    @settings(AGREE, max_examples=60)
    @given(
        graph=helpers.graphs(most=4),
        low=st.integers(0, 2),
        more=st.integers(0, 2),
        any_way=st.booleans(),
        label=st.sampled_from(["synapse", "connection"]),
        least=st.sampled_from([0, 2]),
        pinned=st.sampled_from(["", "start", "end"]),
    )
    def agrees(graph: Any, low: int, more: int, any_way: bool, label: str, least: int, pinned: str) -> None:
        helpers.fill(scratch.connection, graph)
        edge = helpers.SpecEdge(0, 1, any_way, label, least)
        tip = "-" if any_way else "->"
        pins = {"": "", "start": " WHERE a.cell_type = 'A'", "end": " WHERE b.cell_type = 'A'"}
        text = f"""SELECT * FROM GRAPH_TABLE (connectome
            MATCH p = {mode.upper()} (a)-[e IS {label} WHERE e.weight >= {least}]{tip}{{{low},{low + more}}}(b)
            {pins[pinned]}
            COLUMNS (a.root_id AS a, b.root_id AS b, path_length(p) AS n, sum(e.weight) AS w, vertices(p) AS v))"""
        types = dict(graph.neurons)
        wanted = []
        for start in types:
            for steps in helpers.walks(graph, edge, start, low, low + more, mode):
                end = steps[-1][4] if steps else start
                if (pinned == "start" and types[start] != "A") or (pinned == "end" and types[end] != "A"):
                    continue
                weight = sum(step[2] for step in steps) if steps else None
                wanted.append((start, end, len(steps), weight, (start, *(step[4] for step in steps))))
        found = [
            (r["a"], r["b"], r["n"], None if r["w"] is None else int(r["w"]), tuple(r["v"]))
            for r in run(text, Source(scratch.connection), engine=engine).to_arrow().to_pylist()
        ]
        assert sorted(found, key=repr) == sorted(wanted, key=repr)

    agrees()


@pytest.mark.parametrize("engine", SQL_ALONE)
@pytest.mark.parametrize("select", ["ANY SHORTEST", "ALL SHORTEST"])
def test_shortest_paths_agree_with_going_along_every_walk(
    helpers: Any, scratch: Source, engine: str, select: str
) -> None:
    @settings(AGREE, max_examples=60)
    @given(graph=helpers.graphs(), low=st.integers(0, 1), any_way=st.booleans(), pinned=st.booleans())
    def agrees(graph: Any, low: int, any_way: bool, pinned: bool) -> None:
        helpers.fill(scratch.connection, graph)
        edge = helpers.SpecEdge(0, 1, any_way)
        text = f"""SELECT * FROM GRAPH_TABLE (connectome
            MATCH p = {select} (a)-[e IS synapse]-{"" if any_way else ">"}{{{low},}}(b)
            {"WHERE b.cell_type = 'A'" if pinned else ""}
            COLUMNS (a.root_id AS a, b.root_id AS b, path_length(p) AS n, vertices(p) AS v, sum(e.weight) AS w))"""
        types = dict(graph.neurons)
        every: dict[tuple[int, int], list[Any]] = {}
        for start in types:
            for steps in helpers.walks(graph, edge, start, low, len(types), "walk"):
                end = steps[-1][4] if steps else start
                if not pinned or types[end] == "A":
                    weight = sum(s[2] for s in steps) if steps else None
                    every.setdefault((start, end), []).append((len(steps), (start, *(s[4] for s in steps)), weight))
        best = {ends: [path for path in found if path[0] == min(found)[0]] for ends, found in every.items()}
        found: dict[tuple[int, int], list[Any]] = {}
        for r in run(text, Source(scratch.connection), engine=engine).to_arrow().to_pylist():
            weight = None if r["w"] is None else int(r["w"])
            found.setdefault((r["a"], r["b"]), []).append((r["n"], tuple(r["v"]), weight))
        assert found.keys() == best.keys()
        for ends, paths in found.items():
            if select == "ALL SHORTEST":
                assert sorted(paths, key=repr) == sorted(best[ends], key=repr)
            else:
                assert len(paths) == 1
                assert paths[0] in best[ends]

    agrees()
