"""Create, open, lock, versions, transactions."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from graphlab.graph import Graph
from graphlab.store.database import FORMAT_VERSION, first_row, quote
from graphlab.store.folder import DATABASE, Folder
from ingest.schema.errors import StoreBusyError, StoreError, VersionError


def test_create_then_open_keeps_what_was_said(tmp_path: Path) -> None:
    Folder.create(tmp_path / "g", "fly", "4,4,40", "783").close()
    folder = Folder.open(tmp_path / "g", read_only=True)
    assert (folder.meta("dataset"), folder.meta("materialization"), str(folder.resolution)) == ("fly", "783", "4,4,40")
    assert folder.meta("format_version") == FORMAT_VERSION
    folder.close()


def test_a_folder_that_is_no_graph(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist.*graphlab init"):
        Folder.open(tmp_path / "absent")
    with pytest.raises(StoreError, match=r"holds no graph\.duckdb"):
        Folder.open(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty and is not a graph"):
        Folder.create(tmp_path)
    with pytest.raises(StoreError, match="is a file"):
        Folder.create(tmp_path / "notes.txt")
    assert [item.name for item in tmp_path.iterdir()] == ["notes.txt"]


def test_a_database_of_something_else(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / DATABASE)).close()
    with pytest.raises(StoreError, match="a database of something else"):
        Folder.open(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        Folder.open(tmp_path)


def test_a_graph_is_made_once(tmp_path: Path) -> None:
    Folder.create(tmp_path / "g").close()
    with pytest.raises(StoreError, match="is a graph already"):
        Folder.create(tmp_path / "g")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    folder = Folder.create(tmp_path / "g")
    with folder.transaction():
        folder.set_meta("format_version", 999)
    folder.close()
    with pytest.raises(VersionError, match="format 999.*upgrade"):
        Folder.open(tmp_path / "g")


def test_an_older_format_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph of this format opened by a graphlab of the next gets the next script, once."""
    following = FORMAT_VERSION + 1
    Folder.create(tmp_path / "g").close()
    scripts = tmp_path / "package" / "migrations"
    scripts.mkdir(parents=True)
    (scripts / "001_first_format.sql").write_text("CREATE TABLE meta (key VARCHAR);")
    (scripts / f"{following:03}_more.sql").write_text("ALTER TABLE neurons ADD COLUMN lineage VARCHAR;")
    monkeypatch.setattr("graphlab.store.database.files", lambda package: tmp_path / "package")
    monkeypatch.setattr("graphlab.store.database.FORMAT_VERSION", following)
    for _ in range(2):
        folder = Folder.open(tmp_path / "g", read_only=True)
        assert folder.meta("format_version") == following
        names = [row[0] for row in folder.connection.execute("DESCRIBE neurons").fetchall()]
        assert "lineage" in names
        folder.close()


def test_a_graph_another_process_writes_is_busy(tmp_path: Path) -> None:
    Folder.create(tmp_path / "g").close()
    hold = (
        "import sys; from graphlab.store.folder import Folder; "
        f"f = Folder.open({str(tmp_path / 'g')!r}); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreBusyError, match=f"in use by process {other.pid}"):
            Folder.open(tmp_path / "g", read_only=True)
        other.communicate()
    Folder.open(tmp_path / "g").close()


def test_two_readers_share_a_graph(tmp_path: Path) -> None:
    Folder.create(tmp_path / "g").close()
    folder = Folder.open(tmp_path / "g", read_only=True)
    code = f"from graphlab.store.folder import Folder; Folder.open({str(tmp_path / 'g')!r}, read_only=True).close()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(StoreError, match="reading only"), folder.transaction():
        pass
    folder.close()


HOLD = (
    "import sys; from graphlab.store.folder import Folder; "
    "f = Folder.open({path!r}, read_only=True); print('open', flush=True); sys.stdin.read()"
)


def test_a_shared_graph_is_read_by_others_between_its_transactions(tmp_path: Path) -> None:
    """While a count runs, another process reads; while it writes, nobody does; what it wrote is seen at once."""
    Folder.create(tmp_path / "g").close()
    folder = Folder.open(tmp_path / "g", shared=True)
    look = (
        "import sys; from graphlab.store.folder import Folder; "
        f"f = Folder.open({str(tmp_path / 'g')!r}, read_only=True); print(f.meta('dataset')); f.close()"
    )

    def seen() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)

    assert seen().stdout == "None\n"
    with folder.transaction():
        folder.set_meta("dataset", "written")
        assert "StoreBusyError" in seen().stderr
    assert seen().stdout == "written\n"
    assert folder.meta("dataset") == "written"
    with pytest.raises(ZeroDivisionError), folder.transaction():
        folder.set_meta("dataset", "never")
        1 / 0  # noqa: B018
    assert folder.meta("dataset") == "written"
    folder.close()
    assert seen().returncode == 0


