"""Public data sets by name: descriptions that a reader can follow, files brought whole or not at all."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from graphlab.graph import Graph
from ingest.datasets import DATASETS, Dataset, dataset, fetch
from ingest.dialects import DIALECTS
from ingest.remote_files import RemoteFile
from ingest.schema.errors import ReadError, UnknownNameError
from ingest.schema.space import Resolution
from ingest.schema.words import TABLES


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A folder behind a loopback address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def one(url: str, **known: object) -> Dataset:
    file = RemoteFile(url, as_="connections", **known)  # type: ignore[arg-type]
    return Dataset("mine", "a test", (file,), "nobody", "CC0")


def test_every_description_can_be_followed() -> None:
    for name, found in DATASETS.items():
        assert found.name == name
        assert found.about
        assert found.citation
        assert found.licence
        assert found.files or found.embeddings
        if found.resolution:
            Resolution.parse(found.resolution)
        for file in found.files:
            assert file.url.startswith("https://")
            assert " " not in file.url
            assert file.size
            assert len(file.sha256) == 64
            assert "/" not in file.file_name
            assert file.as_ in TABLES
            assert not isinstance(file.columns, str) or file.columns in DIALECTS


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'larva_winding2023'"):
        dataset("larva_winding2032")


@pytest.mark.parametrize("name", [name for name, found in DATASETS.items() if found.files])
def test_descriptions_fit_the_files(name: str, real_data: Path, tmp_path: Path) -> None:
    """Size, checksum and the way to read them, against the copies of the real-data folder."""
    found = dataset(name)
    for number, file in enumerate(found.files):
        path = real_data / name / file.file_name
        assert path.stat().st_size == file.size
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
        with Graph.create(tmp_path / str(number), resolution=found.resolution) as graph:
            assert file.as_ is not None
            summary = graph.ingest(
                path, file.as_, file.columns, keep=file.keep, header=file.header, **dict(file.options)
            )
            assert summary.rows > 100


def test_a_file_is_fetched_once(served: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served
    (folder / "edges.csv").write_text("pre_root_id,post_root_id,weight\n1,2,3\n")
    told: list[tuple[int, int]] = []
    mine = one(f"{url}/edges.csv", size=38)
    ((path, file),) = fetch(mine, tmp_path / "here", lambda done, whole: told.append((done, whole)))
    assert path.read_bytes() == (folder / "edges.csv").read_bytes()
    assert file is mine.files[0]
    assert told == [(38, 38)]
    (folder / "edges.csv").unlink()
    assert fetch(mine, tmp_path / "here")[0][0] == path
    assert [item.name for item in path.parent.iterdir()] == ["edges.csv"]


def test_a_file_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    assert fetch(one((tmp_path / "a.csv").as_uri()), tmp_path / "here")[0][0].read_text() == "x"


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"size": 4}, "found more than 4 bytes; wanted 4"),
        ({"size": 6}, "found 5 bytes; wanted 6"),
        ({"sha256": "0" * 64}, "sha256 differs"),
        ({"size": 5, "sha256": "0" * 64}, "sha256 differs"),
    ],
)
def test_another_file_is_refused(
    served: tuple[str, Path], tmp_path: Path, known: dict[str, object], message: str
) -> None:
    url, folder = served
    (folder / "a.csv").write_text("1,2,3")
    with pytest.raises(ReadError, match=message):
        fetch(one(f"{url}/a.csv", **known), tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


def test_a_damaged_copy_is_fetched_again(served: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served
    (folder / "a.csv").write_text("1,2,3")
    mine = one(f"{url}/a.csv", sha256=hashlib.sha256(b"1,2,3").hexdigest())
    (tmp_path / "a.csv").write_text("1,2")
    assert fetch(mine, tmp_path)[0][0].read_text() == "1,2,3"


def test_what_cannot_be_fetched(served: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"absent.csv cannot be fetched: HTTP Error 404"):
        fetch(one(f"{served[0]}/absent.csv"), tmp_path / "here")
    with pytest.raises(ReadError, match="fetched are https, http, file addresses only"):
        fetch(one("gs://bucket/a.csv"), tmp_path / "here")
    with pytest.raises(ReadError, match="no files to fetch; its embeddings are read in place"):
        fetch("h01", tmp_path / "here")
    with pytest.raises(UnknownNameError, match="did you mean 'h01'"):
        fetch("h1", tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


def test_a_name_on_disk_cannot_leave_the_folder(served: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served
    (folder / "a.csv").write_text("1")
    mine = one(f"{url}/a.csv")
    mine = replace(mine, files=(replace(mine.files[0], name="../../b.csv"),))
    assert fetch(mine, tmp_path / "here")[0][0] == tmp_path / "here" / "b.csv"
