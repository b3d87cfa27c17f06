"""``===`` and exclude_automorphisms keep one of the matches that differ by an exchange, as brute force does."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.schema.errors import AnalysisError
from queries.engine import Source, run

ENGINES = ["duckdb", "csr"]
NAMES = "ABCD"
RING = "A -> B\nB -> C\nC -> A\n"
Match = tuple[int, ...]


@st.composite
def motifs(draw: st.DrawFn) -> dict[str, Any]:
    """Random motifs of two to four vertices: weights, absent edges, autapses, types, compared edges, several ===."""
    size = draw(st.integers(2, 4))
    ends = st.integers(0, size - 1)
    weights = st.sampled_from([0, 0, 0, 2, 3])
    absent = st.sampled_from([False, False, False, True])
    pairs = [(draw(st.integers(0, number)), number + 1) for number in range(size - 1)]
    pairs += draw(st.lists(st.tuples(ends, ends), max_size=3))
    edges = {pair: (draw(weights), draw(absent)) for pair in pairs}
    there = [pair for pair, (_, absent) in edges.items() if not absent]
    compared = draw(st.lists(st.tuples(st.sampled_from(there), st.sampled_from(there)), max_size=1)) if there else []
    return {
        "size": size,
        "edges": edges,
        "typed": draw(st.sampled_from([None, None, None, 0, 1])),
        "compared": [pair for pair in compared if pair[0] != pair[1]],
        "same": draw(st.lists(st.tuples(ends, ends), min_size=1, max_size=3)),
    }


def text_of(motif: dict[str, Any]) -> str:
    lines = []
    for (a, b), (least, absent) in motif["edges"].items():
        clause = f" [weight >= {least}]" if least else ""
        named = "" if absent else f" as e{a}{b}"
        lines.append(f"{NAMES[a]} {'!' if absent else '-'}> {NAMES[b]}{clause}{named}")
    for a, b in motif["same"]:
        lines.append(f"{NAMES[a]} === {NAMES[b]}")
    lines += [f'{NAMES[motif["typed"]]}.type = "A"'] if motif["typed"] is not None else []
    lines += [f"e{a}{b}.weight > e{c}{d}.weight" for (a, b), (c, d) in motif["compared"]]
    return "\n".join(lines)


def classes(motif: dict[str, Any]) -> list[set[int]]:
    """Vertices by number, together where === says so."""
    found = [{number} for number in range(motif["size"])]
    for a, b in motif["same"]:
        met = [together for together in found if a in together or b in together]
        found = [together for together in found if together not in met] + [set().union(*met)]
    return found


def matches(graph: Any, motif: dict[str, Any]) -> list[Match]:
    """Every match of the motif without its ===, but with conditions on a vertex shared by those alike to it."""
    types = dict(graph.neurons)
    weight = {(a, b): w for a, b, w, kind in graph.connections if kind == "chemical"}
    typed = next((t for t in classes(motif) if motif["typed"] in t), set())
    found = []
    for ids in permutations(types, motif["size"]):
        if any(types[ids[number]] != "A" for number in typed):
            continue
        if any(
            (weight.get((ids[a], ids[b]), -1) >= least) == absent for (a, b), (least, absent) in motif["edges"].items()
        ):
            continue
        if all(weight[ids[a], ids[b]] > weight[ids[c], ids[d]] for (a, b), (c, d) in motif["compared"]):
            found.append(ids)
    return found


def key(ids: Match, together: list[set[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(sorted(ids[number] for number in numbers)) for numbers in together)


def answered(text: str, source: Source, size: int, **options: Any) -> list[Match]:
    rows = run(text, source, language="dotmotif", **options).to_arrow().to_pylist()
    return sorted(tuple(row[name] for name in NAMES[:size]) for row in rows)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_of_the_matches_that_exchange_alike_vertices(helpers: Any, scratch: Source, engine: str) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    @given(graph=helpers.graphs(most=6), motif=motifs(), limit=st.integers(0, 4))
    def agrees(graph: Any, motif: dict[str, Any], limit: int) -> None:
        helpers.fill(scratch.connection, graph)
        source, text = Source(scratch.connection), text_of(motif)
        together = classes(motif)
        every = matches(graph, motif)
        groups: dict[Any, list[Match]] = {}
        for ids in every:
            groups.setdefault(key(ids, together), []).append(ids)
        found = answered(text, source, motif["size"], engine=engine)
        assert len(found) == len(groups)
        assert {key(ids, together) for ids in found} == set(groups)
        assert set(found) <= set(every)
        assert run(text, source, language="dotmotif", engine=engine, count=True).scalar() == len(groups)
        result = run(text, source, language="dotmotif", engine=engine, limit=limit)
        rows = [tuple(row[name] for name in NAMES[: motif["size"]]) for row in result.to_arrow().to_pylist()]
        assert len(rows) == min(limit, len(groups))
        assert result.truncated == (limit < len(groups))
        assert len({key(ids, together) for ids in rows}) == len(rows)
        assert set(rows) <= set(every)

    agrees()


GRAPHS = {
    # connections (pre, post, weight); motif; how many matches stay
    "no twin since the edge back is absent": ([(1, 9, 2), (2, 9, 2), (9, 1, 1)], "A -> C\nB -> C\nC !> A\nA === B", 1),
    "no twin, the other answers": ([(1, 9, 2), (2, 9, 2), (9, 2, 1)], "A -> C\nB -> C\nC !> A\nA === B", 1),
    "an edge between the two": ([(3, 1, 1), (3, 2, 1), (1, 2, 1)], "A -> C\nB -> C\nA -> B\nA === B", 1),
    "two ends of one edge": ([(2, 1, 1), (1, 3, 1)], "A -> B\nA === B", 2),
    "two ends of a reciprocal pair": ([(2, 1, 1), (1, 2, 1), (1, 3, 1)], "A -> B\nA === B", 2),
    "both or none of two exchanges": ([(1, 4, 1), (3, 2, 1)], "A -> B\nC -> D\nA === C\nB === D", 1),
    "both, either or none": (
        [(1, 4, 1), (3, 2, 1), (1, 2, 1), (3, 4, 1)], "A -> B\nC -> D\nA === C\nB === D", 1
    ),
    "three alike by two signs": ([(1, 9, 1), (2, 9, 1), (3, 9, 1)], "A -> D\nB -> D\nC -> D\nA === B\nB === C", 1),
    "three alike of a chain": ([(3, 2, 1), (2, 1, 1)], "A -> B\nB -> C\nA === B\nB === C", 1),
    "a cycle, two of it alike": ([(1, 2, 1), (2, 3, 1), (3, 1, 1)], "A -> B\nB -> C\nC -> A\nA === B", 3),
    "a weight on one side": ([(1, 9, 2), (2, 9, 5)], "A -> C [weight > 3]\nB -> C\nA === B", 1),
    "weights compared": ([(1, 9, 2), (2, 9, 5)], "A -> C as x\nB -> C as y\nx.weight > y.weight\nA === B", 1),
    "an autapse of one": ([(1, 9, 1), (2, 9, 1), (2, 2, 1)], "A -> C\nB -> C\nA -> A\nA === B", 1),
    "six alike of a path": ([(i, i % 7 + 1, 1) for i in range(1, 8)], "A -> B\nB -> C\nC -> D\nD -> E\nE -> F\n"
                            "A === B\nB === C\nC === D\nD === E\nE === F", 7),
    "alike to itself": ([(2, 1, 1), (1, 3, 1)], "A -> B\nA === A", 2),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", GRAPHS)
def test_matches_without_a_twin_stay(helpers: Any, scratch: Source, name: str, engine: str) -> None:
    edges, text, wanted = GRAPHS[name]
    neurons = tuple((i, None) for i in sorted({end for a, b, _ in edges for end in (a, b)}))
    helpers.fill(scratch.connection, helpers.SmallGraph(neurons, tuple((*edge, "chemical") for edge in edges)))
    source = Source(scratch.connection)
    assert len(run(text, source, engine=engine)) == wanted
    assert run(text, source, engine=engine, count=True).scalar() == wanted


ONE_GROUP = {
    "turning and exchanging two: any exchange of the three": ([(1, 2), (2, 3), (3, 1), (4, 1)], f"{RING}A === B", 1),
    "the one automorphism is among the exchanges": (
        [(1, 4), (3, 2), (1, 2), (3, 4)], "A -> B\nC -> D\nA === C\nB === D", 1
    ),
    "the exchange is among the automorphisms": (
        [(1, 9), (2, 9), (3, 9), (9, 1)], "A -> D\nB -> D\nC -> D\nA === B", 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ONE_GROUP)
def test_automorphisms_and_alike_vertices_are_one_group(helpers: Any, scratch: Source, name: str, engine: str) -> None:
    edges, text, wanted = ONE_GROUP[name]
    neurons = tuple((i, None) for i in sorted({end for pair in edges for end in pair}))
    helpers.fill(scratch.connection, helpers.SmallGraph(neurons, tuple((a, b, 1, "chemical") for a, b in edges)))
    source = Source(scratch.connection)
    assert run(text, source, engine=engine, exclude_automorphisms=True, count=True).scalar() == wanted
    assert len(run(text, source, engine=engine, exclude_automorphisms=True)) == wanted


def test_exchanges_of_whole_pairs_and_of_two_vertices_are_no_sets(toy: Source) -> None:
    with pytest.raises(AnalysisError, match="exclude_automorphisms and === together"):
        run("A -> B\nC -> D\nA === B", toy, exclude_automorphisms=True)


def test_explain_says_what_is_compared(toy: Source) -> None:
    """Where exchanging leaves the motif as it is an order does; elsewhere matches are compared."""
    said = {
        row["part"]: row["detail"] for row in run("A -> C\nB -> C\nA === B", toy, explain=True).to_arrow().to_pylist()
    }
    assert said["symmetry"] == "id(A) < id(B)"
    assert "alike" not in said
    said = {row["part"]: row["detail"] for row in run("A -> B\nA === B", toy, explain=True).to_arrow().to_pylist()}
    assert said["alike"] == "one match of those that differ by exchanging A, B"
    assert "symmetry" not in said
