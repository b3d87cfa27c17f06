"""Events from a folder that a producer writes files into: the source that needs no server.

Files are JSON lines (``.jsonl``, one event a line, may grow) or Arrow (``.arrow``, whole once it has its name). In the
folder itself, and in each folder in it, they are read in the order of their names; a later name ends the one before.
Names that begin with a dot are unfinished.

Tests: tests/graphlab/live/sources/test_watched_folder.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphlab.live.events import MOST_BYTES, DeadLetter, LiveError, from_arrow, from_json
from graphlab.live.sources.source import Arrival, check_options
from ingest.schema.errors import ReadError, SchemaError

POLL_S = 0.02
ENDINGS = (".jsonl", ".arrow")
BLOCK = 1 << 20
"""Bytes of lines that are read at a time."""


class WatchedFolder:
    """``folder/`` or ``file:///folder``."""

    name = "folder"
    options: tuple[str, ...] = ("poll_s",)

    def accepts(self, address: str) -> bool:
        return "://" not in address or address.startswith("file://")

    def open(self, address: str, position: Any, options: Mapping[str, str]) -> FolderStream:
        check_options(self, options)
        folder = Path(address.removeprefix("file://"))
        if not folder.is_dir():
            raise ReadError(f"{folder} is no folder; wanted the one that events are written into")
        try:
            poll_s = float(options.get("poll_s", POLL_S))
        except ValueError:
            raise SchemaError(f"poll_s is {options['poll_s']!r}; wanted seconds") from None
        return FolderStream(folder, dict(position or {}), poll_s)


class FolderStream:
    """Reads a folder.

    Args:
        position: folder in it ("" for itself) -> [name of the file, bytes or rows of it that were read].
    """

    def __init__(self, folder: Path, position: dict[str, Any], poll_s: float) -> None:
        self._folder, self._poll_s = folder, poll_s
        self._at: dict[str, tuple[str, int]] = {key: (str(name), int(done)) for key, (name, done) in position.items()}
        self._seen: dict[str, set[Path]] = {}
        """Files that were there, by folder."""

    def read(self, most: int, wait_s: float) -> Arrival | None:
        until = time.monotonic() + wait_s
        while True:
            arrival = self._next(most)
            if arrival is not None:
                return arrival
            if time.monotonic() >= until:
                return None
            time.sleep(min(self._poll_s, max(0.0, until - time.monotonic())))

    def behind(self) -> int | None:
        """Files that are not read to their end."""
        count = 0
        for key, files in self._groups():
            name, done = self._at.get(key, ("", 0))
            for file in files:
                whole = file.suffix == ".arrow" and file.name == name
                if file.name > name or (file.name == name and not whole and file.stat().st_size > done):
                    count += 1
        return count

    def committed(self, position: Any) -> None:
        """Files stay: they are the producer's."""

    def close(self) -> None:
        """Nothing stays open."""

    def _groups(self) -> Iterator[tuple[str, list[Path]]]:
        if not self._folder.is_dir():
            raise LiveError(f"{self._folder} is gone; what was written into it and not read is lost")
        folders = [self._folder, *sorted(p for p in self._folder.iterdir() if p.is_dir() and p.name[0] != ".")]
        for folder in folders:
            files = [p for p in folder.iterdir() if p.suffix in ENDINGS and p.name[0] != "." and p.is_file()]
            yield ("" if folder == self._folder else folder.name), sorted(files, key=lambda p: p.name)

    def _next(self, most: int) -> Arrival | None:
        for key, files in self._groups():
            name, done = self._at.get(key, ("", 0))
            self._refuse_earlier(key, files, name)
            later = [file for file in files if file.name > name]
            current = next((file for file in files if file.name == name), None)
            if current is not None:
                arrival = self._read(key, current, done, most, ended=bool(later))
                if arrival is not None:
                    return arrival
            for place, file in enumerate(later):  # the first that has something; files before it are empty
                self._seen[key].update(one for one in files if one.name <= file.name)
                arrival = self._read(key, file, 0, most, ended=place + 1 < len(later))
                if arrival is not None:
                    return arrival
        return None

    def _refuse_earlier(self, key: str, files: list[Path], name: str) -> None:
        """A name before the one that is read came too late; at the first look, earlier ones were read before."""
        earlier = [file for file in files if file.name <= name]
        seen = self._seen.setdefault(key, set(earlier))
        for file in earlier:
            if file not in seen:
                raise LiveError(
                    f"{file} came after {name} was begun, and its name comes before it; files are read in the order of "
                    "their names. Give it a later one, or write it into a folder of its own"
                )

    def _read(self, key: str, file: Path, done: int, most: int, ended: bool) -> Arrival | None:
        events, letters, done_now = (self._arrow if file.suffix == ".arrow" else self._lines)(file, done, most, ended)
        if done_now == done:
            return None
        self._at[key] = (file.name, done_now)
        return Arrival(events, letters, {name: list(at) for name, at in sorted(self._at.items())})

    def _lines(self, file: Path, done: int, most: int, ended: bool) -> tuple[pa.Table, list[DeadLetter], int]:
        size = file.stat().st_size
        if size < done:
            raise LiveError(
                f"{file} has {size:,} bytes, and {done:,} were read; it was written anew, so events are lost"
            )
        with file.open("rb") as opened:
            opened.seek(done)
            block = opened.read(BLOCK)
            while block and b"\n" not in block and len(block) <= MOST_BYTES and (more := opened.read(BLOCK)):
                block += more
            whole = done + len(block) >= size
        end = block.rfind(b"\n") + 1
        if end == 0 and len(block) > MOST_BYTES:
            return self._giant(file, done, ended)
        lines = block[:end].splitlines()[:most] if end else []
        taken = sum(map(len, block[:end].splitlines(keepends=True)[:most])) if end else 0
        if ended and whole and taken == end and end < len(block) and len(lines) < most:
            lines.append(block[end:])  # its last line has no end, and never will
            taken = len(block)
        events, letters = from_json(lines)
        return events, letters, done + taken

    def _giant(self, file: Path, done: int, ended: bool) -> tuple[pa.Table, list[DeadLetter], int]:
        """A line longer than any event: passed over to its end, which may not have come yet."""
        with file.open("rb") as opened:
            opened.seek(done)
            head, at = opened.read(MOST_BYTES + 1), done + MOST_BYTES + 1
            while block := opened.read(BLOCK):
                end = block.find(b"\n")
                if end >= 0:
                    return *from_json([head]), at + end + 1
                at += len(block)
        events, letters = from_json([head])
        return (events, letters, at) if ended else (events, [], done)

    def _arrow(self, file: Path, done: int, most: int, ended: bool) -> tuple[pa.Table, list[DeadLetter], int]:
        try:
            with pa.memory_map(str(file)) as opened:
                table = pa.ipc.open_file(opened).read_all()
        except (pa.ArrowException, OSError) as error:
            if done:
                return from_json([])[0], [], done
            why = f"{file.name}: this is no Arrow file: {str(error).splitlines()[0]}"
            return from_json([])[0], [DeadLetter(why, file.name)], 1
        if table.num_rows <= done:
            return from_json([])[0], [], done
        part = table.slice(done, most)
        events, letters = from_arrow(part)
        return events, letters, done + part.num_rows
