"""Disjoint sets and files of equivalences, against Google's package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.schema.errors import IdError, ReadError, SchemaError
from ingest.volumes.equivalences import union_find_kernel
from ingest.volumes.equivalences.equivalence_files import (
    load_equivalences,
    load_object_list,
    load_relabel_map,
    read_pairs,
)
from ingest.volumes.equivalences.union_find import UnionFind, groups

ids = st.one_of(st.integers(0, 12), st.sampled_from([2**53, 2**53 + 1, 2**63, 2**64 - 1]))
things = st.one_of(ids, st.sampled_from(["a", "b", -1, 1.5, (1, 2), None, True, 2**70]))


@pytest.fixture(scope="module")
def google() -> Any:
    pytest.importorskip("connectomics")
    from connectomics.common import io_utils, union_find

    class Google:
        UnionFind = union_find.UnionFind
        io = io_utils

    return Google


@given(st.lists(st.tuples(ids, ids), max_size=40), st.integers(0, 40))
def test_sets_of_ids(google: Any, pairs: list[tuple[int, int]], one_by_one: int) -> None:
    ours, theirs = UnionFind(), google.UnionFind()
    for a, b in pairs:
        theirs.Union(a, b)
    for a, b in pairs[:one_by_one]:
        ours.Union(a, b)
    ours.union_pairs(np.array(pairs[one_by_one:], np.uint64).reshape(-1, 2))
    asked = [*range(14), 2**53, 2**53 + 1, 2**63, 2**64 - 1]
    assert [ours.Find(a) for a in asked] == [theirs.Find(a) for a in asked]
    assert ours.find_ids(np.array(asked, np.uint64)).tolist() == [theirs.Find(a) for a in asked]
    assert [ours.IsSingleton(a) for a in asked] == [theirs.IsSingleton(a) for a in asked]
    assert bool(ours) is bool(theirs)
    members, roots = ours.members()
    assert members.tolist() == [a for a in asked if not theirs.IsSingleton(a)]
    for group in groups(members, roots):
        assert {theirs.Find(a) for a in group.tolist()} == {theirs.Find(int(group[0]))}


@given(st.lists(st.tuples(things, things), max_size=30), st.lists(things, max_size=6))
def test_sets_of_anything(google: Any, pairs: list[tuple[Any, Any]], asked: list[Any]) -> None:
    ours, theirs = UnionFind(), google.UnionFind()
    for number, (a, b) in enumerate(pairs):
        ours.Union(a, b)
        theirs.Union(a, b)
        if number % 7 == 0:
            assert ours.Find(a) == theirs.Find(a)
    for thing in [*asked, *(thing for pair in pairs for thing in pair)]:
        assert ours.Find(thing) == theirs.Find(thing)
        assert ours.IsSingleton(thing) == theirs.IsSingleton(thing)
    assert bool(ours) is bool(theirs)


def test_many_ids(google: Any) -> None:
    """Past the first tables and batches."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 2**63, 30_000, dtype=np.uint64)[rng.integers(0, 30_000, (20_000, 2))]
    assert len(pairs) > 4 * union_find_kernel.BATCH
    ours, theirs = UnionFind(), google.UnionFind()
    ours.union_pairs(pairs)
    for a, b in pairs.tolist():
        theirs.Union(a, b)
    assert ours.find_ids(pairs).reshape(-1).tolist() == [theirs.Find(a) for a in pairs.reshape(-1).tolist()]


def test_refused() -> None:
    sets = UnionFind()
    with pytest.raises(IdError, match="below 0"):
        sets.union_pairs([[1, -1]])
    with pytest.raises(IdError, match="float64"):
        sets.union_pairs([[1.0, 2.0]])
    with pytest.raises(SchemaError, match=r"wanted \[n, 2\]"):
        sets.union_pairs([1, 2, 3])
    assert not sets
    sets.Union("a", 1)
    with pytest.raises(IdError, match="no ids"):
        sets.find_ids([1])


def test_files(google: Any, tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("# equivalences\n1,2\n3,4  # a note\n\n2, 3\r\n")
    second.write_text("4,5,1,2,3\n7,8,100,200,300\n")
    ours, graph = load_equivalences([first, str(second)])
    theirs, their_graph = google.io.load_equivalences([str(first), str(second)])
    assert [ours.Find(k) for k in range(10)] == [theirs.Find(k) for k in range(10)]
    assert list(graph.edges) == list(their_graph.edges)
    names = tmp_path / "map.txt"
    names.write_text(f"1,{2**64 - 1}\n{2**53 + 1},2\n1,3\n")
    assert load_relabel_map(names) == google.io.load_relabel_map(str(names)) == {1: 3, 2**53 + 1: 2}
    objects = tmp_path / "objects.txt"
    objects.write_text(f"1\n{2**64 - 1}\n2\n")
    assert load_object_list(objects) == google.io.load_object_list(str(objects)) == {1, 2, 2**64 - 1}


def test_ids_beside_positions_stay_exact(tmp_path: Path) -> None:
    path = tmp_path / "five.txt"
    path.write_text(f"{2**53 + 1},{2**64 - 1},1.5,2.5,3.5\n")  # by way of floats these would be other ids
    assert read_pairs(path).tolist() == [[2**53 + 1, 2**64 - 1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [("1,2,3\n", "3 columns; wanted 2 or 5"), ("1,-2\n", "-2"), ("1,2.5\n", "2.5"), ("1,\n", "invalid value ''"),
     ("1,2\n3\n", "Expected 2 columns"), (f"1,{2**64}\n", str(2**64)), ("a,b\n", "invalid value 'a'")],
)  # fmt: skip
def test_bad_files(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(content)
    with pytest.raises(SchemaError, match=message):
        read_pairs(path)
    with pytest.raises(ReadError, match="No such file"):
        read_pairs(tmp_path / "none")


def test_an_empty_file_says_nothing_is_equivalent(tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("# none\n")
    sets, graph = load_equivalences([path])
    assert not sets
    assert not graph
