from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphlab.live.sources.registered import OURS, SOURCES
from graphlab.testing import EventSourceContract


def test_ours_are_registered() -> None:
    assert SOURCES.names()[: len(OURS)] == [one.name for one in OURS]


class TestFolder(EventSourceContract):
    name = "folder"

    def address(self, folder: Path) -> str:
        return str(folder)

    def send(self, folder: Path, events: list[dict[str, Any]]) -> None:
        place = folder / f"{events[0]['sequence']:04d}.jsonl"
        place.write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real server on loopback."""
    redis = pytest.importorskip("redis")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = tmp_path_factory.mktemp("redis")
    words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(place), "--appendonly", "yes"]
    process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client, until = redis.Redis(port=port), time.monotonic() + 30
    while time.monotonic() < until:
        try:
            client.ping()
            break
        except redis.RedisError:
            time.sleep(0.02)
    client.close()
    yield port
    process.kill()
    process.wait()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs Debian's redis-server")
class TestRedis(EventSourceContract):
    name = "redis"

    @pytest.fixture(autouse=True)
    def served(self, redis_port: int) -> None:
        self.port = redis_port

    def address(self, folder: Path) -> str:
        return f"redis://127.0.0.1:{self.port}/0?stream={folder.name}"

    def send(self, folder: Path, events: list[dict[str, Any]]) -> None:
        import redis

        client = redis.Redis(port=self.port)
        for event in events:
            client.xadd(folder.name, {"event": json.dumps(event)})
        client.close()
