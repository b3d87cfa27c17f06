"""Events from a stream of a Redis server: read from the id that the graph holds, so nothing is acknowledged anywhere.

An entry holds ``event``, a JSON text, or ``arrow``, an Arrow stream of many events. The server keeps entries until a
producer trims them; what was trimmed before it was read is an error, never a skip. Server 5.0 and later; entries that
were deleted are told from 7.0 on.

Tests: tests/graphlab/live/sources/test_redis_stream.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa

from graphlab.live.events import DeadLetter, LiveError, empty, from_arrow, from_json
from graphlab.live.sources.source import Arrival, SourceUnreachable, check_options
from ingest.schema.errors import MissingExtraError, SchemaError

if TYPE_CHECKING:
    from redis import Redis

START = "0-0"
FIELDS = (b"event", b"arrow")
TIMEOUT_S = 5.0


class RedisStreams:
    """``redis://HOST:PORT/DB?stream=NAME``; who asks comes from the environment (REDIS_USERNAME, REDIS_PASSWORD)."""

    name = "redis"
    options: tuple[str, ...] = ("trim",)

    def accepts(self, address: str) -> bool:
        return address.startswith(("redis://", "rediss://", "unix://"))

    def open(self, address: str, position: Any, options: Mapping[str, str]) -> RedisStream:
        check_options(self, options)
        parts = urlsplit(address)
        asked = parse_qs(parts.query, keep_blank_values=True)
        streams = asked.pop("stream", [])
        if len(streams) != 1 or not streams[0]:
            raise SchemaError(f"{parts.scheme}://...: wanted one stream, as in redis://localhost:6379/0?stream=edits")
        if parts.password or parts.username or {"password", "username"} & asked.keys():
            raise SchemaError(
                f"{parts.scheme}://...: it holds a user or a password, which the graph would keep. Leave them out and "
                "set REDIS_USERNAME and REDIS_PASSWORD"
            )
        if asked:
            raise SchemaError(f"{parts.scheme}://...: {min(asked)!r} is no word of an address; it has stream alone")
        trim = options.get("trim", "no")
        if trim not in ("yes", "no"):
            raise SchemaError(f"trim is {trim!r}; wanted yes (entries that the graph holds are let go) or no")
        try:
            import redis
        except ImportError as error:
            raise MissingExtraError("redis", "live") from error
        try:
            client = redis.Redis.from_url(
                address.partition("?")[0],
                username=os.environ.get("REDIS_USERNAME"),
                password=os.environ.get("REDIS_PASSWORD"),
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
            )
        except ValueError as error:
            raise SchemaError(f"{parts.scheme}://...: {error}") from None
        return RedisStream(client, streams[0], dict(position or {}), trim == "yes")


