"""Stand-ins of CAVE's chunked graph and of a DVID node: they speak the documented HTTP, on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

TOKEN = "0123456789abcdef"
VISIBLE = (0, 3, 4)
"""Statuses of operations that may have left roots: done, being written, written in part."""


class StandIn:
    """Answers requests; ``fails`` may name a status for a path."""

    token: str | None = None

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: Callable[[str], int | None] = lambda path: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.standin = self  # type: ignore[attr-defined]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path: str, words: dict[str, str], body: Any) -> Any:
        """JSON, or None for what is not there."""
        raise NotImplementedError

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _reply(self, body: Any) -> None:
        state: StandIn = self.server.standin  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        state.asked.append(self.path)
        status = state.fails(self.path)
        if status is None and state.token and self.headers.get("Authorization") != f"Bearer {state.token}":
            status = 401
        found = None
        if status is None:
            found = state.answer(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}, body)
            status = 404 if found is None else 200
        content = json.dumps(found if status == 200 else {"message": f"no: {self.headers.get('Authorization')}"})
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *about: Any) -> None:
        pass


class ChunkedGraph(StandIn):
    """A table of PyChunkedGraph: roots, which operation made each, and supervoxels.

    ``edit`` writes an operation. What is asked about is answered as of the window, not as of now.
    """

    token = TOKEN
    table = "fly_v31"

    def __init__(self) -> None:
        super().__init__()
        self.operations: dict[int, dict[str, Any]] = {}
        self.voxels: dict[int, list[int]] = {}
        self.born: dict[int, float] = {}

    @property
    def address(self) -> str:
        return f"graphene://{self.place}/segmentation/table/{self.table}"

    def edit(
        self, number: int, olds: list[int], news: dict[int, list[int]], at: float | None = None, status: int = 0
    ) -> None:
        """An operation: roots that went, and those that came with their supervoxels."""
        at = time.time() if at is None else at
        self.operations[number] = {"olds": olds, "news": list(news), "at": at, "status": status}
        for root in olds:
            self.born.setdefault(root, 0.0)
        self.voxels |= news
        self.born |= dict.fromkeys(news, at)

    def answer(self, path: str, words: dict[str, str], body: Any) -> Any:
        name = path.removeprefix(f"/segmentation/api/v1/table/{self.table}/")
        past = float(words.get("timestamp_past", 0))
        future = float(words.get("timestamp_future", time.time()))
        if name == "delta_roots":
            return self._delta(past, future)
        if name == "lineage_graph_multiple":
            return self._lineage([int(root) for root in body["root_ids"]], past, future)
        if name == "operation_details":
            return {str(k): self._details(k) for k in json.loads(words["operation_ids"]) if k in self.operations}
        if name == "node/leaves_many":
            return {str(root): self.voxels[root] for root in body["node_ids"]}
        return None

    def _done(self, until: float) -> dict[int, dict[str, Any]]:
        return {k: one for k, one in self.operations.items() if one["status"] in VISIBLE and one["at"] < until}

    def _delta(self, past: float, future: float) -> dict[str, list[int]]:
        """Roots of before that expired in the window, and roots of the window that did not."""
        done = self._done(future)
        inside = [one for one in done.values() if one["at"] >= past]
        gone = {root for one in done.values() for root in one["olds"]}
        return {
            "old_roots": sorted(root for one in inside for root in one["olds"] if self.born[root] < past),
            "new_roots": sorted(root for one in inside for root in one["news"] if root not in gone),
        }

    def _lineage(self, roots: list[int], past: float, future: float) -> dict[str, Any]:
        """Ancestors back to the window's begin, and the roots that they came of; each node names the operation that
        took it away, or made it where none did."""
        done = self._done(future)
        made = {root: k for k, one in done.items() for root in one["news"]}
        took = {root: k for k, one in done.items() for root in one["olds"]}
        links: list[dict[str, int]] = []
        seen: set[int] = set()
        left = list(roots)
        while left:
            root = left.pop()
            if root in seen:
                continue
            seen.add(root)
            if root in made and self.born[root] >= past:
                links += [{"source": old, "target": root} for old in done[made[root]]["olds"]]
                left += done[made[root]]["olds"]
        nodes = [
            {"id": root, "timestamp": self.born[root]}
            | ({"operation_id": k} if (k := took.get(root, made.get(root))) else {})
            for root in sorted(seen)
        ]
        return {"directed": True, "multigraph": False, "graph": {}, "nodes": nodes, "links": links}

    def _details(self, number: int) -> dict[str, Any]:
        one = self.operations[number]
        about: dict[str, Any] = {"user": "12", "timestamp": str(one["at"])}
        return about | {"operation_status": one["status"], "roots": one["news"]}


class DvidNode(StandIn):
    """The log of one version, and blobs that large records refer to."""

    uuid, data = "28841c8277e044a7b187dda03e18da13", "segmentation"

    def __init__(self) -> None:
        super().__init__()
        self.log: list[dict[str, Any]] = []
        self.blobs: dict[str, dict[str, Any]] = {}

    @property
    def address(self) -> str:
        return f"dvid://{self.place}/{self.uuid[:6]}/{self.data}"

    def mutate(self, number: int, action: str, **about: Any) -> None:
        always = {"Action": action, "UUID": self.uuid, "MutationID": number, "User": "someone"}
        self.log.append(always | about | {"Timestamp": "2026-05-01 12:00:00.123456789 -0400 EDT m=+12.3"})

    def answer(self, path: str, words: dict[str, str], body: Any) -> Any:
        name = path.removeprefix(f"/api/node/{self.uuid[:6]}/{self.data}/")
        if name == "mutations":
            return self.log
        return self.blobs.get(name.removeprefix("blobstore/"))


@pytest.fixture
def chunked_graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChunkedGraph]:
    monkeypatch.setenv("CAVE_TOKEN", TOKEN)
    found = ChunkedGraph()
    yield found
    found.close()


@pytest.fixture
def dvid_node() -> Iterator[DvidNode]:
    found = DvidNode()
    yield found
    found.close()
