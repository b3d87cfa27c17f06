"""Edits of a CAVE segmentation, over HTTP: which roots changed in a window of time, and the operations that did it.

The chunked graph publishes pickles, which are never loaded; its HTTP side says the same. One question tells the roots
that came and went since a moment, a second one (their lineage) the operations, a third the details of each. Windows
begin before the end of the one before, since operations are written down late; an operation is taken once, by its id.
An edit that was undone is another operation. Failed operations (a status other than 0) have no effect; one that is
still being written ends the window before it.

The server's endpoints are those of PyChunkedGraph's API v1 as CAVEclient 8 asks them.

Tests: tests/graphlab/live/sources/test_cave_edits.py.
"""

from __future__ import annotations

import datetime
import json
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from graphlab.live.events import MERGED, RENAMED, SPLIT, DeadLetter, LiveError, from_records, letter_of
from graphlab.live.sources.http_json import JsonServer, secure_base, whole_number, whole_numbers
from graphlab.live.sources.polling import PolledStream, seconds_of
from graphlab.live.sources.source import Arrival, SourceUnreachable, check_options
from ingest.schema.errors import SchemaError

WRITTEN = "graphene://https://SERVER/segmentation/table/NAME?since=2026-05-01T12:00:00Z"
TOKEN = "CAVE_TOKEN"
POLL_S = 10.0
OVERLAP_S = 180.0
"""An operation locks its roots for as long as this before others may take them, so it is written down by then."""
WINDOW = 86_400_000_000
"""Microseconds of a window that lies in the past."""
SECOND = 1_000_000
GIVEN_UP = 3_600 * SECOND
"""An operation that is being written for longer than this was left behind by a server that died."""
ROOTS, OPERATIONS = 500, 100
"""How many are asked about at once."""
SUCCESS, UNFINISHED = 0, (1, 3)
"""Statuses of operations; any other one is a failure."""


class CaveEdits:
    """``graphene://https://SERVER/segmentation/table/NAME?since=TIME``; the token comes from CAVE_TOKEN.

    ``since`` is the moment of the graph: that of the materialization that its synapses are of.
    """

    name = "cave"
    options: tuple[str, ...] = ("poll_s", "overlap_s")

    def accepts(self, address: str) -> bool:
        return address.startswith("graphene://")

    def open(self, address: str, position: Any, options: Mapping[str, str]) -> EditStream:
        check_options(self, options)
        server, table, since = parsed(address)
        asked = JsonServer(
            f"{server}/segmentation/api/v1/table/{table}",
            os.environ.get(TOKEN),
            f"The token comes from the environment variable {TOKEN}",
        )
        return EditStream(
            asked, table, since, dict(position or {}), seconds_of(options, "poll_s", POLL_S),
            int(SECOND * seconds_of(options, "overlap_s", OVERLAP_S)),
        )  # fmt: skip


def parsed(address: str) -> tuple[str, str, int]:
    """Server, table, and the moment from which on edits are taken, in microseconds.

    Raises:
        SchemaError: it is not written as it should be, or holds credentials.
    """
    parts = urlsplit(address.removeprefix("graphene://"))
    words = parse_qsl(parts.query, keep_blank_values=True)
    names = parts.path.strip("/").split("/")
    where = secure_base(f"{parts.scheme}://{parts.netloc}")
    if names[:-1] != ["segmentation", "table"] or not names[-1].replace("_", "").replace("-", "").isalnum():
        raise SchemaError(f"graphene://{where}/...: wanted {WRITTEN}")
    if [name for name, _ in words] != ["since"] or parts.fragment:
        raise SchemaError(
            f"graphene://{where}{parts.path}: wanted {WRITTEN}, since being the moment of the materialization that the "
            f"graph was made of; a token belongs into {TOKEN}"
        )
    try:
        since = datetime.datetime.fromisoformat(words[0][1].replace(" ", "+"))  # what a query makes of a plus
    except ValueError:
        since = datetime.datetime.min
    if since.tzinfo is None:
        raise SchemaError(f"since={words[0][1]}: wanted a moment with its zone, such as 2026-05-01T12:00:00Z")
    return where, names[-1], _microseconds(since)


