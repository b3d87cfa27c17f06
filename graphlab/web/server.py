"""Listening: the page and its API by HTTP, the neuPrint door by TLS beside it, until Ctrl-C.

Tests: tests/graphlab/web/test_server.py.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import APIRouter, FastAPI

from graphlab.graph import Graph
from graphlab.web.app import create_app
from graphlab.web.neuprint.certificate import make_certificate
from graphlab.web.neuprint.door import create_door, datasets
from graphlab.web.safety import is_loopback, names_of
from graphlab.web.settings import Settings
from graphlab.web.work import LOOK_S, Work
from ingest.schema.errors import GraphlabError, SchemaError

GRACE_S = 3
"""What requests under way have when the server is told to end."""


@dataclass(frozen=True)
class Address:
    """Where to listen.

    Args:
        allow_hosts: further names that a Host header may say, as behind a proxy.
        token: that requests have to know; ``auto`` for a new one.

    Raises:
        SchemaError: a port that is none.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    allow_hosts: Sequence[str] = ()
    token: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port < 1 << 16:
            raise SchemaError(f"port is {self.port}; wanted 0 (any that is free) to 65535")

    def settled(self) -> Address:
        """The same with a token wherever others than this machine may ask."""
        wanted = self.token == "auto" or (self.token is None and not is_loopback(self.host))
        token = secrets.token_urlsafe(24) if wanted else self.token
        if token is not None and len(token) < 8:
            raise SchemaError("a token of fewer than 8 characters is soon guessed; take a longer one, or --token auto")
        if token is not None and (" " in token or not (token.isascii() and token.isprintable())):
            raise SchemaError("a token has letters, digits and signs of ASCII, and no spaces: headers carry no others")
        return Address(self.host, self.port, self.allow_hosts, token)


def graphs_by_name(paths: Sequence[str]) -> dict[str, Path]:
    """Graph folders under the names of their addresses: the folder's own, or ``NAME=FOLDER``.

    Raises:
        SchemaError: a name twice, or one that an address cannot have.
    """
    named: dict[str, Path] = {}
    for given in paths:
        name, equals, folder = given.partition("=")
        if not equals or "/" in name or Path(given).is_dir():
            name, folder = Path(given).absolute().name, given
        if not name or name != name.strip() or any(letter in name for letter in "/\\?#%") or name in (".", ".."):
            raise SchemaError(f"{name!r} cannot name a graph in an address; say NAME={folder}")
        if name in named:
            raise SchemaError(f"two graphs would be called {name!r}; say another name, as in other={folder}")
        named[name] = Path(folder)
    if not named:
        raise SchemaError("no graph to serve")
    return named


@contextmanager
def listening(host: str, port: int, option: str = "--port") -> Iterator[socket.socket]:
    """A socket bound before anything is told, so that its port is known and another server's is an error.

    Raises:
        GraphlabError: the address is taken, or none of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise GraphlabError(
            f"cannot listen on {host}:{port}: {error.strerror or error}. Choose another {option} (0 takes one that is "
            "free)"
        ) from None
    with bound:
        yield bound


class _Server(uvicorn.Server):
    """Signals are heard once for all servers of a process."""

    def capture_signals(self) -> Any:
        return nullcontext()


def server_of(app: FastAPI, **options: Any) -> uvicorn.Server:
    """A server of an app, quiet, without what others need not know."""
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, server_header=False, date_header=False, lifespan="on", ws="none",
        timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=30, h11_max_incomplete_event_size=64 << 10, **options,
    )  # fmt: skip
    return _Server(config)


def serve(
    graphs: Mapping[str, Graph],
    settings: Settings,
    address: Address,
    tell: Callable[[Opening], None],
    routers: Sequence[APIRouter] = (),
    neuprint: int | None = None,
    ended: threading.Event | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; ``tell`` is given what to open, once it listens.

    Args:
        neuprint: port of the neuPrint door, 0 for any that is free; None for no such door.
        ended: also until this is set, by another thread.
    """
    address = address.settled()
    with ExitStack() as stack:
        bound = stack.enter_context(listening(address.host, address.port))
        port = bound.getsockname()[1]
        hosts = names_of(address.host, port, address.allow_hosts)
        door = None
        if neuprint is not None:
            beside = stack.enter_context(listening(address.host, neuprint, "--neuprint-port"))
            token = address.token or secrets.token_urlsafe(24)
            door = Door(address.host, beside.getsockname()[1], token, datasets(graphs))
        told = None if door is None else {"server": door.address, "datasets": [*door.datasets]}
        app = create_app(graphs, settings, hosts=hosts, token=address.token, routers=routers, neuprint=told)
        servers = [(server_of(app), bound)]
        if door is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="graphlab-serve-")))
            servers.append((door_server(app.state.work, door, address.allow_hosts, folder), beside))
        tell(Opening(tuple(graphs), address.host, port, address.token, door))
        run(servers, ended)


