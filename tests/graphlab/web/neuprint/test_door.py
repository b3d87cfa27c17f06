"""What the door says beside the client's own questions: names of several graphs, limits, errors as one text."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphlab.graph import Graph
from graphlab.web.neuprint.door import create_door, datasets
from graphlab.web.settings import Settings
from graphlab.web.work import Work

TOKEN = "a-token-that-is-long"
ENDLESS = (
    "MATCH (a:Neuron)-[]->(b:Neuron), (c:Neuron)-[]->(d:Neuron), (e:Neuron)-[]->(f:Neuron), (g:Neuron)-[]->(h:Neuron) "
    "WHERE a.bodyId + c.bodyId + e.bodyId + g.bodyId = 7 RETURN count(*)"
)


@pytest.fixture
def asked(graph: Graph) -> Any:
    """Asks the app itself, in its own event loop; the real socket is that of neuprint-python's test."""

    async def ask(settings: Settings, method: str, path: str, **words: Any) -> httpx.Response:
        work = Work({"made": graph, "other": graph}, settings)
        app = create_door(work, {"made": "made", "other": "other"}, hosts=frozenset({"door"}), token=TOKEN)
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=transport, base_url="https://door", headers=headers) as client:
            found = await client.request(method, path, **words)
        work.close()
        return found

    def run(method: str, path: str, settings: Settings | None = None, **words: Any) -> httpx.Response:
        # A browser of another test may have left its event loop running in this thread.
        with ThreadPoolExecutor(1) as apart:
            return apart.submit(asyncio.run, ask(settings or Settings(), method, path, **words)).result()

    return run


def test_names_of_data_sets(graph: Graph, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "plain") as plain:
        assert datasets({"a": graph, "b": plain}) == {"hemibrain:v1.2": "a", "b": "b"}
        assert datasets({"a": graph, "b": graph}) == {"a": "a", "b": "b"}


def test_data_sets_are_said_where_there_are_several(asked: Any) -> None:
    count = "MATCH (n:Neuron) RETURN count(n) AS n"
    for name in ("made", "other"):
        found = asked("POST", "/api/custom/custom", json={"cypher": count, "dataset": name})
        assert found.json()["data"] == [[12]]
    none = asked("POST", "/api/custom/custom", json={"cypher": count})
    assert none.status_code == 404
    assert asked("POST", "/api/custom/custom", json={"cypher": count, "dataset": "mad"}).json() == {
        "error": "unknown dataset 'mad'; did you mean 'made'?"
    }


def test_what_is_not_whole_is_an_error(asked: Any) -> None:
    """Its frames have no word for an answer that is cut."""
    words = {"cypher": "MATCH (n:Neuron) RETURN n.bodyId", "dataset": "made"}
    assert len(asked("POST", "/api/custom/custom", Settings(rows=12), json=words).json()["data"]) == 12
    cut = asked("POST", "/api/custom/custom", Settings(rows=11), json=words)
    assert cut.status_code == 400
    assert "more than the 11 rows" in cut.json()["error"]


def test_errors_are_texts(asked: Any) -> None:
    late = asked(
        "POST", "/api/custom/custom", Settings(time_limit=0.2),
        json={"cypher": ENDLESS, "dataset": "made"},
    )  # fmt: skip
    assert late.json()["error"].startswith("timeout: ")  # for which neuprint-python has an error of its own
    for path in ("/api/roimeshes/mesh/made/EB", "/api/cached/dailytype", "/api/raw/keyvalue/key/a/b"):
        assert "a graph has nothing for" in asked("GET", path).json()["error"]
    assert asked("POST", "/api/custom/custom", json={}).json()["error"] == "body.cypher: Field required"
    assert asked("GET", "/api/skeletons/skeleton/made/12?format=obj").status_code == 400
    assert (
        asked("POST", "/api/custom/custom", json={"cypher": "SELECT * FROM neurons", "dataset": "made"}).status_code
        == 400
    )
