"""Single synapses, their mean places, the neuron at a point, neuropil profiles: against pandas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import AnalysisError, GraphlabError, SchemaError, UnknownNameError


@dataclass(frozen=True)
class Placed:
    graph: Graph
    neurons: pd.DataFrame
    synapses: pd.DataFrame


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    rng = np.random.default_rng(8)
    base = 720575940600000000
    neurons = pd.DataFrame(
        {
            "root_id": base + np.arange(12), "name": [f"n{i}" for i in range(12)],
            "cell_type": rng.choice(["A", "B"], 12), **{f"{a}_nm": rng.uniform(0, 1e4, 12) for a in "xyz"},
        }
    )  # fmt: skip
    n = 150
    synapses = pd.DataFrame(
        {
            "synapse_id": rng.permutation(n) + 1, "pre_root_id": rng.choice(neurons.root_id, n),
            "post_root_id": rng.choice(neurons.root_id, n), "neuropil": rng.choice(["ME", "LO", None], n),
            "score": rng.uniform(0, 1, n), "size": rng.integers(1, 90, n).astype(float),
            **{f"{a}_nm": rng.uniform(0, 1e4, n) for a in "xyz"},
        }
    )  # fmt: skip
    with Graph.create(tmp_path_factory.mktemp("placed") / "g") as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(synapses, as_="synapses")
        yield Placed(graph, neurons, synapses)


@pytest.mark.parametrize("words", [{}, {"neuropil": "ME"}, {"neuropil": ["ME", "LO"], "min_score": 0.4}])
def test_synapses_of_and_between(placed: Placed, words: dict[str, Any]) -> None:
    frame = placed.synapses
    if "neuropil" in words:
        frame = frame[frame.neuropil.isin(np.atleast_1d(words["neuropil"]))]
    frame = frame[frame.score >= words.get("min_score", 0)].sort_values("synapse_id")
    kinds = placed.neurons.set_index("root_id")["cell_type"]
    found = placed.graph.synapses.between("A", {"cell_type": "B"}, **words).to_pandas()
    wanted = frame[(frame.pre_root_id.map(kinds) == "A") & (frame.post_root_id.map(kinds) == "B")]
    columns = ["synapse_id", "pre_root_id", "post_root_id", "x_nm", "y_nm", "z_nm", "score", "size"]
    assert found[columns].values.tolist() == wanted[columns].values.tolist()
    assert len(found)
    assert (found["weight"] == 1).all()
    whole = placed.graph.synapses.between(**words).to_pandas()
    assert whole["synapse_id"].tolist() == frame["synapse_id"].tolist()
    for side, other in (("pre", "post"), ("post", "pre")):
        own = placed.graph.synapses.of(["n3", "n4"], side=side, **words).to_pandas()
        who = placed.neurons.root_id[[3, 4]]
        mine = frame[frame[f"{side}_root_id"].isin(who)].sort_values([f"{side}_root_id", "synapse_id"])
        assert own[["root_id", "partner_root_id", "synapse_id"]].values.tolist() == (
            mine[[f"{side}_root_id", f"{other}_root_id", "synapse_id"]].values.tolist()
        )
        assert (own["side"] == side).all()
    both = placed.graph.synapses.of(["n3", "n4"], **words)
    assert len(both) == frame["pre_root_id"].isin(who).sum() + frame["post_root_id"].isin(who).sum()


@pytest.mark.parametrize("by_neuropil", [False, True])
def test_mean_places(placed: Placed, by_neuropil: bool) -> None:
    found = placed.graph.synapses.mean("A", side="post", by_neuropil=by_neuropil).to_pandas()
    kinds = placed.neurons.set_index("root_id")["cell_type"]
    frame = placed.synapses[placed.synapses.post_root_id.map(kinds) == "A"].fillna({"neuropil": "?"})
    keys = ["post_root_id", "neuropil"] if by_neuropil else ["post_root_id"]
    wanted = frame.groupby(keys)[["x_nm", "y_nm", "z_nm"]].agg(["mean", "size"])
    assert len(found) == len(wanted)
    own = found.fillna("?").set_index(["root_id", "neuropil"] if by_neuropil else "root_id")
    for key, row in wanted.iterrows():
        assert own.loc[key, "synapses"] == own.loc[key, "placed"] == row["x_nm", "size"]
        assert own.loc[key, ["x_nm", "y_nm", "z_nm"]].tolist() == pytest.approx([row[f"{a}_nm", "mean"] for a in "xyz"])


def test_mistakes_and_nothing(placed: Placed, made: Any) -> None:
    synapses = placed.graph.synapses
    with pytest.raises(UnknownNameError, match="'ME'"):
        synapses.of("A", neuropil="MEE")
    with pytest.raises(UnknownNameError, match="side of a synapse"):
        synapses.of("A", side="up")  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="no single synapses"):
        made.graph.synapses.of("Mi1")
    assert "there is no such synapse" in synapses.between("A", "B", min_score=2).notes[0]
    assert synapses.between({"cell_type": "C"}).notes[0].startswith("pre: no neuron has cell_type 'C'")


@pytest.mark.parametrize("of", [("synapse", "neuron"), "synapse", "neuron"])
def test_the_neuron_at_a_point(placed: Placed, of: Any) -> None:
    kinds = [of] if isinstance(of, str) else of
    point = np.array([4000.0, 5000.0, 6000.0])
    parts = []
    if "neuron" in kinds:
        parts.append(placed.neurons[["root_id", "x_nm", "y_nm", "z_nm"]])
    if "synapse" in kinds:
        for end in ("pre", "post"):
            parts.append(placed.synapses.rename(columns={f"{end}_root_id": "root_id"})[parts[0].columns if parts else
                         ["root_id", "x_nm", "y_nm", "z_nm"]])  # fmt: skip
    every = pd.concat(parts)
    distance = np.sqrt(((every[["x_nm", "y_nm", "z_nm"]].to_numpy() - point) ** 2).sum(axis=1))
    nearest = every.assign(d=distance).groupby("root_id")["d"].min().reset_index().sort_values(["d", "root_id"])
    found = placed.graph.places.at(point, k=5, of=of).to_pandas()
    assert found["root_id"].tolist() == nearest["root_id"].tolist()[:5]
    assert found["distance_nm"].tolist() == pytest.approx(nearest["d"].tolist()[:5])
    voxels = placed.graph.places.at(point / [4, 4, 40], resolution="4,4,40", k=5, of=of).to_pandas()
    assert voxels["root_id"].tolist() == found["root_id"].tolist()
    near = found["distance_nm"].iloc[1]
    inside = placed.graph.places.at(point, k=99, within_nm=near + 1e-6, of=of)
    assert len(inside) == (nearest["d"] <= near + 1e-6).sum() >= 2
    assert "no neuron within" in placed.graph.places.at([1e9, 0, 0], within_nm=1, of=of).notes[0]


def test_the_neuron_at_a_node(made: Any) -> None:
    found = made.graph.places.at([2.2, 0.0, 0.0], k=40).to_pandas()
    longest = {i: len(v) for i, v in made.vectors.items()}
    wanted = sorted((min(abs(j - 2.2) for j in range(n)), i) for i, n in longest.items())
    assert found["root_id"].tolist() == [i for _, i in wanted]
    assert found["distance_nm"].tolist() == pytest.approx([d for d, _ in wanted])
    assert (found["place"] == "embedded node").all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"point": [1, 2]}, "three numbers"), ({"point": "x"}, "three numbers"),
        ({"point": [1, 2, float("inf")]}, "finite"),
        ({"point": [1, 2, 3], "k": 0}, "1 or more"), ({"point": [1, 2, 3], "of": "soma"}, "kind of place"),
        ({"point": [1, 2, 3], "of": "node"}, "nothing here has a place"),
    ],
)  # fmt: skip
def test_points_that_are_none(placed: Placed, words: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphlabError, match=message):
        placed.graph.places.at(**words)


@pytest.mark.parametrize("by", ["neuron", "cell_type"])
def test_neuropil_profiles(made: Any, by: str) -> None:
    frame = made.by_neuropil[made.by_neuropil.pre_root_id != made.by_neuropil.post_root_id]
    neurons = made.neurons.fillna("?").set_index("root_id")
    label = neurons.index.to_series() if by == "neuron" else neurons["cell_type"]
    who = neurons.index[neurons.side == "left"]
    received = frame[frame.post_root_id.isin(who)].groupby([frame.post_root_id.map(label), "neuropil"])["weight"].sum()
    sent = frame[frame.pre_root_id.isin(who)].groupby([frame.pre_root_id.map(label), "neuropil"])["weight"].sum()
    found = made.graph.places.neuropils({"side": "left"}, by=by).to_pandas()
    key = "root_id" if by == "neuron" else by
    rows = found.fillna("?").set_index([key, "neuropil"])
    assert set(rows.index) == {*received.index, *sent.index}
    for at, row in rows.iterrows():
        assert row["input"] == received.get(at, 0.0)
        assert row["output"] == sent.get(at, 0.0)
        whole = received[at[0]].sum() if at[0] in received.index else 0.0
        assert row["fraction_in"] == pytest.approx(row["input"] / whole) if whole else True
    with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
        made.graph.places.neuropils(by="cell_typ")


def test_fragments_that_are_kept_out_of_the_graph_are_no_neurons_of_it(tmp_path: Path) -> None:
    """Between any neurons, and at a point; asked for by id they are there."""
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
        ends = {"pre_root_id": [1, 7, 2], "post_root_id": [2, 1, 8]}
        places = {"x_nm": [0.0, 500.0, 900.0], "y_nm": [0.0] * 3, "z_nm": [0.0] * 3}
        graph.ingest(pd.DataFrame({"synapse_id": [1, 2, 3], **ends, **places}), as_="synapses", unknown="keep")
        assert graph.synapses.between().to_arrow()["synapse_id"].to_pylist() == [1]
        assert graph.synapses.between(7).to_arrow()["synapse_id"].to_pylist() == [2]
        assert graph.places.at((500, 0, 0), of="synapse", k=5).to_arrow()["root_id"].to_pylist() == [1, 2]
        with pytest.raises(AnalysisError, match="within_nm is nan"):
            graph.places.at((0, 0, 0), within_nm=float("nan"))
