"""Sets at the API: read everywhere, written only where the graph was opened for that, and nothing else with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import StoreError

HERE = "/api/graphs/made"
BASE = 720575940603560295


@pytest.fixture(scope="module")
def writing(place: Path, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Graph, httpx.Client]]:
    """A server that may write sets."""
    copy = shutil.copytree(place, tmp_path_factory.mktemp("sets") / "made")
    with Graph.open(copy, read_only=True, sets=True) as graph, serve({"made": graph}) as client:
        yield graph, client


def test_a_set_is_saved_replaced_asked_and_removed(writing: tuple[Graph, httpx.Client]) -> None:
    graph, client = writing
    assert client.get("/api/server").json()["writes_sets"] == ["made"]
    saved = client.put(f"{HERE}/sets/one", json={"who": {"cell_type": "A"}}).json()
    assert saved["root_ids"] == [str(root) for root in graph.sets["one"].root_ids.tolist()] != []
    assert client.get(f"{HERE}/sets/one").json() == saved
    text = "SELECT root_id FROM neurons WHERE root_id IN $one"
    assert client.post(f"{HERE}/query", json={"text": text}).json()["rows"] == len(saved["root_ids"])
    again = client.put(f"{HERE}/sets/one", json={"who": [str(BASE)]})
    assert (again.status_code, graph.sets["one"].root_ids.tolist()[:1]) == (400, [BASE])
    assert client.put(f"{HERE}/sets/one", json={"who": [str(BASE)], "replace": True}).json()["root_ids"] == [str(BASE)]
    for name, who in (("A", str(BASE)), ("1x", str(BASE)), ("x", {"cell_type": "none"}), ("y", "17")):
        assert client.put(f"{HERE}/sets/{name}", json={"who": who}).status_code == 400, name
    assert sorted(graph.sets) == ["mine", "one"]
    assert client.delete(f"{HERE}/sets/one").json() == {"removed": True}
    gone = client.delete(f"{HERE}/sets/one")
    assert gone.status_code == 404
    assert "mine" in gone.json()["error"]["message"]


@pytest.mark.parametrize(
    "text",
    ["CREATE TABLE x AS SELECT 1", "DELETE FROM meta", "UPDATE neurons SET name = 'x'",
     "INSERT INTO meta VALUES (1, 2)",
     "SELECT 1; DROP TABLE neurons", "WITH a AS (DELETE FROM meta RETURNING *) SELECT * FROM a",
     "CHECKPOINT",
     "PRAGMA database_size", "COPY neurons TO 'x.csv'", "ATTACH 'x.db'", "COMMIT"],
)  # fmt: skip
def test_nothing_but_sets_is_written(writing: tuple[Graph, httpx.Client], text: str) -> None:
    graph, client = writing
    assert client.post(f"{HERE}/query", json={"text": text, "language": "sql"}).status_code == 400
    assert len(graph.to_arrow("neurons")) == 12


def test_results_are_not_recorded_and_data_do_not_come_in(writing: tuple[Graph, httpx.Client]) -> None:
    graph, client = writing
    before = graph.runs().num_rows
    assert client.post(f"{HERE}/motifs/significance", json={"size": 3, "samples": 2}).status_code == 200
    assert graph.runs().num_rows == before
    with pytest.raises(StoreError, match="reading only"):
        graph.set_recipe(0.5)
    with pytest.raises(StoreError, match="cannot be opened|in use"):
        Graph.open(graph.path, read_only=True)


def test_a_reading_server_says_how_sets_are_written(client: httpx.Client, graph: Graph) -> None:
    assert client.get("/api/server").json()["writes_sets"] == []
    for answer in (
        client.put(f"{HERE}/sets/one", json={"who": str(BASE)}),
        client.delete(f"{HERE}/sets/mine"),
    ):
        assert answer.status_code == 403
        assert "--write-sets" in answer.json()["error"]["message"]
    assert list(graph.sets) == ["mine"]


def test_another_site_writes_no_set(writing: tuple[Graph, httpx.Client]) -> None:
    graph, client = writing
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.put(f"{HERE}/sets/evil", json={"who": str(BASE)}, headers=headers).status_code == 403
        assert client.delete(f"{HERE}/sets/mine", headers=headers).status_code == 403
    assert "evil" not in list(graph.sets)


def test_a_question_brings_sets_of_its_own(client: httpx.Client) -> None:
    """As the page does with sets that the browser keeps."""
    sets = {"own": [str(BASE), str(BASE + 1)]}
    for text in (
        "SELECT root_id FROM neurons WHERE root_id IN $own",
        "MATCH (a:Neuron) WHERE a.bodyId IN $own RETURN a.bodyId",
    ):
        found = client.post(f"{HERE}/query", json={"text": text, "sets": sets}).json()
        assert sorted(row[0] for row in found["page"]["rows"]) == sets["own"]
    far = client.post(f"{HERE}/query", json={"text": text, "sets": {"own": [str(1 << 64)]}})
    assert far.status_code == 400