def door_server(work: Work, door: Door, allow_hosts: Sequence[str], folder: Path) -> uvicorn.Server:
    """The server of the neuPrint door, with a certificate made for it in ``folder``."""
    hosts = names_of(door.host, door.port, allow_hosts)
    app = create_door(work, door.datasets, hosts=hosts, token=door.token)
    files = make_certificate(folder, [host.rpartition(":")[0].strip("[]") for host in sorted(hosts)])
    return server_of(app, ssl_certfile=str(files.certificate), ssl_keyfile=str(files.key))


def _named(host: str, port: int) -> str:
    return f"{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(frozen=True)
class Door:
    """Where neuprint-python finds the graphs."""

    host: str
    port: int
    token: str
    datasets: Mapping[str, str]
    """Name of a data set -> name of the graph."""

    @property
    def address(self) -> str:
        return f"https://{_named(self.host, self.port)}"

    @property
    def client(self) -> str:
        """The line to paste."""
        dataset = f"dataset={next(iter(self.datasets))!r}, " if self.datasets else ""
        return f'neuprint.Client("{self.address}", {dataset}verify=False, token="{self.token}")'


@dataclass(frozen=True)
class Opening:
    """What to open, and who may."""

    graphs: tuple[str, ...]
    host: str
    port: int
    token: str | None
    door: Door | None = None

    @property
    def address(self) -> str:
        return f"http://{_named(self.host, self.port)}/"

    @property
    def url(self) -> str:
        """The address that opens the page."""
        return self.address + (f"?token={quote(self.token, safe='')}" if self.token else "")

    def lines(self) -> list[str]:
        """For people."""
        lines = [f"serving {', '.join(self.graphs)} at {self.url}"]
        if not is_loopback(self.host):
            lines.append(
                "others may reach this address: it wants the token above, and what is asked travels unencrypted; put a "
                "proxy with TLS before it, or use ssh -L"
            )
        if self.door is not None:
            lines.append(f"neuPrint: {self.door.client}")
        return [*lines, f"API: {self.address}api/docs. Ctrl-C ends it"]

    def document(self) -> dict[str, Any]:
        """For programs that start a server."""
        door = self.door
        told = None if door is None else {"server": door.address, "token": door.token, "datasets": [*door.datasets]}
        return {
            "graphs": list(self.graphs), "url": self.url, "api": f"{self.address}api", "token": self.token,
            "neuprint": told,
        }  # fmt: skip


def run(servers: Sequence[tuple[uvicorn.Server, socket.socket]], ended: threading.Event | None = None) -> None:
    """Run servers in one event loop until a signal ends them all, or ``ended`` is set."""
    asyncio.run(_all(servers, ended))


async def _all(servers: Sequence[tuple[uvicorn.Server, socket.socket]], ended: threading.Event | None) -> None:
    def end() -> None:
        for server, _ in servers:
            server.should_exit = True

    async def watch(event: threading.Event) -> None:
        # Not before they have begun: a server that is ended while it begins leaves things open.
        while not (event.is_set() and all(server.started for server, _ in servers)):
            await asyncio.sleep(LOOK_S)
        end()

    loop = asyncio.get_running_loop()
    watching = None if ended is None else loop.create_task(watch(ended))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        await asyncio.gather(*(server.serve(sockets=[bound]) for server, bound in servers))
    finally:
        if watching is not None:
            watching.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
