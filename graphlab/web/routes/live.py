"""A graph that follows events, watched: its state, a stream of what changes, metrics for Prometheus.

Tests: tests/graphlab/web/test_live.py.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, StreamingResponse

if TYPE_CHECKING:
    from graphlab.live.feed import Feed
    from graphlab.live.outliers import MergeCandidates

POLL_S = 0.1
BEAT_S = 15.0
"""A stream without news says that it is there after so long."""
SHOWN = 20
"""Merges, and dyads by types, that are shown."""
NEWS = (
    "position", "standing", "lag", "unreachable_s", "dead_letters", "neurons", "connections", "synapses", "rates",
    "merges",
)  # fmt: skip
"""What every message of a stream says."""
GAUGES = {
    "position": "Events that the graph has taken.",
    "lag": "Events that are known to wait.",
    "held": "Events that wait for earlier ones of their producer.",
    "unreachable_s": "Seconds since the source answered last; 0 where it does.",
    "alerts": "What somebody should look at.",
    "neurons": "Neurons that censuses count.",
    "connections": "Connections of the kind and weight that are analysed.",
    "synapses": "Synapses.",
}
COUNTERS = {
    "events": "Events taken since following began.",
    "batches": "Batches committed.",
    "duplicates": "Events that came more than once.",
    "dead_letters": "Events that had no effect.",
    "clock_backwards": "Times that clocks of producers ran backwards.",
    "folds": "Times that changes were brought into the tables.",
}


def state_of(feed: Feed) -> dict[str, Any]:
    """Counters, lag, alerts, dyads and triads, in plain words and numbers."""
    status, seen, wiring = feed.status, feed.seen, feed.follower.wiring
    waits = sorted(status.latency_s)
    return {
        "source": feed.address,
        "position": seen.position,
        "events": status.events,
        "batches": status.batches,
        "duplicates": status.duplicates,
        "dead_letters": status.dead_letters,
        "clock_backwards": status.clock_backwards,
        "folds": status.folds,
        "held": status.held,
        "lag": status.lag,
        "unreachable_s": round(status.unreachable_s, 3),
        "seconds": round(time.time() - status.started, 3),
        "latency_s": {f"p{p}": waits[min(len(waits) - 1, len(waits) * p // 100)] if waits else None for p in (50, 99)},
        "counts": dict(sorted(status.counts.items())),
        "standing": {name: asdict(one) for name, one in list(status.matches.items())},
        "alerts": [{"kind": one.kind, "text": one.text, "since": one.since} for one in list(status.alerts.values())],
        "kind": wiring.kind,
        "min_weight": wiring.least,
        "neurons": seen.neurons,
        "connections": seen.connections,
        "synapses": seen.synapses,
        "reciprocity": None if math.isnan(seen.reciprocity) else seen.reciprocity,
        "dyads": seen.dyads,
        "triads": seen.triads,
        "rates": None if feed.rates is None else feed.rates.shown(SHOWN),
        "merges": None if feed.merges is None else _merges(feed.merges),
    }


def _merges(merges: MergeCandidates) -> dict[str, Any]:
    """The merges whose parts are most unlike; ids as texts."""
    ids = ("root_id", "part", "other")
    worst = [asdict(one) for one in merges.candidates[:SHOWN]]
    # No part of it scatters: JSON has no infinity.
    shown = [one | {name: str(one[name]) for name in ids} for one in worst]
    for one in shown:
        one["ratio"] = one["ratio"] if math.isfinite(one["ratio"]) else None
    return {"not_compared": merges.unknown, "most_unlike": shown}


def metrics_of(state: dict[str, Any]) -> str:
    """The state in the text format of Prometheus."""
    lines = []
    values = {**state, "alerts": len(state["alerts"])}
    for kind, names in (("gauge", GAUGES), ("counter", COUNTERS)):
        for name, about in names.items():
            called = f"graphlab_live_{name}{'_total' if kind == 'counter' else ''}"
            lines += [f"# HELP {called} {about}", f"# TYPE {called} {kind}", f"{called} {values[name]}"]
    for name, about in (("triads", "Induced triads of each class."), ("dyads", "Dyads of each class.")):
        lines += [f"# HELP graphlab_live_{name} {about}", f"# TYPE graphlab_live_{name} gauge"]
        lines += [f'graphlab_live_{name}{{class="{label}"}} {count}' for label, count in state[name].items()]
    if state["rates"] is not None:
        lines += ["# HELP graphlab_live_triads_change Net change of each class over the window of latest events.",
                  "# TYPE graphlab_live_triads_change gauge"]  # fmt: skip
        lines += [f'graphlab_live_triads_change{{class="{k}"}} {n}' for k, n in state["rates"]["triads"].items()]
    lines += ["# HELP graphlab_live_latency_seconds From a batch read to its commit.",
              "# TYPE graphlab_live_latency_seconds gauge"]  # fmt: skip
    lines += ["# HELP graphlab_live_matches Matches of standing queries.", "# TYPE graphlab_live_matches gauge"]
    for name, one in state["standing"].items():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'graphlab_live_matches{{query="{quoted}"}} {one["now"]}')
    for name, seconds in state["latency_s"].items():
        if seconds is not None:
            lines.append(f'graphlab_live_latency_seconds{{quantile="0.{name[1:]}"}} {seconds:.6f}')
    return "\n".join(lines) + "\n"


def router(feed: Feed) -> APIRouter:
    """Routes of one feed: ``/api/live``, ``/api/live/stream`` (server-sent events), ``/metrics``."""
    routes = APIRouter(tags=["live"])

    @routes.get("/api/live")
    def live() -> dict[str, Any]:
        """What the graph took, what waits, what somebody should look at, dyads and triads now."""
        return state_of(feed)

    @routes.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        """For Prometheus."""
        return PlainTextResponse(metrics_of(state_of(feed)), media_type="text/plain; version=0.0.4")

    @routes.get("/api/live/stream", response_class=StreamingResponse)
    async def stream(request: Request) -> StreamingResponse:
        """The state now, then, after commits, the new position, how triads changed since, and alerts."""
        return StreamingResponse(_news(feed, request), media_type="text/event-stream")

    return routes


async def _news(feed: Feed, request: Request) -> AsyncIterator[str]:
    told = state_of(feed)
    yield _message("state", told)
    heard = time.monotonic()
    while not await request.is_disconnected():
        if (feed.seen.position, sorted(feed.status.alerts)) != (told["position"], _kinds(told)):
            now = state_of(feed)
            changed = {name: count - told["triads"][name] for name, count in now["triads"].items()}
            news = {name: now[name] for name in NEWS}
            changed = {name: change for name, change in changed.items() if change}
            yield _message("change", news | {"triads": changed, "alerts": now["alerts"]})
            told, heard = now, time.monotonic()
        elif time.monotonic() - heard > BEAT_S:
            yield ": still here\n\n"
            heard = time.monotonic()
        await asyncio.sleep(POLL_S)


def _kinds(state: dict[str, Any]) -> list[str]:
    return sorted(alert["kind"] for alert in state["alerts"])


def _message(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
