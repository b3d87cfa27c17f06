"""The contract of the Reader seam.

Tests: tests/contracts/test_readers.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from graphlab.testing.refusal import refusal
from ingest.reader import FLAGS, Reader, Reading, ReadRequest, Sure, open_with
from ingest.registry import Registry
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError
from ingest.schema.space import Resolution
from ingest.schema.words import table
from ingest.segclr.readers import EMBEDDING_READERS
from ingest.skeletons.readers import SKELETON_READERS
from ingest.tables import READERS

SAID: dict[str, Any] = {"columns": "cave", "resolution": Resolution(4, 4, 40), "keep": {"a": ("1",)}, "header": False}
"""Word of a request -> something that a caller may say."""


class ReaderContract:
    """What every reader does.

    ::

        class TestAcme(ReaderContract):
            name = "acme"

            def source(self, folder):
                ...  # write a small good file and return its path
    """

    name: str
    """Of the entry point."""
    said: Mapping[str, Any] = {}
    """What has to be said of the source beside options, such as ``resolution``."""
    as_: str = "connections"
    """What the rows of the source become: neurons, synapses, connections, skeletons or embeddings."""
    columns: Mapping[str, str] | None = None
    """Ours -> theirs, where the source has other names."""

    options: Mapping[str, Any] = MappingProxyType({})
    """What has to be said to read the source, as ``--option`` does."""

    def source(self, folder: Path) -> object:
        """A small good source with at least one row, made in ``folder``, the same each time."""
        raise NotImplementedError("say what the reader reads: def source(self, folder): ...")

    @property
    def registry(self) -> Registry[Reader]:
        return {"embeddings": EMBEDDING_READERS, "skeletons": SKELETON_READERS}.get(self.as_, READERS)

    @property
    def reader(self) -> Reader:
        return self.registry.get(self.name)

    def read(self, source: object, **said: Any) -> Reading:
        asked: dict[str, Any] = {**self.said, **said}
        asked["options"] = {**self.options, **said.get("options", {})}
        return self.reader.read(source, ReadRequest(self.as_, columns=self.columns, **asked))

    def test_it_is_the_surest_of_its_source(self, tmp_path: Path) -> None:
        source = self.source(tmp_path)
        mine = self.reader.accepts(source)
        for name, other in self.registry:
            assert name == self.name or other.accepts(source) < mine, f"{name} is as sure of it as {self.name}"
        asked = ReadRequest(self.as_, columns=self.columns, options=self.options, **self.said)
        opened = open_with(self.registry, source, asked)
        assert opened.schema.equals(self.read(source).schema)

    def test_it_takes_no_other_things(self) -> None:
        for thing in (None, 3, object(), b"bytes", [1]):
            assert self.reader.accepts(thing) is Sure.NO, f"it accepts {thing!r}"
        for path in ("absent/file.xyz", Path("absent/file.xyz")):
            assert self.reader.accepts(path) in (Sure.NO, Sure.LAST), "it accepts a file that it cannot know"

    def test_it_leaves_common_files_to_their_readers(self, tmp_path: Path) -> None:
        for name, source in _common(tmp_path).items():
            if name != self.name and self.as_ not in ("embeddings", "skeletons"):
                theirs = READERS.get(name).accepts(source)
                assert self.reader.accepts(source) < theirs, f"it takes {source} from {name}"

    def test_it_streams_our_words_in_our_types(self, tmp_path: Path) -> None:
        reading = self.read(self.source(tmp_path))
        words = table(self.as_)
        missing = set(words.required()) - set(reading.schema.names)
        assert not missing, f"rows of {self.as_} lack {sorted(missing)}"
        for column in words.columns:
            if column.name in reading.schema.names and column.name != "vector":
                found = reading.schema.field(column.name).type
                assert found == column.type, f"{column.name} is {found}; wanted {column.type}"
        rows = 0
        for batch in reading.batches:
            assert batch.schema.equals(reading.schema), "a batch has another schema than the reading"
            batch.validate(full=True)
            for name in words.required():
                assert batch.column(name).null_count == 0, f"{name} is empty somewhere"
            rows += batch.num_rows
        assert rows > 0, "the source has no rows; wanted one or more"
        assert reading.rows in (None, rows), f"it says {reading.rows} rows and streams {rows}"
        assert all(isinstance(note, str) for note in reading.notes)
        assert list(reading.batches) == [], "a reading is streamed once"

    def test_the_same_source_gives_the_same_rows(self, tmp_path: Path) -> None:
        source = self.source(tmp_path)
        first, second = (pa.Table.from_batches(list(r.batches), r.schema) for r in (self.read(source) for _ in "12"))
        assert first.equals(second)

    def test_it_refuses_what_it_does_not_use(self, tmp_path: Path) -> None:
        source, absent = self.source(tmp_path), {"no such option": "1"}
        ask = partial(self.read, source, options=absent)
        refusal("an unknown option", ask, UnknownNameError, saying="'no such option'")
        for word, flag in FLAGS.items():
            if word not in self.reader.uses.words:
                ask = partial(self.reader.read, source, ReadRequest(self.as_, **{word: SAID[word]}))
                refusal(word, ask, SchemaError, saying=f"{flag} does nothing for")

    def test_absent_and_empty_sources_are_one_error(self, tmp_path: Path) -> None:
        source = self.source(tmp_path)
        if not isinstance(source, Path):
            return
        absent, empty = (tmp_path / f"{number}{source.suffix}" for number in ("8", "9"))
        empty.mkdir() if source.is_dir() else empty.write_bytes(b"")
        for path in (absent, empty):
            refusal(f"reading {path.name}", partial(self._rows, path), ReadError, SchemaError, saying=path.name)

    def _rows(self, source: object) -> list[pa.RecordBatch]:
        return list(self.read(source).batches)


def _common(folder: Path) -> dict[str, Path]:
    """Files that readers of ours are there for, by the name of the reader."""
    made = folder / "common"
    made.mkdir()
    edges = pa.table({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [1.5, 2.0]})
    csv.write_csv(edges, made / "edges.csv")
    parquet.write_table(edges, made / "edges.parquet")
    (made / "edges.json").write_text(json.dumps(edges.to_pylist()), encoding="utf-8")
    return {"delimited": made / "edges.csv", "columnar": made / "edges.parquet", "json": made / "edges.json"}
