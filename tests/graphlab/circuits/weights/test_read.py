"""Weights against pandas: one order, one denominator, and nothing about signs or proofreading that is not said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.circuits.weights.settings import WeightSettings, weight_settings
from graphlab.circuits.weights.weights import Weights
from ingest.schema.errors import AnalysisError, UnknownNameError

BASE = 720575940600000000
N = 30


def rows_of_neurons() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "root_id": BASE + np.arange(N),
            "cell_type": rng.choice(["KC", "MBON", "DAN"], N),
            "nt_type": rng.choice(["ACH", "GABA", "DA", "HIS", "TYR"], N),
            "nt_confidence": rng.choice([0.9, 0.55, 0.3], N),
            "status_axon": rng.choice(["clean", "non"], N),
            "status_dendrite": rng.choice(["extended", "non"], N),
        }
    )


def rows_of_connections() -> pd.DataFrame:
    """Pairs over two neuropils, autapses, and five fragments that only connections name."""
    rng = np.random.default_rng(3)
    rows = pd.DataFrame({"pre_root_id": rng.integers(0, N + 5, 700), "post_root_id": rng.integers(0, N + 5, 700)})
    rows += BASE
    rows["neuropil"] = rng.choice(["ME", "LO"], len(rows))
    rows["weight"] = rng.integers(1, 6, len(rows)).astype(float)
    rows["nt_type"] = rng.choice(["ACH", "GABA"], len(rows))
    return rows.drop_duplicates(["pre_root_id", "post_root_id", "neuropil"])


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph.create(tmp_path_factory.mktemp("weights") / "g") as made:
        made.ingest(rows_of_neurons(), as_="neurons")
        made.ingest(rows_of_connections(), as_="connections", unknown="keep")
        yield made


def edges(weights: Weights, values: Any) -> dict[tuple[int, int], float]:
    ids, graph = weights.graph.root_ids, weights.graph
    return dict(
        zip(zip(ids[graph.sources()].tolist(), ids[graph.out_target].tolist(), strict=True), values, strict=True)
    )


def test_pair_totals_then_threshold_then_autapses_and_one_denominator(graph: Graph) -> None:
    rows = rows_of_connections()
    pairs = rows.groupby(["pre_root_id", "post_root_id"])["weight"].sum().reset_index()
    pairs = pairs[pairs["pre_root_id"] != pairs["post_root_id"]]
    total = pairs.groupby("post_root_id")["weight"].sum()
    known = set((BASE + np.arange(N)).tolist())
    inside = pairs[pairs["pre_root_id"].isin(known) & pairs["post_root_id"].isin(known) & (pairs["weight"] >= 6)]
    weights = graph.circuits.weights(min_weight=6)
    keys = list(zip(inside["pre_root_id"], inside["post_root_id"], strict=True))
    assert edges(weights, weights.graph.weight) == dict(zip(keys, inside["weight"], strict=True))
    stored = inside["weight"] / total.loc[inside["post_root_id"]].to_numpy()
    assert edges(weights, weights.fractions()) == pytest.approx(dict(zip(keys, stored, strict=True)))
    assert weights.denominator == "stored"
    own = graph.circuits.weights(min_weight=6, denominator="in-graph")
    within = inside["weight"] / inside.groupby("post_root_id")["weight"].transform("sum")
    assert edges(own, own.fractions()) == pytest.approx(dict(zip(keys, within, strict=True)))
    assert "compartments summed" in weights.notes[0]


def test_matrices_have_connections_where_they_are_meant(graph: Graph) -> None:
    weights = graph.circuits.weights()
    values = weights.fractions()
    dense = np.zeros((weights.n, weights.n))
    dense[weights.graph.sources(), weights.graph.out_target] = values
    assert np.array_equal(weights.matrix(values).toarray(), dense)
    assert np.array_equal(weights.incoming(values).toarray(), dense.T)


def test_signs_are_never_silent(graph: Graph) -> None:
    neurons = rows_of_neurons().set_index("root_id")
    with pytest.raises(
        AnalysisError, match=r"have no sign by 'shiu' \(transmitters: (HIS|TYR) \d+, (HIS|TYR) \d+\); give neurons"
    ):
        graph.circuits.weights(signs="shiu")
    policy = {"ACH": 1, "DA": 1, "GABA": -1}
    plain = graph.circuits.weights()
    for how, value in (("exclude", 0), ("excite", 1), ("inhibit", -1)):
        weights = graph.circuits.weights(signs="shiu", unknown_signs=how)
        found = edges(weights, weights.sign)
        wanted = {pair: policy.get(neurons.loc[pair[0], "nt_type"], value) for pair in edges(plain, plain.graph.weight)}
        assert found == {pair: sign for pair, sign in wanted.items() if sign}
        assert any("have no sign by 'shiu'" in note for note in weights.notes)
        assert np.array_equal(weights.total_in, plain.total_in), "denominators stay"


def test_monoamines_types_and_confidence(graph: Graph) -> None:
    neurons = rows_of_neurons().set_index("root_id")
    weights = graph.circuits.weights(signs="exclude monoamines")
    assert weights.about["signs_left_out"] > 0
    assert {neurons.loc[pre, "nt_type"] for pre, _ in edges(weights, weights.sign)} == {"ACH", "GABA", "HIS"}
    weights = graph.circuits.weights(signs="exclude monoamines", sign_of={"KC": -1, "DAN": 0})
    for (pre, _), sign in edges(weights, weights.sign).items():
        assert neurons.loc[pre, "cell_type"] != "DAN"
        assert sign == -1 or neurons.loc[pre, "cell_type"] != "KC"
    with pytest.raises(UnknownNameError, match="did you mean 'MBON'"):
        graph.circuits.weights(signs="shiu", sign_of={"MBONs": 1})
    sure = graph.circuits.weights(signs="exclude monoamines", min_confidence=0.5, unknown_signs="exclude")
    assert {neurons.loc[pre, "nt_confidence"] for pre, _ in edges(sure, sure.sign)} == {0.9, 0.55}
    fly = graph.circuits.weights(signs="fly", unknown_signs="exclude")
    assert fly.m == sure.m, "0.5 is the cut of this map"
    assert fly.about["unknown_signs"] == sure.about["unknown_signs"] + sure.about["signs_left_out"]


def test_the_transmitter_of_a_connection(graph: Graph) -> None:
    stored = graph.to_arrow("connections").to_pandas()
    own = {(a, b): {"ACH": 1, "GABA": -1}[nt] for a, b, nt in stored[["pre_root_id", "post_root_id", "nt_type"]].values}
    weights = graph.circuits.weights(signs="shiu", transmitter_of="connection")
    assert {pair: own[pair] for pair in edges(weights, weights.sign)} == edges(weights, weights.sign)


def test_proofreading_is_said_and_filters(graph: Graph) -> None:
    neurons = rows_of_neurons().set_index("root_id")
    everything, kept = graph.circuits.weights(), graph.circuits.weights(proofread=True)
    good = {
        pair
        for pair in edges(everything, everything.graph.weight)
        if neurons.loc[pair[0], "status_axon"] == "clean" and neurons.loc[pair[1], "status_dendrite"] == "extended"
    }
    assert set(edges(kept, kept.graph.weight)) == good
    assert everything.notes[1].startswith(f"{everything.m - len(good)} of {everything.m} connections leave an axon")
    assert np.array_equal(everything.total_in, kept.total_in)


def test_within_takes_ids_or_criteria(graph: Graph) -> None:
    neurons = rows_of_neurons()
    wanted = neurons.loc[neurons["cell_type"].isin(["KC", "DAN"]), "root_id"]
    some = graph.circuits.weights(within={"cell_type": ["KC", "DAN"]})
    assert some.graph.root_ids.tolist() == sorted(wanted)
    assert graph.circuits.weights(within=wanted.to_numpy()).graph.root_ids.tolist() == sorted(wanted)
    everything = graph.circuits.weights()
    assert some.total_in.tolist() == everything.total_in[everything.graph.indices_of(some.graph.root_ids)].tolist()
    with pytest.raises(AnalysisError, match=r"within: no neuron of the graph meets cell_type='XX'"):
        graph.circuits.weights(within={"cell_type": "XX"})
    with pytest.raises(AnalysisError, match="within names no neuron"):
        graph.circuits.weights(within=[5])


def test_settings_that_mean_nothing(graph: Graph, tmp_path: Path) -> None:
    for settings, error, words in (
        ({"denominator": "total"}, UnknownNameError, "unknown denominator 'total'; known: in-graph, stored"),
        ({"sings": "shiu"}, UnknownNameError, "did you mean 'signs'"),
        ({"signs": "shiu", "unknown_signs": "drop"}, UnknownNameError, "unknown treatment"),
        ({"min_confidence": 0.5}, AnalysisError, "belong to a policy"),
        ({"signs": "shiu", "min_confidence": 50}, AnalysisError, "from 0 to 1"),
        ({"signs": "shiu", "sign_of": {"KC": 2}}, AnalysisError, "wanted 1, -1, or 0"),
        ({"min_weight": float("nan")}, AnalysisError, "min_weight is nan"),
        ({"compartment": "axo-dendritic"}, AnalysisError, "no chemical connection of this graph has a compartment"),
        ({"kind": "chemicl"}, UnknownNameError, "did you mean 'chemical'"),
    ):
        with pytest.raises(error, match=words):
            graph.circuits.weights(**settings)
    with Graph.create(tmp_path / "g") as bare:
        rows = pd.DataFrame({"pre_root_id": [1, 3], "post_root_id": [2, 2], "weight": [1.5, 2.5]})
        bare.ingest(rows, as_="connections")
        with pytest.raises(AnalysisError, match="nothing is known of proofreading"):
            bare.circuits.weights(proofread=True)
        bare.ingest(rows.assign(pre_root_id=4, post_root_id=[1, 3], weight=-1.5), as_="connections")
        with pytest.raises(AnalysisError, match=r"the least weight is -1\.5; signals flow along positive weights"):
            bare.circuits.weights()
        assert bare.circuits.weights(min_weight=2, denominator="in-graph").m == 1


def test_plain_settings_are_the_settings() -> None:
    settings = WeightSettings(signs="shiu", sign_of={"KC": 1}, within=[1, 2])
    assert weight_settings(settings.plain()) == settings


def test_weights_of_a_random_graph(graph: Graph) -> None:
    weights = graph.circuits.weights(signs="exclude monoamines")
    sign = np.ones(weights.n, dtype=int)
    sign[:5] = -1
    alone = Weights.in_graph(weights.graph, sign)
    assert alone.sign is not None
    assert np.array_equal(alone.sign, sign[weights.graph.sources()])
    into = np.zeros(weights.n)
    np.add.at(into, weights.graph.out_target, alone.fractions())
    assert set(np.round(into, 12)) <= {0.0, 1.0}
