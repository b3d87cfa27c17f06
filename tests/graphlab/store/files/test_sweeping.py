"""What killed writers left goes; what is the graph's, a run's that can go on, or behind a link stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graphlab.store.folder import Folder

PART = f".x.json.part-{os.getpid()}-0123abcd"


def made(tmp_path: Path, *names: str) -> list[Path]:
    Folder.create(tmp_path / "g").close()
    paths = [tmp_path / "g" / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left")
    return paths


LEFT = [
    f"models/{PART}",
    f"results/{PART}",
    f"samples/0123/{PART}",
    f"reports/{PART}",
    f"waiting/{PART}",
    "embeddings/m/0123456789ab-01234567.arrow",
    "embeddings/m/0123456789ab-01234567.ids.arrow",
    "embeddings/m/.writing-abc/0.run",
    "recordings/.writing-12-0123abcd",
    "recordings/0123456789ab-01234567.parquet",
    "tmp/traces-0123456789ab.f32",
    "tmp/duckdb_temp_storage-0.tmp",
]
KEPT = [
    "embeddings/.unfinished-m/part-000000.arrow",
    "embeddings/.unfinished-m/run.json",
    "embeddings/m/notes.txt",
    "recordings/notes.txt",
    "models/x.json",
    "samples/0123/samples-0000000-0000009-10.parquet",
    "tmp/notes.txt",
    "notes.txt",
]


def test_the_next_writer_sweeps(tmp_path: Path) -> None:
    left, kept = made(tmp_path, *LEFT), [tmp_path / "g" / name for name in KEPT]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept")
    Folder.open(tmp_path / "g", read_only=True).close()
    assert all(path.exists() for path in left), "readers remove nothing"
    Folder.open(tmp_path / "g").close()
    assert not [path for path in left if path.exists()]
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize("name", LEFT, ids=[str(number) for number in range(len(LEFT))])
def test_a_shared_writer_sweeps_too(tmp_path: Path, name: str) -> None:
    (left,) = made(tmp_path, name)
    folder = Folder.open(tmp_path / "g", shared=True)
    assert left.exists()
    with folder.transaction():
        folder.set_meta("dataset", "x")
    assert not left.exists()
    folder.close()


@pytest.mark.parametrize(
    "link", ["embeddings", "embeddings/m", "recordings", "models", "tmp", "samples", "samples/0123"]
)
def test_nothing_is_swept_behind_a_link(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    names = [PART, "x.arrow", "x.parquet", "traces-0123456789ab.f32", "m/x.arrow", f"m/{PART}", ".writing-x/0.run"]
    for name in names:
        (outside / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / name).write_text("precious")
    Folder.create(tmp_path / "g").close()
    (tmp_path / "g" / link).parent.mkdir(exist_ok=True)
    (tmp_path / "g" / link).symlink_to(outside)
    Folder.open(tmp_path / "g").close()
    assert all((outside / name).exists() for name in names)


def test_a_second_writer_of_the_same_process_sweeps_nothing(tmp_path: Path) -> None:
    """The first may be in the middle of writing."""
    Folder.create(tmp_path / "g").close()
    first = Folder.open(tmp_path / "g")
    half = tmp_path / "g" / "embeddings" / "m" / ".writing-abc"
    half.mkdir(parents=True)
    Folder.open(tmp_path / "g").close()
    assert half.exists()
    first.close()
    Folder.open(tmp_path / "g").close()
    assert not half.exists()
