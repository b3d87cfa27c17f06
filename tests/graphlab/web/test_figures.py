"""Figures and rows of runs at the API: those that ``graph.plot`` and reports draw, whatever the run is of."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphlab.graph import Graph
from graphlab.testing.toy import random_graph

HERE = "/api/graphs/made"


@pytest.fixture(scope="module")
def computed(
    serve: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Graph, httpx.Client, dict[str, str]]]:
    """A graph with results of every kind that has a figure, verb -> run."""
    place: Path = tmp_path_factory.mktemp("figures") / "made"
    random_graph(place, seed=0).close()
    with Graph.open(place) as graph:
        seeds = {"cell_type": "A"}
        circuits = graph.circuits
        circuits.simulate(seeds, duration_ms=60, trials=2, signs="shiu", unknown_signs="excite")
        circuits.signal_flow()
        circuits.ranks(seeds)
        circuits.cascade(seeds, runs=20)
        circuits.influence(seeds)
        circuits.statistics(["rich-club"])
        graph.motifs.significance(3, samples=5, seed=1)
        graph.motifs.census(3)
        runs = {row["verb"]: row["run_id"] for row in graph.runs().to_pylist()}
    with Graph.open(place, read_only=True) as graph, serve({"made": graph}) as client:
        yield graph, client, runs


FIGURES = {
    "simulate": "simulation_raster", "signal_flow": "signal_flow", "ranks": "ranks", "cascade": "cascade",
    "influence": "influence_1", "statistics": "rich_club", "significance": "motifs_against_null",
}  # fmt: skip


@pytest.mark.parametrize("verb", FIGURES)
def test_every_result_has_its_figure(computed: Any, verb: str) -> None:
    graph, client, runs = computed
    at = f"{HERE}/runs/{runs[verb]}/figures"
    (told,) = client.get(at).json()["figures"]
    assert told["name"] == FIGURES[verb]
    answer = client.get(f"{at}/{told['name']}.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    drawn = ET.fromstring(answer.content)
    words = "".join(drawn.itertext())
    if verb == "simulate":
        assert graph.plot.raster(runs[verb]).drawing().split(">", 1)[1].rpartition("</svg>")[0] in answer.text
    elif verb == "significance":
        assert graph.plot.census().drawing().split(">", 1)[1].rpartition("</svg>")[0] in answer.text
    elif verb != "statistics":
        types = {str(value) for value in graph.to_arrow("neurons")["cell_type"].to_pylist() if value}
        assert any(one in words for one in types)
    missing = client.get(f"{at}/{told['name']}x.svg")
    assert missing.status_code == 404
    assert told["name"] in missing.json()["error"]["message"]


def test_rows_of_each_table_of_a_run(computed: Any) -> None:
    graph, client, runs = computed
    run = runs["simulate"]
    assert client.get(f"{HERE}/runs/{run}").json()["tables"] == ["simulation_rates", "simulation_spikes"]
    for table, sql in (("simulation_rates", "rate_hz"), ("simulation_spikes", "time_ms")):
        found = client.get(f"{HERE}/runs/{run}/result", params={"table": table, "first": 1000}).json()
        at = [column["name"] for column in found["columns"]].index(sql)
        wanted = graph.query(f"SELECT {sql} FROM {table} WHERE run_id = '{run}' ORDER BY 1").to_arrow()[0].to_pylist()
        assert sorted(row[at] for row in found["page"]["rows"]) == wanted
    assert client.get(f"{HERE}/runs/{run}/result", params={"table": "neurons"}).status_code == 400
    assert client.get(f"{HERE}/runs/{runs['census']}/figures").json() == {"figures": []}
    for path in ("", "/figures", "/figures/x.svg", "/result"):
        assert client.get(f"{HERE}/runs/nobody{path}").status_code == 404
