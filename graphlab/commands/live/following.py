"""Verbs of graphs that change: live follows a source of events, replay takes a recorded one to its end.

Tests: tests/graphlab/commands/live/test_following.py.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.options import GraphPath, Json, Kind
from ingest.schema.errors import MissingExtraError, SchemaError

if TYPE_CHECKING:
    from graphlab.graph import Graph
    from graphlab.live.feed import Feed

Least = Annotated[int, typer.Option("--min-weight", help="Connections of less are left out of triads.", min=1)]
Unknown = Annotated[str, typer.Option("--unknown", metavar="add|keep|refuse", help="Neurons that only synapses name.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="What a source understands, as trim=yes.")
]
Begin = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="PRODUCER=SEQUENCE", help="The last event of a producer that the graph has."),
]


def live(
    graph: GraphPath,
    source: Annotated[
        str,
        typer.Option(
            "--source", metavar="ADDRESS", help="A folder, redis://HOST?stream=NAME, graphene://... (CAVE), dvid://..."
        ),
    ],
    min_weight: Least = 1,
    kind: Kind = Kind.chemical,
    unknown: Unknown = "add",
    batch: Annotated[int, typer.Option(help="Events that are committed together.", min=1)] = 2_048,
    stop_after: Annotated[float, typer.Option(help="Seconds that a gap lasts before it stops.", min=0.0)] = 60.0,
    keep: Annotated[int | None, typer.Option(help="Events whose history is kept; all by default.", min=0)] = None,
    begin: Begin = None,
    option: Options = None,
    watch: Annotated[
        list[str] | None, typer.Option("--watch", metavar="NAME=QUESTION", help="Keep its matches up; repeatable.")
    ] = None,
    window: Annotated[int, typer.Option(help="Events that rates of motifs are taken over.", min=1)] = 100_000,
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="Also dyads by a column of neurons, as cell_type.")
    ] = None,
    merges: Annotated[
        str | None, typer.Option("--merges", metavar="MODEL", help="Embeddings that merged parts are compared by.")
    ] = None,
    until_idle: Annotated[
        float | None, typer.Option(help="Stop once nothing came for so many seconds.", min=0.0)
    ] = None,
    serve: Annotated[
        int | None, typer.Option("--serve", metavar="PORT", help="Also the page, /api/live and /metrics; 0: any port.")
    ] = None,
    json: Json = False,
) -> None:
    """Follow events: synapses and edits change the graph as they come; Ctrl-C ends it, and the graph is whole."""
    from graphlab.live.feed import Settings
    from graphlab.store.embeddings.models import open_embeddings

    settings = Settings(
        min_weight, kind.value, unknown, batch, stop_s=stop_after, keep=keep, begin=_sequences(begin or [])
    )

    def watched(opened: Graph, feed: Feed) -> None:
        for name, text in _pairs(watch or [], "--watch").items():
            feed.stand(name, text)
        feed.watch_rates(window, by=by)
        if merges is not None:
            feed.watch_merges(open_embeddings(opened.folder, merges))

    _follow(graph, source, settings, _pairs(option or []), until_idle, json, serve, watched)


def replay(
    graph: GraphPath,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder of events, or another source.")],
    min_weight: Least = 1,
    kind: Kind = Kind.chemical,
    unknown: Unknown = "add",
    begin: Begin = None,
    option: Options = None,
    json: Json = False,
) -> None:
    """Take recorded events to their end; what the graph has taken already is passed over."""
    from graphlab.live.feed import Settings

    settings = Settings(min_weight, kind.value, unknown, begin=_sequences(begin or []))
    _follow(graph, source, settings, _pairs(option or []), 0.0, json)


def _follow(
    graph: Path,
    source: str,
    settings: Any,
    options: dict[str, str],
    until_idle: float | None,
    json: bool,
    port: int | None = None,
    watched: Callable[[Graph, Feed], None] = lambda graph, feed: None,
) -> None:
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph
    from graphlab.live.feed import Feed

    def tell(text: str) -> None:
        typer.echo(text, err=True)

    with Graph.open(graph) as opened, _until_stopped() as stop:
        with Feed(opened.folder, source, settings, options=options, tell=tell) as feed:
            if not json:
                tell(f"following {source} from event {feed.status.position:,} on; Ctrl-C ends it")
            watched(opened, feed)
            if port is None:
                feed.run(stop, until_idle)
            else:
                _serve_beside(feed, graph, port, stop, until_idle, tell)
        about = summary(feed)
    if json:
        print_json(about)
        return
    typer.echo(
        f"{about['events']:,} events taken, {about['position']:,} in all; {about['dead_letters']:,} dead letters"
    )
    for name, one in about["standing"].items():
        typer.echo(f"{name}: {one['now']:,} matches, {one['came']:,} came and {one['went']:,} went")
    typer.echo(
        f"{about['neurons']:,} neurons, {about['connections']:,} connections of weight {settings.least} or more, "
        f"{about['synapses']:,} synapses"
    )


def _serve_beside(
    feed: Feed,
    graph: Path,
    port: int,
    stop: threading.Event,
    until_idle: float | None,
    tell: Callable[[str], None],
) -> None:
    """Feed in a thread of its own, and serve until a signal comes or the feed ends; an error of either is raised."""
    try:
        from graphlab.web import server
        from graphlab.web.routes.live import router
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("fastapi", "uvicorn", "starlette", "pydantic"):
            raise MissingExtraError(str(error.name), "web") from None
        raise
    from graphlab.graph import Graph
    from graphlab.store.live.history import SeenFolder
    from graphlab.web.settings import Settings

    failed: list[BaseException] = []
    ended = threading.Event()

    def following() -> None:
        try:
            feed.run(stop, until_idle)
        except BaseException as error:
            failed.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=following, name="feed")

    def opened(opening: server.Opening) -> None:
        tell("\n".join(opening.lines()))
        thread.start()

    try:
        name = next(iter(server.graphs_by_name([str(graph)])))
        seen = {name: Graph(SeenFolder(feed.folder))}
        server.serve(seen, Settings(), server.Address(port=port), opened, routers=[router(feed)], ended=ended)
    finally:
        stop.set()
        if thread.ident is not None:
            thread.join()
    if failed:
        raise failed[0]


def summary(feed: Feed) -> dict[str, Any]:
    """What was taken, and what the wiring is now."""
    wiring, status = feed.follower.wiring, feed.status
    return {
        "position": status.position,
        "events": status.events,
        "batches": status.batches,
        "duplicates": status.duplicates,
        "dead_letters": status.dead_letters,
        "clock_backwards": status.clock_backwards,
        "standing": {name: asdict(one) for name, one in status.matches.items()},
        "counts": dict(sorted(status.counts.items())),
        "neurons": wiring.neurons,
        "connections": wiring.connections,
        "synapses": wiring.synapse_count,
        "dyads": wiring.dyad_counts(),
        "triads": wiring.triads(),
    }


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Set by Ctrl-C and by SIGTERM: the batch that is being taken is ended, and the graph made whole."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pairs(texts: list[str], option: str = "--option") -> dict[str, str]:
    found = {}
    for text in texts:
        name, there, value = text.partition("=")
        if not there or not name:
            raise SchemaError(f"{option} {text!r}: wanted NAME=VALUE")
        found[name] = value
    return found


def _sequences(texts: list[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        if not name or not (value.isascii() and value.isdigit()):
            raise SchemaError(f"--from {text!r}: wanted PRODUCER=SEQUENCE, such as detector=120")
        found[name] = int(value)
    return found