def test_a_shared_graph_waits_for_readers_and_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Folder.create(tmp_path / "g").close()
    folder = Folder.open(tmp_path / "g", shared=True)
    command = [sys.executable, "-c", HOLD.format(path=str(tmp_path / "g"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        monkeypatch.setattr("graphlab.store.folder.LONGEST_WAIT_S", 0.1)
        with pytest.raises(StoreBusyError, match=f"in use by process {reader.pid}"), folder.transaction():
            pytest.fail("two processes have the graph")
        assert folder.meta("format_version") is not None, "it is read again after that"
        monkeypatch.setattr("graphlab.store.folder.LONGEST_WAIT_S", 60.0)
        let_go = threading.Timer(0.3, reader.communicate)
        let_go.start()
        with folder.transaction():
            folder.set_meta("dataset", "after the reader")
        let_go.join()
    assert folder.meta("dataset") == "after the reader"
    folder.close()


def test_killed_while_it_counts_or_writes_a_shared_graph_is_whole(tmp_path: Path) -> None:
    Folder.create(tmp_path / "g").close()
    work = (
        "import sys; from graphlab.store.folder import Folder; "
        f"f = Folder.open({str(tmp_path / 'g')!r}, shared=True); t = f.transaction()\n"
        "if sys.argv[1] == 'write':\n    t.__enter__(); f.set_meta('dataset', 'half')\n"
        "print('there', flush=True); sys.stdin.read()"
    )
    for moment in ("count", "write"):
        command = [sys.executable, "-c", work, moment]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "there\n"
            other.kill()
        folder = Folder.open(tmp_path / "g", shared=True)
        assert folder.meta("dataset") is None
        with folder.transaction():
            folder.set_meta("resolution_nm", [4, 4, 40])
        folder.close()


def test_a_failed_transaction_leaves_no_trace(tmp_path: Path) -> None:
    folder = Folder.create(tmp_path / "g")
    with pytest.raises(KeyboardInterrupt), folder.transaction() as connection:
        connection.execute("INSERT INTO neurons (root_id) VALUES (7)")
        connection.execute("ALTER TABLE neurons ADD COLUMN extra VARCHAR")
        connection.execute("SELECT * FROM range(1000000)")  # an answer nobody read
        raise KeyboardInterrupt
    assert first_row(folder.connection, "SELECT count(*) FROM neurons") == (0,)
    assert "extra" not in [row[0] for row in folder.connection.execute("DESCRIBE neurons").fetchall()]
    with folder.transaction() as connection:
        connection.execute("INSERT INTO neurons (root_id) VALUES (8)")
    assert first_row(folder.connection, "SELECT count(*) FROM neurons") == (1,)
    folder.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "COPY neurons TO 'stolen.csv'",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
    ],
)
def test_the_connection_reaches_nothing_beside_the_graph(tmp_path: Path, statement: str) -> None:
    folder = Folder.create(tmp_path / "g")
    with pytest.raises(duckdb.Error, match=r"disabled|locked|Cannot|permission|Permission"):
        folder.connection.execute(statement)
    folder.close()


def test_quote_keeps_any_name_a_name(tmp_path: Path) -> None:
    connection = duckdb.connect()
    name = 'a"; DROP TABLE t; --'
    connection.execute(f"CREATE TABLE t ({quote(name)} INTEGER)")
    assert connection.execute("DESCRIBE t").fetchall()[0][0] == name


def test_a_folder_nobody_can_write_to() -> None:
    with pytest.raises(StoreError, match="cannot be written.*choose a folder you may write to"):
        Folder.create("/proc/graphlab")


FILL_THE_DISK = """
import resource, signal, sys
import numpy as np, pyarrow as pa
from graphlab.graph import Graph
from graphlab.store.runs.runs import hash_table
from ingest.schema.errors import StoreError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
n = 300_000
rng = np.random.default_rng(0)
ids = rng.permutation(n).astype(np.uint64)
small = pa.table({"pre_root_id": ids[:9], "post_root_id": ids[9:18], "weight": np.ones(9)})
large = pa.table({"pre_root_id": ids, "post_root_id": rng.permutation(ids), "weight": rng.random(n)})
with Graph.create(sys.argv[1]) as graph:
    graph.ingest(small, as_="connections")
    before = hash_table(graph.to_arrow("connections"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, resource.RLIM_INFINITY))
    try:
        graph.ingest(large, as_="connections", duplicates="sum")
    except StoreError as error:
        print(error)
    else:
        sys.exit("the disk was not full")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with Graph.open(sys.argv[1]) as graph:
    assert hash_table(graph.to_arrow("connections")) == before
    graph.ingest(large, as_="connections", duplicates="sum")
    assert graph.info().counts["connections"] > n - 9
"""


def test_a_full_disk_leaves_the_graph_as_it_was(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: writes fail in the same places."""
    done = subprocess.run([sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "g")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert "free space" in done.stdout


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_files_that_come_with_a_commit_are_there_with_it(tmp_path: Path, moment: str) -> None:
    """Killed before the commit the earlier file is there; killed between the commit and the rename the later one."""
    place = tmp_path / "g" / "models" / "x.json"
    folder = Folder.create(tmp_path / "g")
    with folder.transaction(), folder.arriving(place) as new:
        new.write_text("earlier")
        assert not place.exists()
    assert place.read_text() == "earlier"
    folder.close()
    work = (
        "import os, sys, pathlib; from graphlab.store.folder import Folder\n"
        "place = pathlib.Path(sys.argv[1]); folder = Folder.open(place.parent.parent)\n"
        "if sys.argv[2] == 'after the commit': folder._finish_arrivals = lambda: os._exit(7)\n"
        "with folder.transaction():\n"
        "    with folder.arriving(place) as new: new.write_text('later')\n"
        "    folder.set_meta('dataset', 'later')\n"
        "    if sys.argv[2] == 'before the commit': os._exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", work, str(place), moment], check=False)
    assert done.returncode == 7
    assert place.read_text() == "earlier"
    wanted = "later" if moment == "after the commit" else None
    folder = Folder.open(tmp_path / "g", read_only=True)
    assert folder.meta("dataset") == wanted
    assert place.read_text() == (wanted or "earlier")
    folder.close()
    Folder.open(tmp_path / "g").close()
    assert [item.name for item in place.parent.iterdir()] == ["x.json"]


def test_ctrl_c_in_a_statement_is_ctrl_c(tmp_path: Path) -> None:
    """DuckDB calls it a RuntimeError; the graph is as it was."""
    work = (
        "import signal, sys, os, threading; from graphlab.store.folder import Folder\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "folder = Folder.open(sys.argv[1])\n"
        "try:\n"
        "    with folder.transaction() as connection:\n"
        "        connection.execute('INSERT INTO neurons (root_id) VALUES (1)')\n"
        "        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "        connection.execute('INSERT INTO neurons (root_id) SELECT a.range + b.range FROM range(60000) a, "
        "range(60000) b')\n"
        "except KeyboardInterrupt:\n"
        "    rows = folder.connection.execute('SELECT count(*) FROM neurons').fetchall()\n"
        "    folder.close(); print(rows)"
    )
    Folder.create(tmp_path / "g").close()
    done = subprocess.run(
        [sys.executable, "-c", work, str(tmp_path / "g")], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "[(0,)]\n"), done.stderr


def test_init_that_was_interrupted_can_be_run_again(tmp_path: Path) -> None:
    """Under the same process number, too, as in a container."""
    for name in ("graph.duckdb.new", f"graph.duckdb.new{os.getpid()}", "graph.duckdb.new.wal"):
        (tmp_path / "g").mkdir(exist_ok=True)
        (tmp_path / "g" / name).write_bytes(b"half a database")
    Folder.create(tmp_path / "g").close()
    assert [item.name for item in (tmp_path / "g").iterdir()] == [DATABASE]


def test_a_database_that_is_a_link_is_refused(tmp_path: Path) -> None:
    Folder.create(tmp_path / "g").close()
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / DATABASE).symlink_to(tmp_path / "g" / DATABASE)
    with pytest.raises(StoreError, match="is a link to"):
        Folder.open(tmp_path / "h")


def test_a_closed_graph_says_so(tmp_path: Path) -> None:
    graph = Graph.create(tmp_path / "g")
    graph.close()
    assert repr(graph) == "<Graph g: closed>"
    asks = (
        graph.info,
        lambda: graph.neurons(),
        lambda: graph.query("SELECT 1"),
        lambda: graph.sets.list(),
        graph.snapshot,
    )
    for ask in asks:
        with pytest.raises(StoreError, match="is closed; open it again"):
            ask()
