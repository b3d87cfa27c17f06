"""What the page asks beside the verbs: drawings, points of the map, facts of a neuron, recorded significance."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from graphlab.charts.plots.points import PointsPlot
from graphlab.graph import Graph
from graphlab.web.routes.views import packed
from ingest.schema.errors import AnalysisError

HERE = "/api/graphs/made/page"


def unpacked(sent: bytes) -> tuple[dict[str, Any], dict[int, tuple[float, float, str]]]:
    """Head, and root_id -> x, y, group, as the page reads them."""
    (length,) = struct.unpack_from("<I", sent)
    head = json.loads(sent[4 : 4 + length])
    n, at = head["neurons"], -(-(4 + length) // 8) * 8
    ids = np.frombuffer(sent, "<u8", n, at)
    x, y = (np.frombuffer(sent, "<f4", n, at + 8 * n + 4 * n * k) for k in (0, 1))
    group = np.frombuffer(sent, "<u2", n, at + 16 * n)
    assert len(sent) == at + 18 * n
    named = [head["groups"][k] for k in group]
    return head, dict(zip(ids.tolist(), zip(x.tolist(), y.tolist(), named, strict=True), strict=True))


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


def test_points_of_the_map(client: httpx.Client, graph: Graph) -> None:
    answer = client.get(f"{HERE}/map", params={"model": "toy", "by": "cell_type"})
    head, points = unpacked(answer.content)
    plot = graph.plot.embedding("toy")
    assert set(points) == set(plot.root_ids)
    types = dict(zip(*(graph.to_arrow("neurons")[name].to_pylist() for name in ("root_id", "cell_type")), strict=True))
    assert {root: group for root, (_, _, group) in points.items()} == {root: types[root] or "" for root in points}
    assert sum(head["counts"]) == head["neurons"] == 12
    at = np.array([points[root][:2] for root in plot.root_ids])
    assert np.abs(at).max() == pytest.approx(1)
    wanted = plot.points - (plot.points.min(axis=0) + plot.points.max(axis=0)) / 2
    assert np.allclose(at, wanted / np.ptp(plot.points, axis=0).max() * 2, atol=1e-6)
    missing = client.get(f"{HERE}/map", params={"model": "other", "by": "cell_type"})
    assert missing.status_code in (400, 404)
    assert "toy" in missing.json()["error"]["message"]


def plot_of(points: Any, groups: list[str], ids: list[int]) -> PointsPlot:
    return PointsPlot(title="t", notes=(), root_ids=ids, points=np.array(points, float), groups=groups, axes=("a", "b"))


def test_points_on_one_spot_and_ids_of_64_bits() -> None:
    head, points = unpacked(packed(plot_of([[3, 3], [3, 3]], ["a", "untyped"], [2**64 - 1, 2**53 + 1])))
    assert points == {2**64 - 1: (0, 0, "a"), 2**53 + 1: (0, 0, "")}
    assert head["groups"] == ["", "a"]


def test_more_groups_than_colours_are_refused() -> None:
    many = 70_000
    with pytest.raises(AnalysisError, match="too many for colours"):
        packed(plot_of(np.zeros((many, 2)), [str(k) for k in range(many)], list(range(many))))


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
