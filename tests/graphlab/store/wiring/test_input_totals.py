"""All input of a neuron: before any threshold, fragments in, autapses out, wherever a fraction is shown."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab import Graph
from graphlab.store.wiring.input_totals import stored_totals
from ingest.schema.errors import SchemaError

ROWS = [(1, 3, 8.0), (2, 3, 2.0), (9, 3, 10.0), (3, 3, 5.0), (1, 2, 1.0), (3, 1, 4.0)]
"""9 is a fragment; 3 has an autapse."""
TOTALS = {1: 4.0, 2: 1.0, 3: 20.0}


def as_connections(rows: list[tuple[int, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["pre_root_id", "post_root_id", "weight"])


def as_synapses(rows: list[tuple[int, int, float]]) -> pd.DataFrame:
    single = [(a, b) for a, b, w in rows for _ in range(int(w))]
    frame = pd.DataFrame(single, columns=["pre_root_id", "post_root_id"])
    return frame.assign(
        synapse_id=range(1, len(frame) + 1), x_nm=0.0, y_nm=0.0, z_nm=0.0, score=[0.2, 0.9] * (len(frame) // 2)
    )


def made(path: Path, how: str) -> Graph:
    graph = Graph.create(path / "g", dataset="totals")
    neurons = pd.DataFrame({"root_id": [1, 2, 3]})
    if how == "given":
        neurons["total_in"] = [4.0, 1.0, 25.0]  # as data sets give it: with autapses
    graph.ingest(neurons, as_="neurons")
    if how == "synapses":
        graph.ingest(as_synapses(ROWS), as_="synapses", unknown="keep")
        graph.set_recipe(min_score=0.5)
    else:
        graph.ingest(as_connections(ROWS), as_="connections", unknown="keep")
    return graph


@pytest.mark.parametrize("how", ["connections", "synapses", "given"])
@pytest.mark.parametrize("min_weight", [0.0, 3.0, 6.0])
def test_totals_hold_whatever_the_threshold(tmp_path: Path, how: str, min_weight: float) -> None:
    with made(tmp_path, how) as graph:
        view = graph.snapshot("chemical", min_weight)
        held = np.bincount(view.out_target, weights=view.weight, minlength=view.n)
        total = held + graph.input_beyond(view)
        assert dict(zip(view.root_ids.tolist(), total.tolist(), strict=True)) == TOTALS


@pytest.mark.parametrize("min_weight", [0.0, 3.0, 8.0])
def test_a_fraction_is_the_same_in_paths_and_in_motif_weights(tmp_path: Path, min_weight: float) -> None:
    """8 of the 20 that neuron 3 receives, its own 5 aside: with and without a threshold."""
    with made(tmp_path, "connections") as graph:
        path = graph.paths(1, 3, weighted="fraction", min_weight=min_weight).to_pandas()
        assert path["cost"].iloc[0] == pytest.approx(-math.log(8 / 20))
        best = graph.paths(1, 3, weighted="fraction", k=1, min_weight=min_weight).to_pandas()
        assert best["cost"].iloc[0] == pytest.approx(-math.log(8 / 20))
        pairs = graph.motifs.weights(2, ["input"], min_weight=min_weight).to_pylist()
        fractions = {(1, 3): 8 / 20, (2, 3): 2 / 20, (1, 2): 1.0, (3, 1): 1.0}
        weight = {(a, b): w for a, b, w in ROWS}
        kept = [f for pair, f in fractions.items() if weight[pair] >= min_weight]
        listed = sum(row["mean_weight"] * row["count"] * len(row["edges"]) for row in pairs if row["count"])
        assert listed == pytest.approx(sum(kept))


def test_shuffled_weights_are_divided_by_what_they_and_the_rest_add_up_to(tmp_path: Path) -> None:
    with made(tmp_path, "connections") as graph:
        table = graph.motifs.weights(2, ["input"], min_weight=2, null="weights", samples=3, seed=1)
        assert 0 < np.nanmax(table["intensity_null_mean"].to_numpy()) < 1


def test_other_kinds_add_up_what_is_stored(tmp_path: Path) -> None:
    with made(tmp_path, "connections") as graph:
        graph.ingest(
            as_connections([(1, 2, 3.0), (3, 2, 1.0), (9, 2, 4.0), (2, 2, 7.0)]), as_="connections", kind="electrical"
        )
        cost = graph.paths(1, 2, weighted="fraction", kind="electrical", min_weight=2).to_pandas()["cost"]
        assert cost.iloc[0] == pytest.approx(-math.log(3 / 8))


def test_a_given_total_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g", dataset="small") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2], "total_in": [0.0, 3.0]}), as_="neurons")
        graph.ingest(as_connections([(1, 2, 5.0)]), as_="connections")
        with pytest.raises(SchemaError, match="neuron 2 has total_in 3 without autapses.*alone weigh 5"):
            graph.paths(1, 2, weighted="fraction")
        assert len(graph.paths(1, 2, weighted="inverse")) == 2


def test_cheapest_paths_are_those_of_networkx(tmp_path: Path) -> None:
    number = iter(range(1000))

    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        rows=st.dictionaries(
            st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(1, 9), min_size=3, max_size=20
        ),
        min_weight=st.sampled_from([0, 2, 5]),
        how=st.sampled_from(["inverse", "fraction"]),
    )
    def agrees(rows: dict[tuple[int, int], int], min_weight: int, how: Any) -> None:
        """Neuron 6 is a fragment."""
        with Graph.create(tmp_path / f"g{next(number)}", dataset="random") as graph:
            graph.ingest(pd.DataFrame({"root_id": [1, 2, 3, 4, 5]}), as_="neurons")
            graph.ingest(
                as_connections([(a, b, float(w)) for (a, b), w in rows.items()]), as_="connections", unknown="keep"
            )
            wired = nx.DiGraph()
            wired.add_nodes_from(range(1, 6))
            into = {n: sum(w for (a, b), w in rows.items() if b == n and a != n) for n in range(1, 6)}
            for (a, b), w in rows.items():
                if a != b and 6 not in (a, b) and w >= min_weight:
                    wired.add_edge(a, b, cost=1 / w if how == "inverse" else -math.log(w / into[b]))
            found = graph.paths([1, 2], [1, 3, 5], weighted=how, min_weight=min_weight).to_pandas()
            costs = {}
            for _, path in found.groupby("path"):
                ids = path["root_id"].tolist()
                costs[ids[0], ids[-1]] = path["cost"].iloc[0]
                assert nx.path_weight(wired, ids, "cost") == pytest.approx(path["cost"].iloc[0], abs=1e-12)
            wanted = {
                (a, b): nx.dijkstra_path_length(wired, a, b, weight="cost")
                for a in (1, 2)
                for b in (1, 3, 5)
                if nx.has_path(wired, a, b)
            }
            assert costs == pytest.approx(wanted, abs=1e-12)

    agrees()


def test_totals_are_kept_until_the_data_change(tmp_path: Path) -> None:
    rows = as_connections([(1, 2, 5.0), (3, 2, 7.0), (2, 2, 9.0)])
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2, 3, 4]}), as_="neurons")
        graph.ingest(rows, as_="connections")
        first = stored_totals(graph.folder, "chemical")
        assert first[1].tolist() == [0, 12, 0, 0]
        assert stored_totals(graph.folder, "chemical")[1] is first[1]
        assert stored_totals(graph.folder, "chemical", "out")[1].tolist() == [5, 0, 7, 0]
        with pytest.raises(ValueError, match="read-only"):
            first[1][0] = 1
        graph.ingest(as_connections([(4, 2, 1.0)]), as_="connections")
        assert stored_totals(graph.folder, "chemical")[1].tolist() == [0, 13, 0, 0]
