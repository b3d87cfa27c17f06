from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab.live.events import LiveError, from_records
from graphlab.live.sources.source import source_of
from graphlab.live.sources.watched_folder import WatchedFolder
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError


def event(sequence: int, producer: str = "p") -> dict[str, Any]:
    return {"version": 1, "producer": producer, "sequence": sequence, "event_id": f"e{sequence}",
            "action": "chunk_ready", "chunk": "c"}  # fmt: skip


def line(sequence: int, producer: str = "p") -> str:
    return json.dumps(event(sequence, producer)) + "\n"


class Reader:
    """Reads a folder to its end, again and again, opened anew at each position."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.behind: int | None = None
        self.position: Any = None
        self.letters: list[str] = []

    def rest(self, most: int = 2) -> list[int]:
        found: list[int] = []
        stream = WatchedFolder().open(str(self.folder), self.position, {})
        while (arrival := stream.read(most, 0.0)) is not None:
            found += arrival.events.column("sequence").to_pylist()
            self.letters += [letter.reason for letter in arrival.letters]
            self.position = json.loads(json.dumps(arrival.position))
            stream = WatchedFolder().open(str(self.folder), self.position, {})
        self.behind = stream.behind()
        return found


def test_lines_that_grow_files_that_follow_and_folders_of_producers(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    assert reader.rest() == []
    first = tmp_path / "001.jsonl"
    first.write_text(line(1) + line(2) + line(3) + line(4)[:20])
    (tmp_path / ".002.jsonl").write_text(line(100))
    (tmp_path / "notes.txt").write_text("no events")
    assert reader.rest() == [1, 2, 3]
    assert reader.behind == 1
    with first.open("a") as file:
        file.write(line(4)[20:] + "\n" + line(5).strip())
    assert reader.rest() == [4]
    table, _ = from_records([event(k) for k in range(6, 11)])
    with pa.ipc.new_file(str(tmp_path / "002.arrow"), table.schema) as writer:
        writer.write_table(table)
    assert reader.rest() == [5, 6, 7, 8, 9, 10], "the last line of a file that another follows is whole"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "000.jsonl").write_text(line(1, "q"))
    assert reader.rest() == [1]
    (tmp_path / "003.jsonl").write_text("x\n" + line(11))
    assert reader.rest() == [11]
    assert (len(reader.letters), reader.behind) == (1, 0)


def test_empty_files_stand_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text("")
    with pa.ipc.new_file(str(tmp_path / "2.arrow"), from_records([])[0].schema):
        pass
    (tmp_path / "3.jsonl").write_text(line(1))
    (tmp_path / "4.jsonl").write_text("")
    (tmp_path / "5.jsonl").write_text(line(2))
    reader = Reader(tmp_path)
    assert (reader.rest(), reader.behind) == ([1, 2], 0)


def test_what_would_be_skipped_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "002.jsonl").write_text(line(1))
    stream = WatchedFolder().open(str(tmp_path), None, {})
    arrival = stream.read(9, 0.0)
    assert arrival is not None
    (tmp_path / "001.jsonl").write_text(line(2))
    with pytest.raises(LiveError, match=r"came after 002\.jsonl was begun"):
        stream.read(9, 0.0)
    (tmp_path / "001.jsonl").unlink()
    (tmp_path / "002.jsonl").write_text("")
    with pytest.raises(LiveError, match="written anew"):
        WatchedFolder().open(str(tmp_path), arrival.position, {}).read(9, 0.0)


def test_giant_lines_and_broken_files_are_dead_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphlab.live.events.MOST_BYTES", 3_000)
    monkeypatch.setattr("graphlab.live.sources.watched_folder.MOST_BYTES", 3_000)
    monkeypatch.setattr("graphlab.live.sources.watched_folder.BLOCK", 1_000)
    (tmp_path / "1.jsonl").write_text(line(1) + "x" * 50_000 + "\n" + line(2))
    (tmp_path / "2.arrow").write_bytes(b"nothing")
    (tmp_path / "3.jsonl").write_text(line(3))
    reader = Reader(tmp_path)
    assert reader.rest() == [1, 2, 3]
    assert len(reader.letters) == 2
    assert "wanted at most" in reader.letters[0]
    assert "no Arrow file" in reader.letters[1]


def test_places_and_options(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="is no folder"):
        WatchedFolder().open(str(tmp_path / "none"), None, {})
    with pytest.raises(SchemaError, match="wanted seconds"):
        WatchedFolder().open(str(tmp_path), None, {"poll_s": "often"})
    assert source_of(str(tmp_path)).name == "folder"
    with pytest.raises(UnknownNameError):
        source_of("kafka://somewhere")
