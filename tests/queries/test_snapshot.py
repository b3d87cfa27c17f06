"""Parts of a snapshot and look-ups in it, against sets and dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import IdError
from ingest.schema.ids import rows_of
from queries.snapshot import Snapshot


@st.composite
def graphs(draw: st.DrawFn) -> Snapshot:
    n = draw(st.integers(0, 8))
    pairs = draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))) if n else set()
    ends = np.array(sorted(pair for pair in pairs if pair[0] != pair[1]), dtype=np.int64).reshape(-1, 2)
    ids = np.cumsum(draw(st.lists(st.integers(1, 2**61), min_size=n, max_size=n)), dtype=np.uint64)
    weight = draw(st.lists(st.integers(1, 5), min_size=len(ends), max_size=len(ends)))
    return Snapshot.from_edges(ids, ends[:, 0], ends[:, 1], weight, {"dataset": "made"})


def edges_by_id(graph: Snapshot) -> dict[tuple[int, int], float]:
    ids = graph.root_ids.tolist()
    sources, targets = graph.sources().tolist(), graph.out_target.tolist()
    return {(ids[a], ids[b]): w for a, b, w in zip(sources, targets, graph.weight.tolist(), strict=True)}


@settings(deadline=None)
@given(graphs(), st.data())
def test_a_part_is_what_was_asked_for(graph: Snapshot, data: st.DataObject) -> None:
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=graph.n, max_size=graph.n)), dtype=np.bool_)
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=graph.m, max_size=graph.m)), dtype=np.bool_)
    least = data.draw(st.none() | st.integers(1, 6))
    part = graph.subset(chosen, wanted, least)
    kept = set(graph.root_ids[chosen].tolist())
    expected = {
        pair: weight
        for (pair, weight), asked in zip(edges_by_id(graph).items(), wanted.tolist(), strict=True)
        if asked and kept.issuperset(pair) and weight >= (least or 0)
    }
    assert part.root_ids.tolist() == sorted(kept)
    assert edges_by_id(part) == expected
    assert part.meta.get("min_weight") == least
    assert part.meta["dataset"] == "made"
    numbers = data.draw(st.permutations(np.flatnonzero(chosen).tolist()))
    again = graph.subset(np.array([*numbers, *numbers], dtype=np.int64), wanted, least)
    assert edges_by_id(again) == expected
    assert edges_by_id(graph.subset()) == edges_by_id(graph)


@settings(deadline=None)
@given(graphs())
def test_edge_numbers(graph: Snapshot) -> None:
    source, target = np.divmod(np.arange(graph.n**2), max(graph.n, 1))
    found = graph.edges_of(source, target)
    number = {pair: e for e, pair in enumerate(zip(graph.sources().tolist(), graph.out_target.tolist(), strict=True))}
    assert found.tolist() == [number.get(pair, -1) for pair in zip(source.tolist(), target.tolist(), strict=True)]


def test_masks_and_numbers_that_do_not_fit() -> None:
    graph = Snapshot.from_edges(np.array([3, 5, 9], dtype=np.uint64), [0, 1], [1, 2])
    for wrong, message in (
        ({"neurons": np.ones(2, dtype=np.bool_)}, r"\(2,\) for 3 neurons"),
        ({"neurons": np.array([0, 3])}, r"outside 0\.\.2"),
        ({"neurons": np.array([-1])}, r"outside 0\.\.2"),
        ({"edges": np.ones(3, dtype=np.bool_)}, r"\(3,\) for 2 edges"),
    ):
        with pytest.raises(ValueError, match=message):
            graph.subset(**wrong)


@given(st.sets(st.integers(0, 2**64 - 1)), st.lists(st.integers(0, 2**64 - 1)))
def test_rows_of_ids(known: set[int], others: list[int]) -> None:
    ascending = sorted(known)
    row = {root_id: at for at, root_id in enumerate(ascending)}
    asked = [*ascending, *others, *(root_id ^ 1 for root_id in ascending)]
    found = rows_of(np.array(ascending, dtype=np.uint64), np.array(asked, dtype=np.uint64))
    assert found.tolist() == [row.get(root_id, -1) for root_id in asked]


def test_ids_of_two_kinds_are_not_compared_as_floats() -> None:
    known = np.array([2**53, 2**53 + 1], dtype=np.uint64)
    assert rows_of(known, np.array([2**53 + 1, 2**53 + 2], dtype=np.int64)).tolist() == [1, -1]
    with pytest.raises(IdError, match="found -1"):
        rows_of(known, np.array([-1]))
    with pytest.raises(IdError, match="floats"):
        rows_of(known, np.array([1.0]))
