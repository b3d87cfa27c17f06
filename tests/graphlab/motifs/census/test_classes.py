"""What each class is, against igraph, the literature's ids and group theory."""

from __future__ import annotations

from math import factorial

import igraph
import networkx
import numpy as np
import pytest

from graphlab.motifs.census.classes import (
    class_of_code,
    classes,
    dyad_inverse,
    dyad_matrix,
    igraph_isoclasses,
    noninduced_matrix,
    orbit_count,
    orbit_of_code,
    orbit_places,
)
from graphlab.motifs.census.codes import code_of

BI_FAN = [(0, 2), (0, 3), (1, 2), (1, 3)]
BI_PARALLEL = [(0, 1), (0, 2), (1, 3), (2, 3)]


def test_as_many_classes_and_orbits_as_the_literature_counts() -> None:
    assert [len(classes(size)) for size in (2, 3, 4)] == [3, 16, 199]
    assert [orbit_count(size) for size in (2, 3, 4)] == [3, 30, 697]
    assert all(one.connected for one in classes(4))
    assert sum(one.connected for one in classes(3)) == 13


@pytest.mark.parametrize(
    ("edges", "number"),
    [([(0, 1), (1, 2), (0, 2)], 38), ([(0, 1), (1, 2), (2, 0)], 98), (BI_FAN, 204), (BI_PARALLEL, 904)],
)
def test_ids_of_mfinder(edges: list[tuple[int, int]], number: int) -> None:
    size = 1 + max(max(edge) for edge in edges)
    one = classes(size)[class_of_code(size)[code_of(edges)]]
    assert one.mfinder_id == number


@pytest.mark.parametrize("size", [3, 4])
def test_isoclasses_of_igraph_are_met_once(size: int) -> None:
    numbers = igraph_isoclasses(size)
    assert len(set(numbers)) == len(classes(size))
    for one, number in zip(classes(size), numbers, strict=True):
        same = igraph.Graph.Isoclass(n=size, cls=number, directed=True)
        ours = igraph.Graph(size, list(one.edges), directed=True)
        assert same.isomorphic(ours)
        assert one.automorphisms == ours.count_automorphisms()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_labelling_of_a_class_is_there(size: int) -> None:
    """Orbit and stabiliser: a class has size! / automorphisms codes."""
    of_code = class_of_code(size)
    for place, one in enumerate(classes(size)):
        assert np.count_nonzero(of_code == place) == factorial(size) // one.automorphisms
    if size < 4:
        assert (of_code >= 0).all()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_orbits_are_those_of_the_automorphisms(size: int) -> None:
    for one in classes(size):
        if not one.connected:
            assert set(one.orbits) == {-1}
            continue
        graph = networkx.DiGraph(one.edges)
        matcher = networkx.isomorphism.DiGraphMatcher(graph, graph)
        reached = {(a, b) for mapping in matcher.isomorphisms_iter() for a, b in mapping.items()}
        for a in range(size):
            for b in range(size):
                assert (one.orbits[a] == one.orbits[b]) == ((a, b) in reached)
    assert sum(neurons for _, neurons in orbit_places(size)) == size * sum(one.connected for one in classes(size))


def test_orbit_of_a_code_does_not_depend_on_its_labelling() -> None:
    table = orbit_of_code(4)
    rng = np.random.default_rng(1)
    for code in rng.integers(0, 4096, 300):
        edges = [(a, b) for a in range(4) for b in range(4) if a != b and _has(int(code), a, b)]
        order = rng.permutation(4)
        moved = code_of([(int(order[a]), int(order[b])) for a, b in edges])
        assert table[moved][order].tolist() == table[code].tolist()


def _has(code: int, a: int, b: int) -> bool:
    low, high = min(a, b), max(a, b)
    return bool((code >> (2 * (high * (high - 1) // 2 + low))) & (1 if a < b else 2))


def test_typed_counts_are_inverted_exactly() -> None:
    assert np.array_equal(dyad_inverse(4) @ dyad_matrix(4), np.eye(199, dtype=np.int64))


def test_copies_in_a_class_are_those_of_vf2() -> None:
    matrix = noninduced_matrix(4)
    rng = np.random.default_rng(2)
    for i, j in rng.integers(0, 199, (400, 2)):
        part = igraph.Graph(4, list(classes(4)[i].edges), directed=True)
        whole = igraph.Graph(4, list(classes(4)[j].edges), directed=True)
        assert matrix[i, j] == whole.count_subisomorphisms_vf2(part) // classes(4)[i].automorphisms
    assert (np.diag(matrix) == 1).all()