class RedisStream:
    """Reads one stream.

    Args:
        position: ``id`` of the last entry read, and how many were ``read`` in all.
    """

    def __init__(self, client: Redis, stream: str, position: dict[str, Any], trims: bool) -> None:
        self._client, self._stream, self._trims = client, stream, trims
        self._id, self._read = str(position.get("id", START)), int(position.get("read", 0))
        self._behind: int | None = None

    def read(self, most: int, wait_s: float) -> Arrival | None:
        import redis

        until = time.monotonic() + wait_s
        try:
            while True:
                entries = self._entries(most)
                if entries:
                    return self._arrived(entries)
                left = until - time.monotonic()
                if left <= 0:
                    return None
                # Waits on the server; what it gives is asked for again, together with what the stream lost.
                self._client.xread({self._stream: self._id}, count=1, block=max(1, int(1000 * min(left, 1.0))))
        except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError) as error:
            raise SourceUnreachable(f"the Redis server of {self._stream!r}: {str(error).splitlines()[0]}") from error
        except redis.ResponseError as error:
            raise LiveError(f"the Redis server refuses the stream {self._stream!r}: {error}") from error

    def _entries(self, most: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Entries after the position, and in the same moment what the stream says of itself.

        Raises:
            LiveError: entries after the position were lost.
        """
        with self._client.pipeline(transaction=True) as both:
            both.exists(self._stream)
            both.xread({self._stream: self._id}, count=most)
            both.xinfo_stream(self._stream)
            there, found, info = both.execute(raise_on_error=False)
        for answer in (there, found):
            if isinstance(answer, Exception):
                raise answer
        if not there:
            if self._id != START:
                raise LiveError(
                    f"the stream {self._stream!r} is gone from its server, and {self._read:,} entries of it were read; "
                    "bring the stream back, or follow the new one from a new graph"
                )
            self._behind = 0
            return []
        if isinstance(info, Exception):
            raise info
        entries: list[tuple[bytes, dict[bytes, bytes]]] = found[0][1] if isinstance(found, list) and found else []
        if isinstance(found, dict) and found:
            (pages,) = found.values()
            entries = [entry for page in pages for entry in page] if isinstance(pages[0], list) else list(pages)
        self._refuse_loss({_text(key): value for key, value in info.items()})
        return entries

    def _refuse_loss(self, info: dict[str, Any]) -> None:
        last, mine = _text(info["last-generated-id"]), _parts(self._id)
        if _parts(last) < mine:
            raise LiveError(
                f"the stream {self._stream!r} ends at {last}, before {self._id}, which was read: its server went back "
                "to an earlier state (appendonly off, or its last second lost), and counts anew. Nothing was taken "
                "twice; let producers send again what the stream lost, with ids after the old ones"
            )
        deleted = _text(info.get("max-deleted-entry-id", START))
        if _parts(deleted) > mine:
            raise LiveError(
                f"the stream {self._stream!r} lost the entry {deleted} and perhaps others after {self._id}, up to "
                "which it was read: somebody deleted them. Let their producer send them again under new ids"
            )
        if "entries-added" in info:
            added, length = int(info["entries-added"]), int(info["length"])
            lost = added - length - self._read
            if lost > 0:
                raise LiveError(
                    f"the stream {self._stream!r} was trimmed: {lost:,} entries after {self._id}, up to which it was "
                    "read, are gone. Keep entries until the graph holds them (trim by MINID of its position)"
                )
            self._behind = max(0, added - self._read)

    def _arrived(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> Arrival:
        tables: list[pa.Table] = []
        letters: list[DeadLetter] = []
        lines: list[bytes] = []

        def flush() -> None:
            if lines:
                table, dead = from_json(lines)
                tables.append(table)
                letters.extend(dead)
                lines.clear()

        for entry_id, fields in entries:
            self._id, self._read = _text(entry_id), self._read + 1
            names = set(fields) & set(FIELDS)
            if names == {b"event"}:
                lines.append(fields[b"event"])
            elif names == {b"arrow"}:
                flush()
                table, dead = _from_stream(fields[b"arrow"], self._id)
                tables.append(table)
                letters.extend(dead)
            else:
                told = ", ".join(sorted(_text(name) for name in fields))
                letters.append(DeadLetter(f"entry {self._id} has the fields {told}; wanted event or arrow", self._id))
        flush()
        self._behind = None if self._behind is None else max(0, self._behind - len(entries))
        events = pa.concat_tables(tables).combine_chunks() if tables else empty()
        return Arrival(events, letters, {"id": self._id, "read": self._read})

    def behind(self) -> int | None:
        return self._behind

    def committed(self, position: Any) -> None:
        """Let go of the entries that the graph holds, where that was asked for."""
        if self._trims:
            import redis

            with suppress(redis.RedisError):  # the next one lets go of more
                self._client.xtrim(self._stream, minid=_after(position["id"]), approximate=True)

    def close(self) -> None:
        self._client.close()


def _from_stream(body: bytes, entry: str) -> tuple[pa.Table, list[DeadLetter]]:
    try:
        with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        return empty(), [DeadLetter(f"entry {entry} holds no Arrow stream: {str(error).splitlines()[0]}", entry)]
    return from_arrow(table)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _parts(entry: str) -> tuple[int, int]:
    """The two numbers of an id, by which entries are ordered."""
    first, _, second = entry.partition("-")
    return int(first), int(second or 0)


def _after(entry: str) -> str:
    first, second = _parts(entry)
    return f"{first}-{second + 1}"
