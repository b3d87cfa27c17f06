"""A tiny graph in DuckDB, random ones by hypothesis, and the slow oracle that every engine has to agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import duckdb
import pytest
from hypothesis import strategies as st

from queries.engine import Source

IDS = (3, 7, 720575940600000001, 720575940600000002, 2**63 + 5, 11)
TYPES = ("A", "B", None)


@dataclass(frozen=True)
class SmallGraph:
    """Neurons as (root_id, cell_type), connections as (pre, post, weight, kind)."""

    neurons: tuple[tuple[int, str | None], ...]
    connections: tuple[tuple[int, int, int, str], ...]


@dataclass(frozen=True)
class SpecEdge:
    """An edge of a written pattern: ends by number, direction -> or -, label None for chemical, least weight."""

    source: int
    target: int
    any_way: bool = False
    label: str = "synapse"
    least: int = 0
    absent: bool = False


@dataclass(frozen=True)
class Spec:
    """A pattern that can be said in several languages: vertices with wanted types, edges, semantics."""

    types: tuple[str | None, ...]
    edges: tuple[SpecEdge, ...]
    semantics: str = "homomorphic"
    orders: tuple[tuple[int, int], ...] = ()
    heavier: tuple[tuple[int, int], ...] = field(default=())
    """Pairs of positive edges of which the first weighs more."""

    @property
    def positive(self) -> list[SpecEdge]:
        return [edge for edge in self.edges if not edge.absent]


KINDS = {"synapse": {"chemical"}, "electrical": {"electrical"}, "connection": {"chemical", "electrical"}}


def rows_between(graph: SmallGraph, edge: SpecEdge, a: int, b: int) -> list[tuple[int, int, int, str]]:
    """Connections that an edge of the pattern may be between two neurons."""
    return [
        row
        for row in graph.connections
        if row[3] in KINDS[edge.label]
        and row[2] >= edge.least
        and ((row[0], row[1]) == (a, b) or (edge.any_way and (row[0], row[1]) == (b, a)))
    ]


def brute_force(graph: SmallGraph, spec: Spec) -> list[tuple[int, ...]]:
    """Every match: ids of the vertices, then weights of the positive edges; sorted."""
    types = dict(graph.neurons)
    distinct_vertices = spec.semantics in ("distinct vertices", "induced")
    found = []
    for ids in product(types, repeat=len(spec.types)):
        if any(wanted is not None and types[i] != wanted for i, wanted in zip(ids, spec.types, strict=True)):
            continue
        if distinct_vertices and len(set(ids)) < len(ids):
            continue
        if any(not ids[a] < ids[b] for a, b in spec.orders):
            continue
        if any(rows_between(graph, e, ids[e.source], ids[e.target]) for e in spec.edges if e.absent):
            continue
        if spec.semantics == "induced" and _further(graph, spec, ids):
            continue
        choices = [rows_between(graph, e, ids[e.source], ids[e.target]) for e in spec.positive]
        for rows in product(*choices):
            keys = [(row[0], row[1], row[3]) for row in rows]
            if spec.semantics == "distinct edges" and len(set(keys)) < len(keys):
                continue
            if any(not rows[a][2] > rows[b][2] for a, b in spec.heavier):
                continue
            found.append((*ids, *(row[2] for row in rows)))
    return sorted(found)


def _further(graph: SmallGraph, spec: Spec, ids: tuple[int, ...]) -> bool:
    """An edge between matched vertices that the pattern does not have, of the labels it uses."""
    covered = {(e.source, e.target) for e in spec.positive}
    covered |= {(e.target, e.source) for e in spec.positive if e.any_way}
    kinds = {kind for e in spec.positive for kind in KINDS[e.label]}
    numbers = range(len(ids))
    return any(
        (pre, post) == (ids[a], ids[b]) and kind in kinds
        for a, b in product(numbers, numbers)
        if a != b and (a, b) not in covered
        for pre, post, _, kind in graph.connections
    )


def walks(
    graph: SmallGraph,
    edge: SpecEdge,
    start: int,
    low: int,
    high: int,
    mode: str,
) -> list[list[tuple[int, int, int, str, int]]]:
    """Every walk of a repeated edge from a neuron: lists of (pre, post, weight, kind, where it leads)."""
    found = []

    def go(at: int, taken: list[tuple[int, int, int, str, int]], seen: list[int]) -> None:
        if len(taken) >= low:
            found.append(list(taken))
        if len(taken) == high or (mode == "simple" and taken and at == start):
            return
        for other, _ in graph.neurons:
            for row in rows_between(graph, edge, at, other):
                step = (*row, other)
                if mode == "trail" and any(step[:2] == t[:2] and step[3] == t[3] for t in taken):
                    continue
                if mode == "acyclic" and other in seen:
                    continue
                if mode == "simple" and other in seen and other != start:
                    continue
                go(other, [*taken, step], [*seen, other])

    go(start, [], [start])
    return found


@st.composite
def graphs(draw: st.DrawFn, most: int = 5) -> SmallGraph:
    """Random small graphs: autapses, reciprocal pairs, two kinds on one pair."""
    ids = IDS[: draw(st.integers(1, most))]
    neurons = tuple((i, draw(st.sampled_from(TYPES))) for i in ids)
    ends = st.sampled_from(ids)
    pairs = draw(
        st.lists(
            st.tuples(ends, ends, st.sampled_from(["chemical", "chemical", "electrical"])),
            max_size=12,
            unique=True,
        )
    )
    return SmallGraph(neurons, tuple((a, b, draw(st.integers(1, 4)), kind) for a, b, kind in pairs))


@st.composite
def specs(draw: st.DrawFn, plain: bool = False) -> Spec:
    """Random patterns of up to three vertices; ``plain`` for what DotMotif can say."""
    size = draw(st.integers(2, 3))
    ends = st.integers(0, size - 1)
    label = st.just("synapse") if plain else st.sampled_from(["synapse", "synapse", "electrical", "connection"])
    one = st.builds(
        SpecEdge,
        ends,
        ends,
        st.just(False) if plain else st.booleans(),
        label,
        st.sampled_from([0, 0, 2, 3]),
        st.sampled_from([False, False, True]),
    )
    edges = draw(st.lists(one, min_size=1, max_size=4))
    if plain:
        edges = list({(e.source, e.target): e for e in edges}.values())
    types = tuple(draw(st.sampled_from([None, None, "A"])) for _ in range(size))
    semantics = draw(st.sampled_from(["homomorphic", "distinct edges", "distinct vertices", "induced"]))
    return Spec(types, tuple(edges), "distinct vertices" if plain else semantics)


def fill(connection: duckdb.DuckDBPyConnection, graph: SmallGraph) -> None:
    """Replace what the tables hold."""
    connection.execute("DELETE FROM neurons").fetchall()
    connection.execute("DELETE FROM connections").fetchall()
    if graph.neurons:
        connection.executemany("INSERT INTO neurons (root_id, cell_type) VALUES (?, ?)", graph.neurons)
    if graph.connections:
        connection.executemany(
            "INSERT INTO connections (pre_root_id, post_root_id, weight, kind) VALUES (?, ?, ?, ?)",
            graph.connections,
        )


def make_connection() -> duckdb.DuckDBPyConnection:
    """A database with a graph folder's tables, locked as the store locks it but for filling it."""
    connection = duckdb.connect(
        config={
            "enable_external_access": "false",
            "python_enable_replacements": "false",
            "preserve_insertion_order": "false",
            "lock_configuration": "true",
            "threads": "2",
        }
    )
    for statement in (
        """CREATE TABLE neurons (root_id UBIGINT, name VARCHAR, cell_type VARCHAR, super_class VARCHAR, side VARCHAR,
           nt_type VARCHAR, status_axon VARCHAR, in_graph BOOLEAN DEFAULT true, total_in DOUBLE, total_out DOUBLE)""",
        """CREATE TABLE connections (pre_root_id UBIGINT, post_root_id UBIGINT, weight DOUBLE, kind VARCHAR,
           neuropil VARCHAR, nt_type VARCHAR)""",
        """CREATE TABLE connections_by_neuropil (pre_root_id UBIGINT, post_root_id UBIGINT, neuropil VARCHAR,
           weight DOUBLE, kind VARCHAR)""",
    ):
        connection.execute(statement).fetchall()
    return connection