@dataclass(frozen=True, slots=True)
class Operation:
    """One edit that succeeded."""

    id: int
    time: int
    """When its roots came, in microseconds."""
    olds: tuple[int, ...]
    news: tuple[int, ...]


class EditStream(PolledStream):
    """Reads the edits of one table.

    Args:
        since: edits after this moment are taken; the state of the moment has those of the moment itself.
        position: ``past`` (begin of the window), ``seen`` (operation -> when, of those taken that a window may show
            again), ``sent`` (events so far).
        overlap: microseconds by which windows overlap where the server is still writing.
    """

    def __init__(
        self, server: JsonServer, table: str, since: int, position: dict[str, Any], poll_s: float, overlap: int
    ) -> None:
        super().__init__(poll_s)
        self._server, self._since, self._overlap = server, since, overlap
        self._producer = f"cave {table}"
        self._past = int(position.get("past", since))
        self._seen: dict[int, int] = {int(key): int(at) for key, at in position.get("seen", {}).items()}
        self._sent = int(position.get("sent", 0))
        self._ready: deque[Operation] = deque()
        self._then = self._past
        """Begin of the next window, once everything of this one is taken."""

    def behind(self) -> int | None:
        return len(self._ready) or None

    # -- one window --

    def _ask(self) -> None:
        words = {"timestamp_past": _seconds(self._past)}
        end = self._past + WINDOW
        closed = end < time.time_ns() // 1000
        if closed:
            words["timestamp_future"] = _seconds(end)
        begun = time.monotonic()
        answer = self._server.get("/delta_roots", words)
        took = int(SECOND * (time.monotonic() - begun))
        if not isinstance(answer.json, dict):
            raise LiveError(f"{self._producer}: roots that changed came as {type(answer.json).__name__}")
        news = whole_numbers(answer.json.get("new_roots"), "new_roots")
        olds = whole_numbers(answer.json.get("old_roots"), "old_roots")
        clock = _microseconds(answer.clock)
        found, unfinished = self._operations(news, olds, words, clock) if news or olds else ([], None)
        settled = min(end - SECOND if closed else end, clock - took - self._overlap)
        if unfinished is not None:
            settled = min(settled, unfinished - SECOND)
            found = [one for one in found if one.time < unfinished]
        self._then = max(self._past, settled)
        fresh = [one for one in found if one.id not in self._seen and one.time > self._since]
        self._ready.extend(sorted(fresh, key=lambda one: (one.time, one.id)))
        self._more_at_once = closed and self._then > self._past
        if not self._ready:
            self._go_on()

    def _operations(
        self, news: Sequence[int], olds: Sequence[int], words: Mapping[str, str], clock: int
    ) -> tuple[list[Operation], int | None]:
        """Operations of a window that succeeded, and when the first one began that is not finished.

        Raises:
            SourceUnreachable: a root whose operation the server does not tell yet; nothing of the window is taken.
        """
        parents, times, ids = self._lineage(news, words)
        inside = {root for root in _and_ancestors(news, parents) if times.get(root, self._past) >= self._past}
        done: list[Operation] = []
        covered: set[int] = set()
        unfinished: int | None = None
        for operation, about in self._details(sorted(ids)):
            roots = tuple(whole_numbers(about.get("roots") or [], f"roots of operation {operation}"))
            status = about.get("operation_status", SUCCESS)
            before = {parent for root in roots if root in inside for parent in parents.get(root, ())}
            covered |= {*roots, *before}
            # Later edits of these roots may be in the lineage, but not all that they take: a later window has them.
            came = min((times.get(root, clock) for root in roots if root in inside), default=None)
            if status in UNFINISHED:
                covered.update(olds)  # which of them it takes is not said before it is finished
                at = clock if came is None else came
                if clock - at < GIVEN_UP:
                    unfinished = at if unfinished is None else min(unfinished, at)
            elif status == SUCCESS and came is not None:
                done.append(Operation(operation, came, tuple(sorted(before)), tuple(sorted(roots))))
        lacking = (inside | set(news) | set(olds)) - covered
        if lacking:
            raise SourceUnreachable(
                f"{self._producer}: {len(lacking):,} roots changed (as {min(lacking)}) whose operation the server does "
                "not tell; nothing of this window is taken"
            )
        return done, unfinished

    def _lineage(
        self, roots: Sequence[int], words: Mapping[str, str]
    ) -> tuple[dict[int, set[int]], dict[int, int], set[int]]:
        """Root -> those it came of; root -> when it came; operations."""
        parents: dict[int, set[int]] = {}
        times: dict[int, int] = {}
        ids: set[int] = set()
        for part in _parts(roots, ROOTS):
            found = self._server.get("/lineage_graph_multiple", words, {"root_ids": part}).json
            links = found.get("links", found.get("edges")) if isinstance(found, dict) else None
            if links is None or not isinstance(found.get("nodes"), list):
                raise LiveError(f"{self._producer}: a lineage without nodes and links")
            for node in found["nodes"]:
                root = whole_number(node.get("id"), "a root")
                if node.get("timestamp") is not None:
                    times[root] = round(SECOND * float(node["timestamp"]))
                if node.get("operation_id"):
                    ids.add(whole_number(node["operation_id"], "an operation"))
            for link in links:
                target = whole_number(link.get("target"), "a root")
                parents.setdefault(target, set()).add(whole_number(link.get("source"), "a root"))
        return parents, times, ids

    def _details(self, ids: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        for part in _parts(ids, OPERATIONS):
            found = self._server.get("/operation_details", {"operation_ids": json.dumps(part)}).json
            for one in part:
                about = found.get(str(one)) if isinstance(found, dict) else None
                if not isinstance(about, dict):
                    raise SourceUnreachable(f"{self._producer}: the server does not tell of operation {one}")
                yield one, about

    # -- events --

    def _some(self, most: int) -> Arrival | None:
        if not self._ready:
            return None
        records: list[dict[str, Any]] = []
        letters: list[DeadLetter] = []
        taken = list(self._ready)[:most]
        for number, one in enumerate(taken, start=self._sent + 1):
            record = self._record(one, number)
            if record["action"] is None:
                told = f"operation {one.id} made {len(one.news)} roots of {len(one.olds)}: neither a merge nor a split"
                letters.append(letter_of(told, record))
            else:
                records.append(record)
        # Only now is anything taken: a question that failed above is asked again.
        for one in taken:
            self._ready.popleft()
            self._seen[one.id] = one.time
        self._sent += len(taken)
        if not self._ready:
            self._go_on()
        events, more = from_records(records)
        seen = {str(operation): at for operation, at in sorted(self._seen.items())}
        return Arrival(events, [*letters, *more], {"past": self._past, "seen": seen, "sent": self._sent})

    def _go_on(self) -> None:
        self._past = self._then
        self._seen = {operation: at for operation, at in self._seen.items() if at >= self._past - SECOND}

    def _record(self, one: Operation, number: int) -> dict[str, Any]:
        record: dict[str, Any] = {
            "version": 1, "producer": self._producer, "sequence": number, "event_id": f"operation {one.id}",
            "action": None, "time": datetime.datetime.fromtimestamp(one.time / SECOND, datetime.UTC),
            "old_root_ids": list(one.olds), "new_root_ids": list(one.news),
        }  # fmt: skip
        if len(one.news) == 1:
            record["action"] = MERGED if len(one.olds) > 1 else RENAMED
        elif len(one.olds) == 1 and one.news:
            record["action"] = SPLIT
            leaves = self._server.get("/node/leaves_many", None, {"node_ids": list(one.news)}).json
            for root in one.news:
                voxels = whole_numbers(
                    leaves.get(str(root)) if isinstance(leaves, dict) else None, f"supervoxels of {root}"
                )
                record.setdefault("supervoxel_ids", []).extend(voxels)
                record.setdefault("supervoxel_root_ids", []).extend([root] * len(voxels))
        return record


def _and_ancestors(roots: Sequence[int], parents: Mapping[int, set[int]]) -> set[int]:
    found, left = set(roots), list(roots)
    while left:
        fresh = parents.get(left.pop(), set()) - found
        found |= fresh
        left += fresh
    return found


def _parts(values: Sequence[int], size: int) -> Iterator[list[int]]:
    for first in range(0, len(values), size):
        yield list(values[first : first + size])


def _microseconds(moment: datetime.datetime) -> int:
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(microseconds=1)


def _seconds(microseconds: int) -> str:
    return f"{microseconds // SECOND}.{microseconds % SECOND:06d}"
