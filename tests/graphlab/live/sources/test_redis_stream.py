"""A real server on loopback with an append-only file: restarted, cut off, trimmed, emptied."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.live.events import LiveError, from_records
from graphlab.live.feed import Feed, Settings
from graphlab.live.sources.redis_stream import RedisStreams
from graphlab.live.sources.source import SourceUnreachable
from ingest.schema.errors import SchemaError

redis = pytest.importorskip("redis")
pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs Debian's redis-server")


class Server:
    """A Redis server of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        words = ["--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--appendonly", "yes",
                 "--appendfsync", "always", "--save", ""]  # fmt: skip
        self.process = subprocess.Popen(
            ["redis-server", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.client = redis.Redis(port=self.port)
        until = time.monotonic() + 30
        while True:
            try:
                self.client.ping()
                return
            except redis.RedisError:
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.02)

    def stop(self, kill: bool = False) -> None:
        self.client.close()
        self.process.kill() if kill else self.process.terminate()
        self.process.wait()

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0?stream=edits"

    def add(self, *events: dict[str, Any]) -> None:
        for event in events:
            self.client.xadd("edits", {"event": json.dumps(event)})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "redis").mkdir()
    found = Server(tmp_path / "redis")
    yield found
    found.stop(kill=True)


def event(sequence: int) -> dict[str, Any]:
    return {"version": 1, "producer": "p", "sequence": sequence, "event_id": f"e{sequence}", "action": "synapse_added",
            "synapse_id": sequence, "pre_root_id": sequence % 7 + 1, "post_root_id": sequence % 5 + 1}  # fmt: skip


def drained(feed: Feed) -> int:
    while feed.step(0.0):
        pass
    return feed.status.position


def test_a_graph_follows_a_stream_over_restarts_of_both(server: Server, tmp_path: Path) -> None:
    """Entries of one event and of many; the server is killed in between, duplicates are sent again."""
    graph = tmp_path / "g"
    Graph.create(graph).close()
    with Graph.open(graph) as opened, Feed(opened.folder, server.address, Settings(alert_s=0.0)) as feed:
        assert drained(feed) == 0
        server.add(*map(event, range(1, 21)))
        table, _ = from_records([event(k) for k in range(15, 31)])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        server.client.xadd("edits", {"arrow": sink.getvalue().to_pybytes()})
        server.client.xadd("edits", {"pickle": b"\x80\x04."})
        assert drained(feed) == 31
        assert (feed.status.duplicates, feed.status.dead_letters) == (6, 1)
        server.stop(kill=True)
        assert not feed.step(0.0)
        assert "asking again" in feed.status.alerts["unreachable"].text
        assert feed.status.behind is None
        assert feed.status.unreachable_s > 0
        server.start()
        server.add(*map(event, range(31, 36)))
        assert drained(feed) == 36
        assert "unreachable" not in feed.status.alerts
        assert (feed.status.behind, feed.status.unreachable_s) == (0, 0.0)
    server.add(*map(event, range(36, 41)))
    with Graph.open(graph) as opened:
        with Feed(opened.folder, server.address, options={"trim": "yes"}) as feed:
            assert drained(feed) == 41
            assert feed.status.duplicates == 0
        assert opened.info().counts["synapses"] == 40


def test_what_a_stream_lost_is_an_error_and_never_a_skip(server: Server) -> None:
    source = RedisStreams()
    server.add(*map(event, range(1, 11)))
    stream = source.open(server.address, None, {})
    arrival = stream.read(4, 0.0)
    assert arrival is not None
    assert arrival.events.num_rows == 4
    position = arrival.position
    assert stream.behind() == 6
    ids = [entry for entry, _ in server.client.xrange("edits")]

    server.client.xtrim("edits", minid=ids[4], approximate=False)
    again = source.open(server.address, position, {}).read(100, 0.0)
    assert again is not None
    assert again.events.num_rows == 6, "what was read may go"
    server.client.xtrim("edits", minid=ids[6], approximate=False)
    with pytest.raises(LiveError, match=r"was trimmed: 2 entries after .* are gone"):
        source.open(server.address, position, {}).read(1, 0.0)
    with pytest.raises(LiveError, match="trimmed"):
        source.open(server.address, None, {}).read(1, 0.0)
    latest = again.position
    server.add(event(11), event(12))
    server.client.xdel("edits", server.client.xrevrange("edits", count=2)[1][0])
    with pytest.raises(LiveError, match="lost the entry"):
        source.open(server.address, latest, {}).read(1, 0.0)
    server.client.delete("edits")
    with pytest.raises(LiveError, match="is gone from its server, and 10 entries"):
        source.open(server.address, latest, {}).read(1, 0.0)
    server.client.xadd("edits", {"event": "{}"}, id="1-1")
    with pytest.raises(LiveError, match="went back"):
        source.open(server.address, latest, {}).read(1, 0.0)
    server.client.set("text", "x")
    with pytest.raises(LiveError, match="refuses the stream"):
        source.open(server.address.replace("edits", "text"), None, {}).read(1, 0.0)
    server.stop()
    with pytest.raises(SourceUnreachable):
        source.open(server.address, None, {}).read(1, 0.0)
    server.start()


def test_addresses_and_options() -> None:
    source = RedisStreams()
    for address, told in (
        ("redis://localhost", "wanted one stream"),
        ("redis://me:secret@localhost?stream=a", "REDIS_PASSWORD"),
        ("redis://localhost?stream=a&password=secret", "REDIS_PASSWORD"),
        ("redis://localhost:port?stream=a", "Port could not"),
        ("redis://localhost?stream=a&ssl_cert_reqs=none", "no word of an address"),
    ):
        with pytest.raises(SchemaError, match=told) as refused:
            source.open(address, None, {})
        assert "secret" not in str(refused.value)
    with pytest.raises(SchemaError, match="trim is"):
        source.open("redis://localhost?stream=a", None, {"trim": "maybe"})
    with pytest.raises(SchemaError, match="unknown option"):
        source.open("redis://localhost?stream=a", None, {"trimm": "yes"})
