"""What the page asks beside the verbs: drawings, facts of a neuron, recorded significance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa

from graphlab.graph import Graph

HERE = "/api/graphs/made/page"


def test_text_and_drawing(client: httpx.Client) -> None:
    drawn = client.post(f"{HERE}/drawing", json={"text": "A -> B [weight >= 2]\nB !> A\nA.cell_type = 'A'"}).json()
    assert drawn["locked"] == []
    assert [node["name"] for node in drawn["drawing"]["nodes"]] == ["A", "B"]
    # The page hands back what it was given, with the places of neurons beside it.
    for node in drawn["drawing"]["nodes"]:
        node |= {"x": 1.5, "y": 2}
    written = client.post(f"{HERE}/drawing/text", json=drawn["drawing"]).json()
    assert written == {"text": 'A -> B [weight >= 2]\nB !> A\nA.cell_type = "A"\n', "loose": []}
    fault = client.post(f"{HERE}/drawing", json={"text": "A -> B\nB ->"})
    assert fault.status_code == 400
    assert fault.json()["error"]["line"] == 2
    stray = {"nodes": [], "edges": [{"source": "A", "target": "B"}]}
    refused = client.post(f"{HERE}/drawing/text", json=stray)
    assert refused.status_code == 400
    assert "is not drawn" in refused.json()["error"]["message"]


def test_predictions_and_tuning(client: httpx.Client, graph: Graph) -> None:
    root = graph.to_arrow("neurons")["root_id"][0].as_py()
    for what in ("predictions", "tuning"):
        found = client.post(f"{HERE}/{what}", json={"root_id": str(root)}).json()
        assert found["rows"] == 0
        assert "run_id" in [column["name"] for column in found["columns"]]
        assert client.post(f"{HERE}/{what}", json={"root_id": "1; DROP"}).status_code == 422


def test_recorded_significance(serve: Any, tmp_path: Path) -> None:
    edges = {"pre_root_id": pa.array([1, 2, 3, 1], pa.uint64()), "post_root_id": pa.array([2, 3, 1, 3], pa.uint64()),
             "weight": [1.0, 2.0, 3.0, 4.0]}  # fmt: skip
    with Graph.create(tmp_path / "small") as graph:
        graph.ingest(pa.table(edges), as_="connections")
        result = graph.motifs.significance(3, samples=5, seed=1, null="configuration")
        run = graph.runs("significance").to_pylist()[-1]["run_id"]
    with Graph.open(tmp_path / "small", read_only=True) as graph, serve({"small": graph}) as client:
        place = "/api/graphs/small/page/significance"
        found = client.post(place, json={"size": 3}, params={"first": 1000}).json()
        assert found["rows"] == 16
        assert found["about"] == {"sentence": result.sentence, "run_id": run}
        at = [column["name"] for column in found["columns"]].index("count")
        assert [row[at] for row in found["page"]["rows"]] == result.observed.tolist()
        assert client.post(place, json={"size": 3, "min_weight": 2.0}).json()["rows"] == 0
        assert client.post(place, json={"size": 2}).json()["rows"] == 0
