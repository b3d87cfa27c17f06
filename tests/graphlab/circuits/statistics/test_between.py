"""Comparisons of brains: what is descriptive, what is tested, what is refused."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest

from graphlab.circuits.statistics.between import (
    DESCRIPTIVE,
    Brain,
    Version,
    differences,
    motif_shares,
    permuted_p,
    require_comparable,
    type_brains,
)
from graphlab.circuits.statistics.types import type_connections
from graphlab.motifs.census.triads import TRIADS, triad_counts
from graphlab.testing.null_models import example_graph
from ingest.schema.errors import AnalysisError, VersionError
from queries.snapshot import Snapshot


def test_two_brains_are_described_beside_their_sides() -> None:
    one = Brain("a", {("x",): 1.0, ("y",): 2.0, ("only a",): 5.0}, ({("x",): 1.0, ("y",): 2.0}, {("x",): 1.4}))
    other = Brain("b", {("x",): 1.5, ("y",): 2.0}, ({("x",): 1.6}, {("x",): 1.5}))
    rows = {row["name"]: row for row in differences([one], [other], ("name",)).to_pylist()}
    assert rows["x"]["difference"] == 0.5
    assert rows["x"]["ratio"] == 1.5
    assert rows["x"]["left_right"] == pytest.approx(0.4)
    assert rows["x"]["beyond_left_right"] is True
    assert (rows["y"]["left_right"], rows["y"]["beyond_left_right"]) == (None, None)
    assert (rows["only a"]["second"], rows["only a"]["difference"]) == (None, None)
    assert all(row["p"] is None and row["q"] is None and row["note"] == DESCRIPTIVE for row in rows.values())
    with pytest.raises(AnalysisError, match="at least one brain"):
        differences([one], [], ("name",))


def test_p_permutes_brains() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (3, 4)), rng.normal(0.5, 1, (4, 4))
    together = np.concatenate([a, b])
    apart = np.abs(a.mean(axis=0) - b.mean(axis=0))
    every = [together[list(order)] for order in permutations(range(7))]
    wanted = np.mean([np.abs(x[:3].mean(axis=0) - x[3:].mean(axis=0)) >= apart - 1e-9 for x in every], axis=0)
    assert permuted_p(a, b) == pytest.approx(wanted)
    brains = [[Brain(str(k), {("x",): float(v)}) for k, v in enumerate(group)] for group in ([1, 2, 3], [7, 8, 9])]
    row = differences(brains[0], brains[1], ("name",)).to_pylist()[0]
    assert row["p"] == pytest.approx(2 / 20)
    assert row["note"] is None
    with pytest.raises(AnalysisError, match="compare fewer at a time"):
        permuted_p(np.zeros((12, 1)), np.zeros((12, 1)))


def test_three_brains_without_a_difference_are_rarely_told_apart() -> None:
    """Under the null, P(p <= a) <= a at every p that 4 against 4 brains can have."""
    rng = np.random.default_rng(1)
    p = permuted_p(rng.normal(size=(4, 4000)), rng.normal(size=(4, 4000)))
    for level in (2 / 70, 4 / 70, 0.1, 0.2):
        assert (p <= level + 1e-12).mean() <= level + 4 * np.sqrt(level / 4000)
    assert (p <= 2 / 70 + 1e-12).mean() >= 0.5 * 2 / 70, "and it is no test that never finds anything"


@pytest.mark.parametrize(
    ("one", "other", "refused"),
    [
        (("fly", "630"), ("fly", "783"), True),
        (("fly", "783"), ("fly", None), True),
        ((None, "630"), (None, "783"), True),
        (("fly", "783"), (None, "630"), True),
        (("fly", "783"), ("fly", "783"), False),
        (("fly", "783"), ("larva", "1"), False),
        ((None, None), (None, None), False),
    ],
)
def test_versions(one: tuple[str, str], other: tuple[str, str], refused: bool) -> None:
    versions = [Version("a", *one), Version("b", *other)]
    if not refused:
        assert require_comparable(versions, False).startswith("compared: a")
        return
    with pytest.raises(VersionError, match="across_versions=True"):
        require_comparable(versions, False)
    assert require_comparable(versions, True).startswith("compared across versions, as asked")


def test_motif_shares_are_of_connected_triads() -> None:
    graph = example_graph()
    found = motif_shares(graph)
    counts = dict(zip(TRIADS, triad_counts(graph).tolist(), strict=True))
    total = sum(count for name, count in counts.items() if name not in ("003", "012", "102"))
    assert found["030T",] == counts["030T"] / total
    assert sum(found.values()) == pytest.approx(1)
    assert len(found) == 13
    assert sum(motif_shares(graph, 2).values()) == pytest.approx(1)
    assert sum(motif_shares(graph, 4).values()) == pytest.approx(1)


def test_type_pairs_that_one_brain_lacks_are_zero_there() -> None:
    """Zero where both types are there and not connected; nothing where a type is not there at all."""
    ids = np.arange(1, 5, dtype=np.uint64)
    types = ["a", "a", "b", "c"]
    sides = ["left", "right", "left", "right"]
    one = Snapshot.from_edges(ids, [0, 1, 0], [2, 2, 3], [4, 6, 2])
    other = Snapshot.from_edges(ids, [0, 2], [1, 3], [8, 3])
    named = []
    for name, graph, known in (("one", one, types), ("other", other, ["a", "a", "b", None])):
        kinds = {"all": {x for x in known if x}}
        for side in ("left", "right"):
            kinds[side] = {x for x, at in zip(known, sides, strict=True) if x and at == side}
        named.append((name, type_connections(graph, known, sides), kinds))
    first, second = type_brains(named)
    assert first.numbers == {("a", "a"): 0.0, ("a", "b"): 10.0, ("a", "c"): 2.0}
    assert second.numbers == {("a", "a"): 4.0, ("a", "b"): 0.0}
    assert second.left_right is not None
    assert second.left_right[0]["a", "a"] == 0
    assert second.left_right[1]["a", "a"] == 8
    rows = differences([first], [second], ("pre_type", "post_type")).to_pylist()
    assert isinstance(differences([first], [second], ("pre_type", "post_type")), pa.Table)
    assert {(row["pre_type"], row["post_type"]): row["difference"] for row in rows} == {
        ("a", "a"): 4.0, ("a", "b"): -10.0, ("a", "c"): None,
    }  # fmt: skip
