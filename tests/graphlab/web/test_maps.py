"""Maps of embeddings at the API: one endpoint, two forms, both of them the points of ``graph.plot.embedding``."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from graphlab.charts.plots.points import PointsPlot
from graphlab.embeddings.map import Projection
from graphlab.graph import Graph
from graphlab.store.runs.results import start_run
from graphlab.web.points import POINTS, as_arrow, packed
from graphlab.web.routes.maps import MOST_KEPT, Maps
from ingest.schema.errors import AnalysisError

HERE = "/api/graphs/made/embeddings"


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


def test_points_of_the_map(client: httpx.Client, graph: Graph) -> None:
    answer = client.get(f"{HERE}/toy/map", headers={"Accept": POINTS})
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
    missing = client.get(f"{HERE}/other/map")
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


def test_both_forms_are_one_map(client: httpx.Client, graph: Graph) -> None:
    table = pa.ipc.open_stream(client.get(f"{HERE}/toy/map").content).read_all()
    plot = graph.plot.embedding("toy")
    assert table["root_id"].to_pylist() == plot.root_ids
    assert table["group"].to_pylist() == plot.groups
    assert table["x"].to_pylist() == pytest.approx(plot.points[:, 0].tolist(), rel=1e-6)
    assert json.loads(table.schema.metadata[b"graphlab"])["axes"] == list(plot.axes)
    # From what is kept, too, and for another column.
    assert client.get(f"{HERE}/toy/map").content == as_arrow(plot)
    assert client.get(f"{HERE}/toy/map", headers={"Accept": POINTS}).content == packed(plot)
    sides = pa.ipc.open_stream(client.get(f"{HERE}/toy/map", params={"by": "side"}).content).read_all()
    assert sides["group"].to_pylist() == graph.plot.embedding("toy", by="side").groups
    unknown = client.get(f"{HERE}/toy/map", params={"by": "sid"})
    assert unknown.status_code == 400
    assert "side" in unknown.json()["error"]["message"]


@pytest.fixture
def mapped(place: Path, tmp_path: Path) -> Iterator[tuple[Graph, np.ndarray]]:
    """A graph that a UMAP was recorded of: its places are given, so that none has to be computed."""
    ids = np.arange(5, dtype=np.uint64) + 1
    nodes = {"root_id": ids, "node_id": np.zeros(5, np.uint64), **{f"{a}_nm": np.zeros(5, np.float32) for a in "xyz"}}
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.random.default_rng(0).random(15, np.float32)), 3)
    places = np.random.default_rng(1).normal(size=(5, 2))
    with Graph.create(tmp_path / "mapped") as graph:
        graph.ingest(pa.table({"root_id": ids, "cell_type": list("aabbc")}), as_="neurons")
        graph.ingest(pa.table({**nodes, "vector": vectors}), as_="embeddings", model="m", segmentation_version="1")
        said = {"model": "m", "method": "umap", "neighbors": 3, "min_distance": 0.2, "seed": 7}
        run = start_run(graph.folder, "embedding_map", said, seed=7)
        table = pa.table({"root_id": ids, "x": places[:, 0].copy(), "y": places[:, 1].copy()})
        run.finish(table, whole=table)
    with Graph.open(tmp_path / "mapped", read_only=True) as graph:
        yield graph, places


def test_a_umap_that_was_recorded(mapped: tuple[Graph, np.ndarray], serve: Any) -> None:
    graph, places = mapped
    run = graph.runs("embedding_map").to_pylist()[0]["run_id"]
    plot = graph.plot.embedding("m", method="umap")
    assert (plot.points == places).all()
    assert plot.groups == list("aabbc")
    assert "3 neighbors, least distance 0.2, seed 7" in plot.notes[1]
    few = graph.plot.embedding("m", method="umap", most=3)
    assert len(few.root_ids) == 3
    assert "3 of 5 neurons, sampled." in few.notes
    with serve({"m": graph}) as client:
        at = "/api/graphs/m/embeddings"
        assert client.get(f"{at}/maps").json() == {
            "maps": [{"model": "m", "method": "pca", "run_id": None}, {"model": "m", "method": "umap", "run_id": run}]
        }
        sent = client.get(f"{at}/m/map", params={"method": "umap"}).content
        assert pa.ipc.open_stream(sent).read_all()["y"].to_pylist() == places[:, 1].astype(np.float32).tolist()
        wrong = client.get(f"{at}/m/map", params={"method": "tsne"})
        assert wrong.status_code == 400
        assert "umap" in wrong.json()["error"]["message"]


def test_no_umap_says_how_to_make_one(client: httpx.Client) -> None:
    assert client.get(f"{HERE}/maps").json() == {"maps": [{"model": "toy", "method": "pca", "run_id": None}]}
    none = client.get(f"{HERE}/toy/map", params={"method": "umap"})
    assert none.status_code == 400
    assert "graphlab map-embeddings" in none.json()["error"]["message"]


def test_what_is_kept_is_made_once_and_goes_when_more_comes() -> None:
    maps, made = Maps(), []

    def make(key: int) -> Any:
        made.append(key)
        return Projection(str(key), "pca", np.zeros(0, np.uint64), np.zeros((0, 2)), ("a", "b"))

    for key in (0, 1, 0, 1):
        assert maps.projection(key, lambda key=key: make(key)).model == str(key)
    assert made == [0, 1]
    for key in range(MOST_KEPT + 1):
        maps.projection(key, lambda key=key: make(key))
    maps.projection(0, lambda: make(0))
    assert made.count(0) == 2
