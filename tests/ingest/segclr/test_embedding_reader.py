"""The drop-in reader: Google's published one is the oracle, on good shards and on odd ones."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from connectomics.segclr import reader as google
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.segclr.embedding_reader import (
    DATA_URL_FROM_KEY_BYTEWIDTH64,
    OPEN_SHARDS,
    EmbeddingReader,
    LocalFiles,
    get_reader,
)
from ingest.segclr.shard_writer import write_shards
from ingest.segclr.sharding import convention, md5_shard

Make = Callable[..., pa.RecordBatch]


def one(segment: int) -> int:
    return 0


@pytest.mark.parametrize("name", ["bytewidth64", "bytewidth8"])
def test_equals_googles_reader(tmp_path: Path, embeddings: Make, name: str) -> None:
    segments = {864691135293126156: 5, 7: 1, 864691135591041291: 40, 2**64 - 1: 3}
    write_shards(tmp_path, [embeddings(segments)], convention=name, num_shards=3)
    width = convention(name).bytewidth

    def sharder(segment: int) -> int:
        return md5_shard(segment, 3, bytewidth=width)

    theirs = google.EmbeddingReader(LocalFiles(), str(tmp_path), sharder)
    with EmbeddingReader(LocalFiles(), str(tmp_path), sharder) as ours:
        for segment, count in segments.items():
            found = ours[segment]
            assert found == theirs[segment]
            assert list(found) == list(theirs[segment])
            assert len(found) == count
        absent = next(s for s in range(100, 200) if sharder(s) == sharder(7))
        for reader in (ours, theirs):
            with pytest.raises(KeyError):
                reader[absent]


numbers = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers(-(10**25), 10**25).map(str),
    st.sampled_from(["-0", ".5", "5.", "1e5", "1E-400", "+3", " 2 ", "inf", "0.1000000000000000055511151231257827"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(numbers, numbers, numbers, st.lists(numbers, max_size=4)), min_size=1, max_size=4))
def test_any_text_is_parsed_as_google_parses_it(tmp_path: Path, rows: list[tuple[str, str, str, list[str]]]) -> None:
    text = "\n".join(",".join(["7", x, y, z, *vector]) for x, y, z, vector in rows)
    with zipfile.ZipFile(tmp_path / "0.zip", "w") as archive:
        archive.writestr("5.csv", text)

    def outcome(reader: Any) -> Any:
        try:
            return dict(reader[5])
        except (AssertionError, ValueError) as error:
            return type(error)

    theirs = outcome(google.EmbeddingReader(LocalFiles(), str(tmp_path), one))
    with EmbeddingReader(LocalFiles(), str(tmp_path), one) as ours:
        assert outcome(ours) == theirs


def test_the_trailing_newline_of_google_is_the_one_difference(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "0.zip", "w") as archive:
        archive.writestr("5.csv", "0,1,2,3,4\n1,1,2,4,5\n")
    theirs = google.EmbeddingReader(LocalFiles(), str(tmp_path), one)[5]
    with EmbeddingReader(LocalFiles(), str(tmp_path), one) as ours:
        assert theirs == {**ours[5], (): []}
        assert list(ours[5]) == [(1.0, 2.0, 3.0), (1.0, 2.0, 4.0)]


def test_many_shards_stay_few_open_files(tmp_path: Path) -> None:
    class Counting(LocalFiles):
        def __init__(self) -> None:
            self.files: list[Any] = []

        def open(self, path: str) -> Any:
            self.files.append(super().open(path))
            return self.files[-1]

    count = OPEN_SHARDS + 8
    for number in range(count):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.writestr(f"{number}.csv", f"0,1,2,3,{number}")
    files = Counting()
    with EmbeddingReader(files, str(tmp_path), lambda segment: segment) as reader:
        for _ in range(2):
            for number in range(count):
                assert reader[number] == {(1.0, 2.0, 3.0): [float(number)]}
        assert sum(not file.closed for file in files.files) == OPEN_SHARDS
        opened = len(files.files)
        assert reader[count - 1]
        assert len(files.files) == opened, "the directory of an open shard is not read again"
    assert all(file.closed for file in files.files)
    with pytest.raises(FileNotFoundError):
        reader[count]


def test_get_reader_knows_the_public_data_sets() -> None:
    assert DATA_URL_FROM_KEY_BYTEWIDTH64 == google.DATA_URL_FROM_KEY_BYTEWIDTH64
    asked: list[str] = []

    class Nowhere:
        def open(self, path: str) -> Any:
            asked.append(path)
            raise FileNotFoundError(path)

    for segment in (1, 1014493630, 864691135293126156):
        for make in (get_reader, google.get_reader):
            with pytest.raises(FileNotFoundError):
                make("microns_v343", Nowhere())[segment]
        assert asked[-1] == asked[-2]
        assert asked[-1].endswith(f"/{convention('bytewidth64').shard(segment)}.zip")
    for make in (get_reader, google.get_reader):
        with pytest.raises(ValueError, match="Key not found: h02"):
            make("h02", Nowhere())
