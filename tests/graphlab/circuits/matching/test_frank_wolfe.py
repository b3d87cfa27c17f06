"""The search against brute force, finite differences, planted copies and the larva's homologues."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphlab.circuits.matching.frank_wolfe import Block, Sides, _gradient, _vertex, match_sides, objective

NONE = np.empty((0, 2), np.int64)


def wiring(rng: np.random.Generator, rows: int, columns: int, share: float = 0.4) -> sparse.csr_array:
    there = (rng.random((rows, columns)) < share) * rng.integers(1, 9, (rows, columns))
    if rows == columns:
        np.fill_diagonal(there, 0)
    return sparse.csr_array(there.astype(float))


def sides(rng: np.random.Generator, n: int, m: int, across: bool) -> Sides:
    first, second = wiring(rng, n, n), wiring(rng, m, m)
    return Sides(first, second, wiring(rng, n, m), wiring(rng, m, n)) if across else Sides(first, second)


def value(made: Sides, P: np.ndarray) -> float:
    """The objective of any P, in plain matrices."""
    A, B = made.first.toarray(), made.second.toarray()
    found = np.trace(A.T @ P @ B @ P.T)
    if made.across is not None and made.back is not None:
        found += np.trace(made.across.toarray().T @ P @ made.back.toarray() @ P)
    return float(found)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_gradients_are_those_of_the_objective(seed: int, across: bool, blocked: bool) -> None:
    rng = np.random.default_rng(seed)
    made = sides(rng, 6, 5, across)
    blocks = [Block(np.arange(6), np.arange(5))]
    if blocked:
        blocks = [Block(np.array([4, 0, 2]), np.array([1, 3])), Block(np.array([1, 3, 5]), np.array([4, 0, 2]))]
    P = np.zeros((6, 5))
    parts = []
    for block in blocks:
        parts.append(rng.random((len(block.first), len(block.second))))
        P[np.ix_(block.first, block.second)] = parts[-1]
    found = _gradient(made, blocks, parts, None)
    for block, part in zip(blocks, found, strict=True):
        for i, j in itertools.product(range(len(block.first)), range(len(block.second))):
            step = np.zeros_like(P)
            step[block.first[i], block.second[j]] = 1
            slope = (value(made, P + step) - value(made, P - step)) / 2  # exact: the objective is quadratic
            assert part[i, j] == pytest.approx(slope, rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_small_matchings_are_permutations_that_reach_what_is_said(seed: int, across: bool) -> None:
    rng = np.random.default_rng(seed)
    made = sides(rng, 5, 5, across)
    found = match_sides(made, [Block(np.arange(5), np.arange(5))], NONE, rng=rng)
    assert sorted(found.partner) == list(range(5))
    P = np.zeros((5, 5))
    P[np.arange(5), found.partner] = 1
    assert objective(made, found.partner) == pytest.approx(value(made, P))


def test_small_matchings_are_nearly_the_best() -> None:
    """Wirings without any structure, against many of all orders."""
    reached = []
    for seed in range(8):
        made = sides(np.random.default_rng(seed), 6, 6, across=seed % 2 == 0)
        every = [objective(made, np.array(order)) for order in itertools.permutations(range(6))][::29]
        found = match_sides(made, [Block(np.arange(6), np.arange(6))], NONE, rng=np.random.default_rng(seed))
        reached.append(np.mean(objective(made, found.partner) >= np.array(every)))
    assert np.mean(reached) > 0.9


def copies(rng: np.random.Generator, n: int) -> tuple[Sides, np.ndarray]:
    """A second side that is the first one under other numbers, connections across alike."""
    A, C = wiring(rng, n, n, 0.1).toarray(), wiring(rng, n, n, 0.05).toarray()
    true = rng.permutation(n)
    B, D = np.zeros_like(A), np.zeros_like(A)
    B[np.ix_(true, true)] = A
    across = np.zeros_like(A)
    across[:, true] = C
    D[true, :] = C
    return Sides(sparse.csr_array(A), sparse.csr_array(B), sparse.csr_array(across), sparse.csr_array(D)), true


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_found(seed: int) -> None:
    made, true = copies(np.random.default_rng(seed), 60)
    whole = [Block(np.arange(60), np.arange(60))]
    found = match_sides(made, whole, NONE, rng=np.random.default_rng(seed))
    assert (found.partner == true).all()
    assert (found.margin > 0).all()


def test_seeds_stay_blocks_hold_and_spare_neurons_have_none() -> None:
    rng = np.random.default_rng(5)
    made = sides(rng, 12, 9, across=True)
    blocks = [Block(np.arange(0, 8), np.arange(0, 4)), Block(np.arange(8, 11), np.arange(4, 9))]
    seeds = np.array([[3, 2], [9, 8]])
    found = match_sides(made, blocks, seeds, rng=rng)
    assert found.partner[3] == 2
    assert found.partner[9] == 8
    for block in blocks:
        partners = found.partner[block.first]
        given_ = partners[partners >= 0]
        assert set(given_) <= set(block.second.tolist())
        assert len(set(given_)) == len(given_) == min(len(block.first), len(block.second))
    assert found.partner[11] == -1


def test_one_block_and_many_give_the_same_where_they_mean_the_same() -> None:
    """Two wirings without a connection between them: apart, or together with a likeness that keeps them apart."""
    rng = np.random.default_rng(8)
    one, two = copies(rng, 15), copies(rng, 15)
    names = ("first", "second", "across", "back")
    both = Sides(
        *(sparse.csr_array(sparse.block_diag([getattr(made, name) for made, _ in (one, two)])) for name in names)
    )
    blocks = [Block(np.arange(15), np.arange(15)), Block(np.arange(15, 30), np.arange(15, 30))]
    apart = match_sides(both, blocks, NONE)
    alike = np.kron(np.eye(2), np.full((15, 15), 1e4))
    together = match_sides(both, [Block(np.arange(30), np.arange(30))], NONE, [alike])
    assert (apart.partner == np.concatenate([one[1], two[1] + 15])).all()
    assert (together.partner == apart.partner).all()


def test_shared_wiring_decides_where_wiring_does_not() -> None:
    nothing = sparse.csr_array((4, 4))
    made = Sides(nothing, nothing)
    alike = np.zeros((4, 4))
    alike[[0, 1, 2, 3], [2, 0, 3, 1]] = 1
    found = match_sides(made, [Block(np.arange(4), np.arange(4))], NONE, [alike])
    assert found.partner.tolist() == [2, 0, 3, 1]


def test_a_vertex_is_the_best_assignment() -> None:
    gain = np.random.default_rng(0).random((4, 6))
    Q = _vertex(gain, (np.array([1]), np.array([5])))
    best = max(gain[[0, 2, 3], list(order)].sum() for order in itertools.permutations([0, 1, 2, 3, 4], 3))
    assert (Q * gain).sum() == pytest.approx(best + gain[1, 5])
    assert Q[1, 5] == 1


@pytest.mark.slow
def test_larval_homologues(real_data: Path) -> None:
    """A few groups, so that it takes seconds; the bench has all pairs."""
    folder = real_data / "larva_winding2023"
    with (folder / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        rows = {int(row[""]): row for row in csv.DictReader(file)}
    groups = ("PNs", "LHNs", "MBONs", "MBINs", "CNs")
    pairs = [
        (number, int(row["pair"]))
        for number, row in rows.items()
        if row["hemisphere"] == "L" and int(row["pair"]) > 0 and row["simple_group"] in groups
    ]
    left, right = ({pair[end]: at for at, pair in enumerate(pairs)} for end in (0, 1))
    edges = np.loadtxt(folder / "G_edgelist.txt")

    def wired(of: dict[int, int], onto: dict[int, int]) -> sparse.csr_array:
        kept = [(of[int(a)], onto[int(b)], w) for a, b, w in edges if int(a) in of and int(b) in onto and a != b]
        i, j, w = map(np.array, zip(*kept, strict=True))
        return sparse.csr_array((np.log1p(w), (i.astype(int), j.astype(int))), shape=(len(pairs), len(pairs)))

    made = Sides(wired(left, left), wired(right, right), wired(left, right), wired(right, left))
    blocks = [Block(np.arange(len(pairs)), np.arange(len(pairs)))]
    found = match_sides(made, blocks, NONE, rng=np.random.default_rng(0))
    assert len(pairs) > 200
    assert (found.partner == np.arange(len(pairs))).mean() > 0.75
