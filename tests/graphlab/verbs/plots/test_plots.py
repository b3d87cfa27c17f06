"""``graph.plot`` and ``graphlab draw``: figures that hold what the verbs answer, and say what they leave out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphlab import Graph
from graphlab.cli import app
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError
from ingest.synthetic.connectome import make


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    folder = tmp_path_factory.mktemp("plots")
    files = make(folder / "made", neurons=120, synapses=6000, frames=120, recorded=20)
    with Graph.create(folder / "g", "made", (4, 4, 40)) as graph:
        graph.ingest(files.neurons, as_="neurons")
        graph.ingest(files.synapses, as_="synapses", columns="cave", resolution="4,4,40")
        graph.ingest(files.embeddings, as_="embeddings", model="m", segmentation_version="1")
        graph.ingest(files.recordings, as_="recordings", animal="one")
        graph.ingest(files.behavior, as_="behavior")
        yield graph


@pytest.fixture(scope="module")
def pairs(graph: Graph) -> pd.DataFrame:
    return graph.connections().to_pandas()


def test_adjacency_is_the_sum_over_types(graph: Graph, pairs: pd.DataFrame) -> None:
    figure = graph.plot.adjacency()
    oracle = pairs.groupby(["cell_type_pre", "cell_type_post"])["weight"].sum()
    assert {(row["row"], row["column"]): row["value"] for row in figure.rows()} == oracle.to_dict()
    assert figure.svg().count('class="cell warm"') == len(oracle)
    few = graph.plot.adjacency(most=3)
    assert few.values.shape == (3, 3)
    totals = oracle.groupby("cell_type_pre").sum()
    assert set(few.names[0]) == set(totals.sort_values(ascending=False).index[:3])
    assert f"of {len(totals)}" in few.notes[0]


def test_adjacency_by_neuron_and_as_fractions(graph: Graph, pairs: pd.DataFrame) -> None:
    chosen = pairs["pre_root_id"].unique()[:5].tolist()
    figure = graph.plot.adjacency("neuron", pre=chosen, values="fraction_in", most=1000)
    assert len(figure.names[0]) == 5
    assert float(figure.values.max()) <= 1
    expected = pairs[pairs["pre_root_id"].isin(chosen) & (pairs["pre_root_id"] != pairs["post_root_id"])]
    assert len(figure.rows()) == len(expected)
    with pytest.raises(UnknownNameError, match="fraction_in"):
        graph.plot.adjacency(values="fraction")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="no chemical connection"):
        graph.plot.adjacency(min_weight=1e9)
    with pytest.raises(SchemaError, match="wanted 1 or more"):
        graph.plot.adjacency(most=0)


def test_a_circuit_has_its_neurons_and_connections(graph: Graph, pairs: pd.DataFrame) -> None:
    chosen = np.unique(pairs["pre_root_id"])[:20].tolist()
    figure = graph.plot.circuit(chosen)
    inside = pairs[pairs["pre_root_id"].isin(chosen) & pairs["post_root_id"].isin(chosen)]
    between = inside[inside["pre_root_id"] != inside["post_root_id"]]
    assert len(figure.nodes) == 20
    assert sorted(row["weight"] for row in figure.rows()) == sorted(between["weight"])
    ends = {(int(row["pre_root_id"]), int(row["post_root_id"])) for row in figure.rows()}
    assert ends == set(zip(between["pre_root_id"], between["post_root_id"], strict=True))
    types = {node.layer: node.type for node in figure.nodes}
    assert all(types[node.layer] == node.type for node in figure.nodes), "a layer a type"
    assert (len(inside) > len(between)) == bool(figure.notes)
    with pytest.raises(AnalysisError, match="120 neurons, and a drawing shows 1 to 80"):
        graph.plot.circuit(graph.neurons().to_arrow()["root_id"].to_pylist())
    with pytest.raises(UnknownNameError, match="cell_type"):
        graph.plot.circuit(chosen, by="cel_type")
    with pytest.raises(UnknownNameError, match="neuron 17 is not in this graph"):
        graph.plot.circuit([*chosen, 17])


def test_paths_are_those_of_the_verb(graph: Graph, pairs: pd.DataFrame) -> None:
    ids = np.unique(pairs["pre_root_id"])[:4].tolist()
    rows = graph.paths(ids[:2], ids[2:], k=2).to_pandas()
    figure = graph.plot.paths(ids[:2], ids[2:], k=2)
    assert {node.root_id for node in figure.nodes} == set(rows["root_id"])
    steps = rows.groupby("root_id")["step"].min()
    assert {node.root_id: node.layer for node in figure.nodes} == steps.to_dict()
    with pytest.raises(AnalysisError, match="no path"):
        graph.plot.paths(ids[0], ids[3], min_weight=1e9)


def test_partners_are_the_heaviest(graph: Graph, pairs: pd.DataFrame) -> None:
    who = int(pairs["pre_root_id"].iloc[0])
    figure = graph.plot.partners(who, by="neuron", most=4)
    out = pairs[(pairs["pre_root_id"] == who) & (pairs["post_root_id"] != who)]["weight"]
    shown = [one.weight for one in figure.partners if one.direction == "outputs"]
    assert shown == sorted(out, reverse=True)[:4]
    assert (f"4 of {len(out)} outputs." in figure.notes) == (len(out) > 4)


def test_census_embedding_traces(graph: Graph) -> None:
    with pytest.raises(AnalysisError, match="no significance of size 3"):
        graph.plot.census()
    found = graph.motifs.significance(3, null="configuration", samples=30, seed=1)
    figure = graph.plot.census()
    assert {row["motif"]: row["count"] for row in figure.rows()}.items() <= dict(
        zip(found.classes, found.observed.tolist(), strict=True)
    ).items()
    assert "none is coloured" in figure.notes[1]
    assert 'class="mark more"' not in figure.svg()
    points = graph.plot.embedding("m")
    assert [row["root_id"] for row in points.rows()] == [str(one) for one in graph.embeddings.open("m").root_ids]
    traces = graph.plot.traces("one")
    assert traces.values.shape[0] == 20
    assert graph.plot.traces().svg() == traces.svg()
    with pytest.raises(UnknownNameError):
        graph.plot.traces("nobody")


def test_raster_holds_the_spikes_of_the_simulation(graph: Graph) -> None:
    with pytest.raises(AnalysisError, match="no simulation was recorded"):
        graph.plot.raster()
    ids = graph.neurons().to_arrow()["root_id"].to_pylist()
    silent = graph.circuits.simulate(
        ids[:5], duration_ms=60, trials=2, signs="synthetic", unknown_signs="excite", keep_spikes=False
    )
    with pytest.raises(AnalysisError, match="were not kept"):
        graph.plot.raster(silent.run_id)
    done = graph.circuits.simulate(ids[:5], duration_ms=100, trials=3, signs="synthetic", unknown_signs="excite")
    figure = graph.plot.raster(most=4, trials=2)
    assert figure.title.endswith(done.run_id)
    rates = done.to_pandas()
    assert figure.rates_hz == rates["rate_hz"].tolist()[:4]
    assert done.spikes is not None
    spikes = done.spikes.to_pandas()
    kept = spikes[(spikes["trial"] < 2) & spikes["root_id"].isin(rates["root_id"][:4])]
    assert len(figure.rows()) == len(kept)
    assert sorted(row["time_ms"] for row in figure.rows()) == pytest.approx(sorted(kept["time_ms"]))
    assert "Spikes of the first 2 trials." in figure.notes
    with pytest.raises(AnalysisError, match="no recorded simulation is run 'x'"):
        graph.plot.raster("x")


def test_draw_writes_the_same_figure(tmp_path: Path) -> None:
    made = make(tmp_path / "made", neurons=60, synapses=2000, frames=10)
    with Graph.create(tmp_path / "g", resolution=(4, 4, 40)) as graph:
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave")
        expected = graph.plot.adjacency(most=5).svg()
        some = ",".join(str(one) for one in graph.neurons().to_arrow()["root_id"].to_pylist()[:6])
    place, out = str(tmp_path / "g"), tmp_path / "f.svg"
    run = CliRunner().invoke
    done = run(app, ["draw", place, "adjacency", "--most", "5", "-o", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["figure"] == str(out)
    assert out.read_text(encoding="utf-8") == expected
    assert run(app, ["draw", place, "circuit", "--neurons", some, "-o", str(out)]).exit_code == 0
    assert sum(one.get("class") == "node" for one in ElementTree.fromstring(out.read_text()).iter()) == 6
    for words, told in (
        (["circuit"], "circuit wants --neurons"),
        (["census", "--most", "3"], "census takes no --most; it takes --size"),
        (["adjacencies"], "did you mean 'adjacency'"),
    ):
        failed = run(app, ["draw", place, *words, "-o", str(tmp_path / "no.svg")])
        assert told in str(failed.exception)
    assert not (tmp_path / "no.svg").exists()