TOY = SmallGraph(
    ((1, "A"), (2, "B"), (3, "A"), (4, "B")),
    ((1, 2, 5, "chemical"), (2, 1, 3, "chemical"), (2, 3, 10, "chemical"), (3, 3, 1, "chemical"),
     (1, 3, 2, "chemical"), (3, 4, 7, "chemical"), (1, 4, 4, "electrical")),
)  # fmt: skip
"""Six chemical connections, one of them an autapse and two reciprocal, and an electrical one."""


@dataclass(frozen=True)
class Helpers:
    """What tests of this folder share; importlib mode has no imports between them."""

    brute_force: Callable[[SmallGraph, Spec], list[tuple[int, ...]]] = brute_force
    walks: Any = walks
    graphs: Any = graphs
    specs: Any = specs
    fill: Any = fill
    make_connection: Any = make_connection
    Spec: Any = Spec
    SpecEdge: Any = SpecEdge
    SmallGraph: Any = SmallGraph
    pairwise: Any = pairwise
    toy_graph: SmallGraph = TOY


@pytest.fixture(scope="session")
def helpers() -> Helpers:
    return Helpers()


@pytest.fixture
def toy() -> Iterator[Source]:
    """The toy graph as a source."""
    connection = make_connection()
    fill(connection, TOY)
    yield Source(connection)
    connection.close()


@pytest.fixture(scope="session")
def scratch() -> Iterator[Source]:
    """One database for all random graphs of a session."""
    connection = make_connection()
    yield Source(connection)
    connection.close()
