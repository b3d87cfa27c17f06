"""Work under way: followed, stopped, timed, counted; a client that hangs up frees what it asked for."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request

from graphlab.graph import Graph
from graphlab.web.errors import StoppedError
from graphlab.web.settings import Settings
from graphlab.web.work import Work
from ingest.running import stopping

HERE = "/api/graphs/made"
ENDLESS = (
    "SELECT count(*) AS n FROM connections a, connections b, connections c, connections d, connections e, "
    "connections f WHERE hash(a.weight, b.weight, c.weight, d.weight, e.weight, f.weight) = 1"
)
JOB = "a-name-that-is-random"


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Waits; a machine that is busy only waits longer."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def idle(client: httpx.Client) -> bool:
    return not client.app.state.work._under_way  # type: ignore[attr-defined]


def test_a_job_is_stopped(client: httpx.Client) -> None:
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(client.post(f"{HERE}/query", params={"job": JOB}, json={"text": ENDLESS}))
    )
    asking.start()
    until(lambda: client.get(f"/api/jobs/{JOB}").status_code == 200)
    assert client.get(f"/api/jobs/{JOB}").json()["what"] == "query"
    again = client.post(f"{HERE}/query", params={"job": JOB}, json={"text": "SELECT 1"})
    assert "under way" in again.json()["error"]["message"]
    assert client.delete(f"/api/jobs/{JOB}").json() == {"stopped": True}
    asking.join(30)
    assert answers[0].status_code == 409, answers[0].text
    assert answers[0].json()["error"]["kind"] == "StoppedError"
    assert client.get(f"/api/jobs/{JOB}").json()["state"] == "stopped"
    assert client.delete(f"/api/jobs/{JOB}").status_code == 404
    until(lambda: idle(client))
    assert client.post(f"{HERE}/query", params={"job": "short"}, json={"text": "SELECT 1"}).status_code == 422


@pytest.mark.parametrize("path", ["query", "motifs/pattern_count"])
def test_a_client_that_hangs_up_frees_its_question(client: httpx.Client, path: str) -> None:
    """Also where the verb knows of no limits."""
    body = json.dumps({"text": ENDLESS} if path == "query" else {"pattern": ENDLESS})
    with socket.create_connection((client.base_url.host, client.base_url.port)) as gone:
        gone.sendall(
            f"POST {HERE}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{client.base_url.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        until(lambda: not idle(client))
    until(lambda: idle(client))


def test_time_is_limited(graph: Graph, serve: Any) -> None:
    with serve({"made": graph}, Settings(time_limit=0.3)) as client:
        for path, words in (("query", {"text": ENDLESS}), ("motifs/pattern_count", {"pattern": ENDLESS})):
            answer = client.post(f"{HERE}/{path}", json=words)
            assert answer.status_code == 422, answer.text
            assert "time limit of 0.3 s" in answer.json()["error"]["message"]
        assert client.post(f"{HERE}/query", json={"text": "SELECT 1 AS a"}).status_code == 200
        until(lambda: idle(client))


@pytest.fixture
def slow() -> tuple[APIRouter, threading.Event, list[str]]:
    """Another router: work that waits in steps, as a long loop of ours would look at its scope."""
    router, go, log = APIRouter(), threading.Event(), list[str]()

    @router.post("/api/slow")
    async def slowly(request: Request) -> dict[str, int]:
        def verb(graph: Graph, scope: stopping.Scope) -> dict[str, int]:
            log.append("began")
            for step in range(1, 4):
                scope.progress(step, 3)
            while not go.wait(0.01):
                stopping.check()
            return {"neurons": len(graph.neurons())}

        found: dict[str, int] = await request.app.state.work.run(request, "made", verb)
        return found

    return router, go, log


def test_another_router_and_its_progress(
    graph: Graph, serve: Any, slow: tuple[APIRouter, threading.Event, list[str]]
) -> None:
    router, go, _ = slow
    with serve({"made": graph}, routers=[router]) as client:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(client.post("/api/slow", params={"job": JOB})))
        asking.start()
        events: list[tuple[str, dict[str, Any]]] = []
        with client.stream("GET", f"/api/jobs/{JOB}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    events.append((name, json.loads(line.removeprefix("data: "))))
                    if events[-1][1].get("done") == 3:
                        go.set()
        asking.join()
        assert answers[0].json() == {"neurons": 12}
        assert ("progress", 3, 3) in [(name, data.get("done"), data.get("total")) for name, data in events]
        assert events[-1] == ("end", {"state": "done"})


def test_more_than_may_wait_are_told(
    graph: Graph, serve: Any, slow: tuple[APIRouter, threading.Event, list[str]]
) -> None:
    router, go, log = slow
    with serve({"made": graph}, Settings(at_once=1, waiting=1), routers=[router]) as client:
        answers: list[httpx.Response] = []
        two = [threading.Thread(target=lambda: answers.append(client.post("/api/slow"))) for _ in range(2)]
        for one in two:
            one.start()
        work = client.app.state.work
        until(lambda: len(work._under_way) == 2)
        assert log == ["began"]
        assert client.post("/api/slow").status_code == 429
        go.set()
        for one in two:
            one.join()
        assert [answer.status_code for answer in answers] == [200, 200]
        assert log == ["began", "began"]


def test_an_end_that_is_not_heard_is_said_again(graph: Graph) -> None:
    """An interrupt between two statements is lost, and while a server ends its loop says nothing."""
    heard, begun = threading.Semaphore(0), threading.Event()

    class Working:
        def interrupt(self) -> None:
            heard.release()

    def verb(graph: Graph, scope: stopping.Scope) -> list[bool]:
        working = Working()
        scope.enter(working)
        begun.set()
        return [heard.acquire(timeout=30) for _ in range(3)]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def end() -> list[bool]:
        work = Work({"made": graph}, Settings())
        asked = Request({"type": "http", "path": "/", "query_string": b"", "headers": []}, receive)
        answer = asyncio.ensure_future(work.run(asked, "made", verb))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        work.close()
        with pytest.raises(StoppedError):
            await work.run(asked, "made", verb)
        return await answer

    assert asyncio.run(end()) == [True] * 3


def test_the_server_ends_with_work_under_way(
    graph: Graph, serve: Any, slow: tuple[APIRouter, threading.Event, list[str]]
) -> None:
    router, _, log = slow
    with serve({"made": graph}, routers=[router]) as client:
        asking = threading.Thread(target=lambda: client.post("/api/slow"))
        asking.start()
        until(lambda: log == ["began"])
        client.app.state.work.close()
        asking.join(30)
        assert not asking.is_alive()
