"""The verb that serves graphs over HTTP.

Tests: tests/graphlab/web/test_server.py.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from graphlab.commands.options import Json
from ingest.schema.errors import MissingExtraError


def serve(
    graphs: Annotated[list[str], typer.Argument(metavar="GRAPH...", help="Folders, or NAME=FOLDER.")],
    port: Annotated[int, typer.Option(help="Of the page; 0 takes one that is free.", min=0, max=65535)] = 8642,
    neuprint: Annotated[bool, typer.Option(help="Also a door for neuprint-python, over TLS.")] = True,
    neuprint_port: Annotated[
        int | None, typer.Option(help="Of that door; the page's port + 1 when absent.", min=0, max=65535)
    ] = None,
    host: Annotated[str, typer.Option(help="Address; another than this machine's own wants a token.")] = "127.0.0.1",
    token: Annotated[str | None, typer.Option(metavar="TOKEN|auto", help="Wanted of every request.")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME[:PORT]", help="Another name of this server, as behind a proxy.")
    ] = None,
    write_sets: Annotated[
        bool,
        typer.Option("--write-sets", help="Keep sets made in the page in the graph."),
    ] = False,
    time_limit: Annotated[float, typer.Option(metavar="SECONDS", help="Of one question.")] = 30.0,
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="Of one question: 2GB, 500MB.")] = None,
    rows: Annotated[int, typer.Option(help="Of one answer; more are cut, and told.", min=1)] = 1_000_000,
    answer_mb: Annotated[int, typer.Option(metavar="MB", help="Of one answer; larger ones are refused.", min=1)] = 256,
    kept_mb: Annotated[int, typer.Option(metavar="MB", help="Of all answers kept for paging.", min=1)] = 1024,
    at_once: Annotated[int, typer.Option(help="Questions that work at the same time.", min=1)] = 4,
    waiting: Annotated[int, typer.Option(help="Questions that may wait.", min=1)] = 200,
    body_mb: Annotated[int, typer.Option(metavar="MB", help="The most that a request may send.", min=1)] = 4,
    json: Json = False,
) -> None:
    """Open graphs in a browser, read-only: queries, neurons, motifs, maps, and an API of JSON and Arrow.

    With --write-sets, sets of neurons may be saved, and nothing else; no other process may have the graphs open then.
    """
    try:
        from graphlab.web import server
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("fastapi", "uvicorn", "starlette", "pydantic"):
            raise MissingExtraError(str(error.name), "web") from None
        raise
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph
    from graphlab.web.settings import Settings

    settings = Settings(
        time_limit=time_limit, memory=memory, rows=rows, answer_mb=answer_mb, kept_mb=kept_mb, at_once=at_once,
        waiting=waiting, body_mb=body_mb,
    )  # fmt: skip

    def said(opening: server.Opening) -> None:
        print_json(opening.document()) if json else typer.echo("\n".join(opening.lines()))

    named = server.graphs_by_name(graphs)
    address = server.Address(host, port, tuple(allow_host or ()), token)
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(Graph.open(path, read_only=True, sets=write_sets)) for name, path in named.items()
        }
        beside = neuprint_port if neuprint_port is not None else min(port + 1, 65535) if port else 0
        server.serve(opened, settings, address, said, neuprint=beside if neuprint else None)
