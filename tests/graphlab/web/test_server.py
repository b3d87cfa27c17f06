"""``graphlab serve``: where it listens, what it tells, how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from graphlab.web.server import Address, Opening, graphs_by_name, listening
from ingest.schema.errors import GraphlabError, SchemaError


def test_graphs_have_the_names_of_their_folders(tmp_path: Path) -> None:
    odd = tmp_path / "a=b"
    odd.mkdir()
    assert graphs_by_name(["x/worm", "old=y/worm", str(odd)]) == {
        "worm": Path("x/worm"), "old": Path("y/worm"), "a=b": odd,
    }  # fmt: skip
    for wrong, told_so in (
        (["x/worm", "y/worm"], "other="),
        (["a b?=x"], "cannot name"),
        ([], "no graph"),
        (["=x"], "name"),
    ):
        with pytest.raises(SchemaError, match=re.escape(told_so)):
            graphs_by_name(wrong)


def test_others_need_a_token() -> None:
    assert Address().settled().token is None
    public = Address("0.0.0.0").settled()
    assert public.token is not None
    assert len(public.token) >= 24
    assert Address("0.0.0.0").settled().token != public.token
    assert Address("0.0.0.0", token="chosen-by-me").settled().token == "chosen-by-me"
    assert Address(token="auto").settled().token not in (None, "auto")
    with pytest.raises(SchemaError, match="soon guessed"):
        Address(token="short").settled()
    for odd in ("with a space", "schlüssel-1"):
        with pytest.raises(SchemaError, match="ASCII"):
            Address(token=odd).settled()
    opening = Opening(("worm",), public.host, 80, public.token)
    assert opening.url.endswith(public.token)
    assert opening.url in opening.lines()[0]
    assert any("unencrypted" in line for line in opening.lines())
    assert not any("unencrypted" in line for line in Opening(("worm",), "::1", 80, None).lines())
    assert Opening(("worm",), "::1", 80, None).document()["api"] == "http://[::1]:80/api"


def test_a_port_that_is_taken_is_told() -> None:
    with (
        listening("127.0.0.1", 0) as one,
        pytest.raises(GraphlabError, match="--port"),
        listening("127.0.0.1", one.getsockname()[1]),
    ):
        pytest.fail("two servers of one port")
    with pytest.raises(GraphlabError, match="cannot listen"), listening("198.51.100.7", 0):
        pytest.fail("an address of another machine")


@pytest.mark.parametrize(("number", "json"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_serve_until_it_is_told_to_end(place: Path, number: signal.Signals, json: bool) -> None:
    command = [sys.executable, "-m", "graphlab.cli", "serve", str(place), "--port", "0", *(["--json"] if json else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/api.*\s", lines)):
            line = running.stdout.readline()
            assert line, lines
            lines += line
        port = int(found[1])
        assert httpx.get(f"http://127.0.0.1:{port}/api/graphs/made").json()["counts"]["neurons"] == 12
        with socket.create_connection(("127.0.0.1", port)):
            running.send_signal(number)
            _, errors = running.communicate(timeout=60)
        assert errors == ""
        assert running.returncode == 0
        if not json:
            assert lines.startswith(f"serving made at http://127.0.0.1:{port}/\n")
            assert "Ctrl-C ends it" in lines
