"""Near synapses of a pair: the grid against looking at every two, whatever the batches."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.store.wiring.near_kernel import suppress
from graphlab.store.wiring.near_synapses import merge_near


def greedy(xyz: np.ndarray, radius: float) -> list[bool]:
    """Every point against every kept one."""
    kept: list[int] = []
    dropped = []
    for i, point in enumerate(xyz):
        near = any(((point - xyz[j]) ** 2).sum() <= radius * radius for j in kept)
        dropped.append(near)
        kept += [] if near else [i]
    return dropped


coordinates = st.one_of(st.integers(-6, 6).map(float), st.floats(-1e9, 1e9), st.floats(-4, 4), st.just(1e300))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(coordinates, coordinates, coordinates), max_size=25),
    st.one_of(st.sampled_from([1.0, 3.0, 0.1, 1e9, 1e-300]), st.floats(1e-3, 1e6)),
    st.integers(0, 25),
)
def test_the_grid_agrees_with_every_two(points: list[tuple[float, float, float]], radius: float, cut: int) -> None:
    xyz = np.array(points, dtype=float).reshape(-1, 3)
    cut = min(cut, len(xyz))
    dropped = np.zeros(len(xyz), dtype=bool)
    suppress(np.array([0, cut, len(xyz)]), xyz, radius, dropped)
    with np.errstate(over="ignore"):
        assert dropped.tolist() == greedy(xyz[:cut], radius) + greedy(xyz[cut:], radius)


@pytest.mark.parametrize("rows", [1, 2, 7, 1000])
def test_batches_that_cut_pairs_change_nothing(rows: int) -> None:
    rng = np.random.default_rng(1)
    n = 3000
    table = pa.table(
        {
            "synapse_id": rng.permutation(n).astype(np.uint64),
            "pre_root_id": rng.integers(0, 4, n).astype(np.uint64),
            "post_root_id": (rng.geometric(0.3, n)).astype(np.uint64),
            "kind": rng.choice(["chemical", "electrical", None], n, p=[0.6, 0.2, 0.2]),
            "score": pa.array([None if x < 2 else float(x) for x in rng.integers(0, 9, n)]),
            **{f"{a}_nm": pa.array([None if x == 59 else float(x) for x in rng.integers(0, 60, n)]) for a in "xyz"},
        }
    )
    connection = duckdb.connect()
    connection.register("arrived", table)
    connection.execute("CREATE TABLE synapses AS FROM arrived")
    assert merge_near(connection, 8.0, rows)
    found = {row[0] for row in connection.execute("FROM merged_synapses").fetchall()}
    wanted = set()
    groups: dict[tuple, list[dict]] = {}
    for row in table.to_pylist():
        if None not in (row["x_nm"], row["y_nm"], row["z_nm"]):
            groups.setdefault((row["pre_root_id"], row["post_root_id"], row["kind"] or "chemical"), []).append(row)
    for group in groups.values():
        group.sort(key=lambda row: (row["score"] is None, -(row["score"] or 0), row["synapse_id"]))
        dropped = greedy(np.array([[row[f"{a}_nm"] for a in "xyz"] for row in group]), 8.0)
        wanted |= {row["synapse_id"] for row, gone in zip(group, dropped, strict=True) if gone}
    assert found == wanted
    assert 0 < len(found) < n


def test_one_large_pair_takes_no_square() -> None:
    """By every two this would be some ten thousand million distances."""
    rng = np.random.default_rng(2)
    xyz = rng.uniform(0, 2400, (200_000, 3))
    dropped = np.zeros(len(xyz), dtype=bool)
    suppress(np.array([0, len(xyz)]), xyz, 40.0, dropped)
    kept = xyz[~dropped]
    assert 20_000 < len(kept) < 180_000
    sample = rng.choice(len(xyz), 100, replace=False)
    for i in sample:
        before = xyz[:i][~dropped[:i]]
        near = (((before - xyz[i]) ** 2).sum(axis=1) <= 1600.0).any()
        assert near == dropped[i]
