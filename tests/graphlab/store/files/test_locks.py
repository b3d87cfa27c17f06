"""Many readers or one writer, whatever handles come and go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphlab.graph import Graph
from graphlab.store.files.locks import Lock
from graphlab.store.folder import DATABASE, Folder
from ingest.schema.errors import StoreBusyError, StoreError
from ingest.synthetic import connectome

ASK = """
import sys
from graphlab.store.folder import Folder
from ingest.schema.errors import StoreBusyError
for line in sys.stdin:
    path, word = line.split()
    try:
        folder = Folder.open(path)
    except StoreBusyError:
        print("busy", flush=True)
        continue
    with folder.transaction():
        folder.set_meta(word, 1)
    folder.close()
    print("written", flush=True)
"""


@pytest.fixture(scope="module")
def other() -> Iterator[Callable[[Path, str], str]]:
    """Another process that is asked to write a word into the graph."""
    with subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(path: Path, word: str) -> str:
            process.stdin.write(f"{path} {word}\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return process.stdout.readline().strip()  # type: ignore[union-attr]

        yield ask
        process.stdin.close()


@pytest.mark.parametrize("handle", ["open", "copy", "hash"])
def test_a_handle_that_is_closed_does_not_let_another_writer_in(
    tmp_path: Path, other: Callable[[Path, str], str], handle: str
) -> None:
    path = tmp_path / "g"
    folder = Folder.create(path)
    if handle == "open":
        (path / DATABASE).open("rb").close()
    elif handle == "copy":
        shutil.copy(path / DATABASE, tmp_path / "copy")
    else:
        (tmp_path / "more").symlink_to(path)
        from graphlab.store.runs.runs import hash_source

        hash_source(tmp_path)
    assert other(path, "theirs") == "busy"
    with folder.transaction():
        folder.set_meta("mine", 1)
    folder.close()
    assert other(path, "theirs") == "written"
    with_both = Folder.open(path)
    assert (with_both.meta("mine"), with_both.meta("theirs")) == (1, 1)
    with_both.close()


def test_two_processes_write_throughout_every_kind_of_ingest(tmp_path: Path, other: Callable[[Path, str], str]) -> None:
    """The graph lies among its sources; at every word of progress another process asks to write, and has to wait."""
    made = connectome.make(
        tmp_path, neurons=50, synapses=1600, seed=0, recorded=6, frames=300, nodes=2, width=64, num_shards=1
    )
    pq.write_table(pa.table({"pre_root_id": [1], "post_root_id": [2], "weight": [1.0]}), tmp_path / "ready.parquet")
    path = tmp_path / "embeddings" / "g"
    Graph.create(path, materialization="1").close()
    sources: list[tuple[Path, str, dict[str, Any]]] = [
        (made.neurons, "neurons", {}),
        (made.synapses, "synapses", {"columns": "cave", "resolution": "4,4,40"}),
        (tmp_path / "ready.parquet", "connections", {"kind": "electrical"}),
        (made.embeddings, "embeddings", {"model": "m", "segmentation_version": "1"}),
        (made.recordings, "recordings", {}),
        (made.behavior, "behavior", {}),
    ]
    said: list[str] = []
    for source, as_, options in sources:
        with Graph.open(path) as graph:
            summary = graph.ingest(source, as_=as_, progress=lambda *_: said.append(other(path, "never")), **options)
            said.append(other(path, "never"))
            assert not summary.already_there
            assert graph.ingest(source, as_=as_, **options).already_there, f"{as_}: the graph changed its own source"
        assert other(path, f"after_{as_}") == "written"
    assert set(said) == {"busy"}
    assert len(said) > len(sources)
    with Graph.open(path, read_only=True) as graph:
        kept = [graph.folder.meta(f"after_{as_}") for _, as_, _ in sources]
        assert kept == [1] * len(sources)
        assert graph.folder.meta("never") is None
        assert len(graph.folder.connection.execute("SELECT 1 FROM runs WHERE verb = 'ingest'").fetchall()) == 6


def test_readers_share_and_writers_do_not(tmp_path: Path) -> None:
    first, second = (Lock(tmp_path, alone=False) for _ in range(2))
    ask = (
        "import sys, pathlib; from graphlab.store.files.locks import Lock\n"
        "try: Lock(pathlib.Path(sys.argv[1]), alone=sys.argv[2] == 'alone'); print('had')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    def tried(how: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", ask, str(tmp_path), how], capture_output=True, text=True, check=True
        )
        return done.stdout

    assert tried("shared") == "had\n"
    assert f"in use by process {os.getpid()}" in tried("alone")
    first.take_alone()
    assert first.first_writer
    assert f"StoreBusyError {tmp_path} is in use by process {os.getpid()}" in tried("shared")
    first.share()
    assert tried("shared") == "had\n"
    first.release()
    first.release()
    assert "in use" in tried("alone")
    second.release()
    assert tried("alone") == "had\n"


def test_asking_for_all_of_it_in_vain_keeps_the_share(tmp_path: Path) -> None:
    hold = (
        "import sys, pathlib; from graphlab.store.files.locks import Lock\n"
        "Lock(pathlib.Path(sys.argv[1]), alone=False); print('had', flush=True); sys.stdin.read()"
    )
    mine = Lock(tmp_path, alone=False)
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "had\n"
        with pytest.raises(StoreBusyError, match=f"process {reader.pid}"):
            mine.take_alone()
        assert not mine.alone
        reader.communicate()
    late = (
        "import sys, pathlib; from graphlab.store.files.locks import Lock; Lock(pathlib.Path(sys.argv[1]), alone=True)"
    )
    done = subprocess.run([sys.executable, "-c", late, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "StoreBusyError" in done.stderr
    mine.release()


def test_a_forked_child_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\nfrom graphlab.store.files.locks import Lock\n"
        "lock = Lock(pathlib.Path(sys.argv[1]), alone=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n    os.read(0, 1); os._exit(0)\n"
        "lock.release()\nprint('released', flush=True)\nos.waitpid(child, 0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as both:
        assert both.stdout is not None
        assert both.stdout.readline() == "released\n"
        Lock(tmp_path, alone=True).release()
        both.communicate("x")


@pytest.mark.parametrize("what", ["moved", "replaced", "removed", "database replaced"])
def test_a_graph_moved_or_replaced_while_open_is_noticed_before_a_write(tmp_path: Path, what: str) -> None:
    path = tmp_path / "g"
    folder = Folder.create(path)
    if what in ("moved", "replaced"):
        path.rename(tmp_path / "elsewhere")
    if what == "removed":
        shutil.rmtree(path)
    if what == "replaced":
        shutil.copytree(tmp_path / "elsewhere", path)
    if what == "database replaced":
        shutil.copy(path / DATABASE, tmp_path / "copy")
        (tmp_path / "copy").replace(path / DATABASE)
    with pytest.raises(StoreError, match="moved, removed or replaced while it was open"), folder.transaction():
        pytest.fail("written into another folder")
    folder.close()
    if what == "replaced":
        assert sorted(item.name for item in path.iterdir()) == [DATABASE]


def test_a_graph_is_found_after_the_working_folder_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Folder.create("g")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    with folder.transaction():
        folder.set_meta("dataset", "here")
    folder.close()
    assert not list((tmp_path / "other").iterdir())
    assert json.dumps(Folder.open(tmp_path / "g", read_only=True).meta("dataset")) == '"here"'
