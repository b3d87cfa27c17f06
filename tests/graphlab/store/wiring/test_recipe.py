"""Synapses to connections: thresholds, merging, autapses, neuropils, totals; brute force beside SQL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab.graph import Graph
from graphlab.store.wiring.recipe import Recipe
from ingest.schema.errors import SchemaError

Rows = Callable[[str], list[tuple[Any, ...]]]
CONNECTIONS = "SELECT pre_root_id, post_root_id, weight, kind FROM connections"


def test_counts_synapses_by_pair(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    graph.ingest(synapses([(1, 2), (1, 2), (2, 1), (3, 3)]), as_="synapses")
    assert rows_of(CONNECTIONS) == [(1, 2, 2.0, "chemical"), (2, 1, 1.0, "chemical"), (3, 3, 1.0, "chemical")]
    assert rows_of("SELECT root_id, total_in, total_out FROM neurons") == [(1, 1.0, 2.0), (2, 2.0, 1.0), (3, 1.0, 1.0)]


def test_a_score_threshold_keeps_totals_of_all(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    graph.ingest(synapses([(1, 2), (1, 2), (1, 3), (2, 3)], score=pa.array([0.1, 0.9, 0.2, None])), as_="synapses")
    info = graph.set_recipe(min_score=0.5)
    assert rows_of(CONNECTIONS) == [(1, 2, 1.0, "chemical"), (2, 3, 1.0, "chemical")]
    assert rows_of("SELECT total_out FROM neurons WHERE root_id = 1") == [(3.0,)]
    assert info.recipe["min_score"] == 0.5
    assert info.counts["synapses"] == 4


def test_neuropils_add_up_before_a_minimum_weight(
    graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows
) -> None:
    graph.ingest(synapses([(1, 2)] * 3, neuropil=pa.array(["LH", "MB", "MB"])), as_="synapses")
    assert rows_of("SELECT neuropil, weight FROM connections_by_neuropil") == [("LH", 1.0), ("MB", 2.0)]
    assert graph.snapshot(min_weight=3).m == 1
    assert graph.snapshot(min_weight=4).m == 0


def test_kinds_stay_apart(graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows) -> None:
    kinds = pa.array(["chemical", "electrical", None])
    graph.ingest(synapses([(1, 2), (1, 2), (1, 2)], kind=kinds), as_="synapses")
    assert rows_of(CONNECTIONS) == [(1, 2, 1.0, "electrical"), (1, 2, 2.0, "chemical")]
    assert graph.snapshot().m == 1
    assert graph.snapshot("electrical").weight.tolist() == [1.0]
    assert rows_of("SELECT total_in FROM neurons WHERE root_id = 2") == [(2.0,)]


def test_fragments_stay_in_synapses_and_out_of_the_graph(
    graph: Graph, synapses: Callable[..., pa.Table], rows_of: Rows
) -> None:
    graph.ingest(pa.table({"root_id": pa.array([1, 2], pa.uint64()), "in_graph": [True, True]}), as_="neurons")
    graph.ingest(synapses([(1, 2), (1, 99), (0, 2)]), as_="synapses", unknown="keep")
    assert rows_of(CONNECTIONS) == [(1, 2, 1.0, "chemical")]
    assert rows_of("SELECT root_id, in_graph, total_out FROM neurons") == [
        (1, True, 2.0),
        (2, True, 0.0),
        (99, False, 0.0),
    ]
    assert graph.snapshot().n == 2
    graph.ingest(pa.table({"root_id": pa.array([99], pa.uint64()), "in_graph": [True]}), as_="neurons")
    assert rows_of(CONNECTIONS) == [(1, 2, 1.0, "chemical"), (1, 99, 1.0, "chemical")]


def test_a_recipe_that_means_nothing() -> None:
    with pytest.raises(SchemaError, match="finite"):
        Recipe(min_score=math.nan)
    with pytest.raises(SchemaError, match="above 0"):
        Recipe(merge_within_nm=0)


def brute_force(rows: list[tuple[int, int, float | None, float]], recipe: Recipe) -> dict[tuple[int, int], float]:
    """Greedy by score, then by id; rows are (pre, post, score, x)."""
    order = sorted(range(len(rows)), key=lambda i: (-math.inf if rows[i][2] is None else rows[i][2], -i), reverse=True)
    kept: list[int] = []
    for i in order:
        radius = recipe.merge_within_nm
        near = (j for j in kept if rows[j][:2] == rows[i][:2] and radius and abs(rows[j][3] - rows[i][3]) <= radius)
        if next(near, None) is None:
            kept.append(i)
    low = recipe.min_score
    counted = [i for i in kept if low is None or rows[i][2] is None or rows[i][2] >= low]
    return dict(Counter((rows[i][0], rows[i][1]) for i in counted))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(1, 3),
            st.integers(1, 3),
            st.one_of(st.none(), st.sampled_from([0.1, 0.5, 0.9])),
            st.integers(0, 12).map(float),
        ),
        min_size=1,
        max_size=14,
    ),
    min_score=st.one_of(st.none(), st.just(0.5)),
    radius=st.one_of(st.none(), st.sampled_from([1.0, 3.0])),
)
def test_recipe_agrees_with_brute_force(
    rows: list[tuple[int, int, float | None, float]],
    min_score: float | None,
    radius: float | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    recipe = Recipe(min_score, radius)
    frame = pa.table(
        {
            "synapse_id": pa.array(range(len(rows)), pa.uint64()),
            "pre_root_id": pa.array([r[0] for r in rows], pa.uint64()),
            "post_root_id": pa.array([r[1] for r in rows], pa.uint64()),
            "score": pa.array([r[2] for r in rows], pa.float64()),
            **{axis: pa.array([r[3] if axis == "x_nm" else 0.0 for r in rows]) for axis in ("x_nm", "y_nm", "z_nm")},
        }
    )
    with Graph.create(tmp_path_factory.mktemp("recipe") / "g") as graph:
        graph.ingest(frame, as_="synapses")
        graph.set_recipe(min_score, radius)
        table = graph.to_arrow("connections")
        found = zip(*(table[name].to_pylist() for name in ("pre_root_id", "post_root_id", "weight")), strict=True)
        assert {(pre, post): weight for pre, post, weight in found} == brute_force(rows, recipe)
