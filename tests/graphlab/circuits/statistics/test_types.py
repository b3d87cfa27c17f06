"""Connections between types against a loop over cells, and by pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab.circuits.statistics.statistic import Told
from graphlab.circuits.statistics.types import left_right, type_connections
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


def by_loops(graph: Snapshot, types: list[Any], sides: list[Any], total: Any) -> dict[Any, dict[str, Any]]:
    weight = np.zeros((graph.n, graph.n))
    weight[graph.sources(), graph.out_target] = graph.weight
    cells: dict[str, list[int]] = {}
    for k, one in enumerate(types):
        if one:
            cells.setdefault(one, []).append(k)
    found = {}
    for pre, senders in cells.items():
        for post, receivers in cells.items():
            block = weight[np.ix_(senders, receivers)]
            if not block.any():
                continue
            got = block.sum(axis=0)
            row = {
                "connections": np.count_nonzero(block), "weight": block.sum(),
                "pre_cells": len(senders), "post_cells": len(receivers),
                "pre_share": np.mean(block.any(axis=1)), "post_share": np.mean(got > 0),
                "mean": got.mean(), "sd": got.std(ddof=1) if len(got) > 1 else None,
            }  # fmt: skip
            share = got / total[receivers]
            row |= {"fraction_mean": share.mean(), "fraction_sd": share.std(ddof=1) if len(got) > 1 else None}
            seen = []
            for side in ("left", "right"):
                own = got[[sides[k] == side for k in receivers]]
                row |= {f"{side}_cells": len(own), f"{side}_mean": own.mean() if len(own) else None}
                row[f"{side}_share"] = np.mean(own > 0) if len(own) else None
                seen.append(None if not len(own) else bool((own > 0).any()))
            row["both_sides"] = None if None in seen else all(seen)
            found[pre, post] = row
    return found


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 14), st.integers(1, 120), st.integers(0, 2**32))
def test_type_connections_are_those_of_a_loop_over_cells(drawn: Any, n: int, m: int, seed: int) -> None:
    graph = drawn(n, m, seed)
    rng = np.random.default_rng(seed)
    types = [[None, "", "a", "b", "c"][k] for k in rng.integers(0, 5, n)]
    sides = [[None, "left", "right", "center"][k] for k in rng.integers(0, 4, n)]
    total = np.bincount(graph.out_target, weights=graph.weight, minlength=n) + 3.0
    if not any(types):
        return
    table = type_connections(graph, types, sides, total)
    rows = {(row["pre_type"], row["post_type"]): row for row in table.to_pylist()}
    wanted = by_loops(graph, types, sides, total)
    assert set(rows) == set(wanted)
    for pair, row in wanted.items():
        for name, value in row.items():
            assert rows[pair][name] == (pytest.approx(value) if isinstance(value, float) else value), (pair, name)
    assert table["weight"].to_pylist() == sorted(table["weight"].to_pylist(), reverse=True)


def test_types_that_nobody_has_are_refused(drawn: Any) -> None:
    with pytest.raises(AnalysisError, match="none has one; ingest neurons with cell_type"):
        type_connections(drawn(5, 8, 0), [None, "", None, None, None])


def made_sides(noise: float, seed: int) -> tuple[Snapshot, Told]:
    """Two halves of 60 neurons of six types; the right is the left with its weights shaken."""
    rng = np.random.default_rng(seed)
    there = rng.random((60, 60)) < 0.2
    np.fill_diagonal(there, False)
    pre, post = np.nonzero(there)
    weight = rng.integers(2, 40, len(pre)).astype(float)
    other = np.maximum(1.0, np.round(weight * np.exp(noise * rng.standard_normal(len(pre)))))
    ids = np.arange(1, 121, dtype=np.uint64)
    ends = np.concatenate([pre, pre + 60]), np.concatenate([post, post + 60])
    graph = Snapshot.from_edges(ids, *ends, np.concatenate([weight, other]))
    types = [f"t{k % 6}" for k in range(60)] * 2
    return graph, Told({"cell_type": types, "side": ["left"] * 60 + ["right"] * 60})


def test_sides_that_are_alike_do_not_differ_and_noise_shows() -> None:
    def numbers(noise: float) -> dict[tuple[str, float], float]:
        return {(value.name, value.at): value.value for value in left_right.measure(*made_sides(noise, 0)).values}

    same, shaken = numbers(0.0), numbers(0.8)
    assert same["both_sides_share", 0] == 1
    assert same["left_right_difference", 0] == 0
    assert same["left_right_correlation", 0] == pytest.approx(1)
    assert shaken["left_right_difference", 0] > 0.02
    assert shaken["left_right_correlation", 0] < 0.99
    assert np.isnan(same["left_right_difference", 50]) or same["left_right_difference", 50] == 0


def test_a_side_that_is_missing_is_refused() -> None:
    graph, told = made_sides(0.0, 0)
    one_sided = Told({**told.columns, "side": ["left"] * 120})
    with pytest.raises(AnalysisError, match=r"found 120 left and 0 right neurons.*not taken from positions.*mirrored"):
        left_right.measure(graph, one_sided)
