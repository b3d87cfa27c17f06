"""``graphlab motifs``: rows, nulls, patterns, reports, Ctrl-C, one error."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph

COMMAND = [sys.executable, "-W", "error", "-m", "graphlab.cli"]
COLUMNS = {"motif", "edges", "count", "count_noninduced", "null_mean", "null_std", "ratio", "z", "p", "q"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("motifs")
    rng = np.random.default_rng(1)
    ids = np.arange(80, dtype=np.uint64) + np.uint64(720575940600000000)
    edges = np.unique(rng.integers(0, 80, (700, 2)), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    neurons = pd.DataFrame({"root_id": ids, "cell_type": ["A", "B", "C", None] * 20})
    wiring = {"pre_root_id": ids[edges[:, 0]], "post_root_id": ids[edges[:, 1]]}
    for name, frame in (("g", edges), ("h", edges[::2])):
        with Graph.create(folder / name, dataset=f"eighty {name}") as graph:
            graph.ingest(neurons, as_="neurons")
            rows = {key: value[:: len(edges) // len(frame)] for key, value in wiring.items()}
            rows["weight"] = rng.integers(1, 9, len(rows["pre_root_id"]))
            graph.ingest(pd.DataFrame(rows), as_="connections")
    return folder


@pytest.mark.parametrize(("size", "classes"), [(2, 3), (3, 16), (4, 199)])
def test_every_class_is_a_row_with_its_null(document: Callable[..., Any], made: Path, size: int, classes: int) -> None:
    plain = document("motifs", made / "g", "--size", str(size))
    tested = document("motifs", made / "g", "--size", str(size), "--samples", "12", "--seed", "5")
    assert [len(d["motifs"]) for d in (plain, tested)] == [classes, classes]
    for counted, row in zip(plain["motifs"], tested["motifs"], strict=True):
        assert set(row) >= COLUMNS
        assert {"motif", "edges", "count", "count_noninduced"} <= set(counted)
        assert "z" not in counted
        for name in ("motif", "edges", "count", "count_noninduced"):
            assert row[name] == counted[name]
        if row["null_mean"]:
            assert row["ratio"] == pytest.approx(row["count"] / row["null_mean"])
        for name in COLUMNS - {"motif", "edges"}:
            assert row[name] is None or math.isfinite(row[name])
    assert tested["null"] == ("configuration" if size == 2 else "reciprocal")
    assert tested["samples"] == 12
    assert any("Null '" in note for note in tested["notes"])
    assert any("not corrected for triads" in note for note in tested["notes"]) == (size == 4)
    with Graph.open(made / "g", read_only=True) as graph:
        found = graph.motifs.significance(size, samples=12, seed=5)
    assert [row["null_mean"] for row in tested["motifs"]] == pytest.approx(found.mean.tolist())


def test_workers_change_nothing(document: Callable[..., Any], made: Path) -> None:
    both = []
    for workers in ("1", "2"):
        shutil.rmtree(made / "h" / "samples", ignore_errors=True)
        arguments = ("--samples", "9", "--null", "configuration", "--seed", "7", "--workers", workers)
        both.append(document("motifs", made / "h", *arguments))
    assert both[0] == both[1]


def test_groups_are_counted_beside_the_whole(document: Callable[..., Any], made: Path) -> None:
    rows = document("motifs", made / "g", "--samples", "5", "--by", "cell_type")["motifs"]
    assert len(rows) == 16 * 4
    assert [row["z"] for row in rows[16:]] == [None] * 48
    assert {row["group"] for row in rows} == {None, "A", "B", "C"}
    block = document(
        "motifs", made / "g", "--samples", "5", "--null", "block", "--by", "cell_type", "--min-weight", "2"
    )
    assert "between every two types" in block["notes"][0]


def test_files_and_terminal(graphlab: Callable[..., Any], made: Path, tmp_path: Path) -> None:
    done = graphlab("motifs", made / "g", "--samples", "6", "-o", tmp_path / "rows.csv")
    assert (done.returncode, done.stdout) == (0, f"16 rows in {tmp_path / 'rows.csv'}\n")
    assert set(pd.read_csv(tmp_path / "rows.csv").columns) >= COLUMNS
    done = graphlab("motifs", made / "g", "--samples", "6")
    assert "030T" in done.stdout
    assert "are needed, or 259 if" in done.stdout


def test_reports_and_profiles(
    graphlab: Callable[..., Any], document: Callable[..., Any], made: Path, tmp_path: Path
) -> None:
    found = document(
        "motifs",
        made / "g",
        "--samples",
        "6",
        "--size",
        "4",
        "--compare",
        made / "h",
        "--report",
        tmp_path / "page.html",
    )
    assert len(found["profiles"]) == 2 * 199
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Subgraph ratio profile" in page
    assert "eighty g" in page
    assert (tmp_path / "page_files" / "profiles_4.parquet").is_file()
    done = graphlab("motifs", made / "g", "--report", tmp_path / "plain.html")
    assert "report:" in done.stdout
    assert (tmp_path / "plain_files" / "triad_census.csv").is_file()


PATTERN = """SELECT * FROM GRAPH_TABLE (connectome
  MATCH (a IS neuron)-[s IS synapse]->(b IS neuron)-[t IS synapse]->(a)
  WHERE a.cell_type = 'A' AND b.cell_type = 'B' COLUMNS (a.root_id AS a, b.root_id AS b))"""


def test_a_pattern_is_counted_and_tested(
    graphlab: Callable[..., Any], document: Callable[..., Any], made: Path, tmp_path: Path
) -> None:
    counted = document("motifs", made / "g", "--pattern", PATTERN)["motifs"]
    rows = json.loads(graphlab("query", made / "g", PATTERN, "--json", "--count").stdout)
    assert counted == [{"motif": PATTERN, "count": rows[0]["count"]}]
    (tmp_path / "p.sql").write_text(PATTERN)
    tested = document(
        "motifs", made / "g", "--pattern", f"@{tmp_path / 'p.sql'}", "--samples", "6", "--null", "configuration"
    )
    assert tested["motifs"][0]["count"] == counted[0]["count"] > 0
    assert set(tested["motifs"][0]) >= COLUMNS - {"edges", "count_noninduced"}
    cypher = "MATCH (a:Neuron)-[:ConnectsTo]->(b:Neuron) RETURN a.root_id"
    assert document("motifs", made / "g", "--pattern", cypher, "--language", "cypher")["motifs"][0]["count"] > 100


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "9"], "sizes are 2 (dyads), 3 (triads), 4 (tetrads)"),
        (["--samples", "5", "--null", "configuraton"], "did you mean 'configuration'"),
        (["--samples", "5", "--null", "spatial"], "every position is missing or zero"),
        (["--samples", "5", "--null", "spatial", "--near", "neuropil"], "no neuron has a neuropil"),
        (["--samples", "5", "--null", "block", "--by", "super_class"], "no neuron has a cell type"),
        (["--samples", "5", "--null", "block", "--by", "celltype"], "did you mean 'cell_type'"),
        (["--samples", "5", "--min-weight", "100"], "no connections"),
        (["--null", "er"], "give --samples N"),
        (["--pattern", PATTERN, "--by", "cell_type"], "--pattern goes with"),
        (["--pattern", "MATCH nonsense"], "line 1"),
        (["--samples", "5", "--compare", "absent"], "is no graph"),
    ],
)
def test_one_error_that_says_what_is_possible(
    refusal: Callable[..., str], made: Path, arguments: list[str], words: str
) -> None:
    assert words in refusal("motifs", made / "g", *arguments)


def test_a_null_that_cannot_mix_says_so_in_place_of_z(
    graphlab: Callable[..., Any], document: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "star.csv").write_text("pre_name,post_name,weight\n" + "".join(f"hub,n{k},1\n" for k in range(30)))
    graphlab("init", tmp_path / "g")
    assert graphlab("ingest", tmp_path / "g", tmp_path / "star.csv", "--as", "connections").returncode == 0
    found = document("motifs", tmp_path / "g", "--samples", "20")
    assert {row["z"] for row in found["motifs"]} == {None}
    assert any("cannot mix" in note for note in found["notes"])


def saved_numbers(graph: Path) -> set[int]:
    import pyarrow.parquet as pq

    parts = [pq.read_table(part)["sample"].to_pylist() for part in (graph / "samples").glob("*/samples-*.parquet")]
    assert sum(map(len, parts)) == len(set().union(*parts)), "a sample is saved once"
    return set().union(*parts)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_is_done_and_running_again_goes_on(
    document: Callable[..., Any], made: Path, tmp_path: Path, workers: str
) -> None:
    graph = tmp_path / "g"
    with Graph.open(made / "h", read_only=True) as source, Graph.create(graph) as copy:
        copy.ingest(source.to_arrow("connections").select(["pre_root_id", "post_root_id", "weight"]), as_="connections")
    arguments = ["motifs", str(graph), "--samples", "500000", "--workers", workers, "--seed", "3"]
    running = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 500
    while not list((graph / "samples").glob("*/samples-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert running.poll() is None, running.communicate()
    running.send_signal(signal.SIGINT)
    out, told = running.communicate(timeout=300)
    kept = len(saved_numbers(graph))
    assert running.returncode == 130, (out, told)
    assert f"interrupted: {kept} of 500000 null samples are saved in {graph}" in told
    assert "run again to continue" in told
    assert "Traceback" not in told
    assert kept > 10

    before = {part: part.stat().st_mtime_ns for part in (graph / "samples").glob("*/*.parquet")}
    # Of two workers one may have been ahead of the other: what lies between is drawn, nothing else.
    holes = len(set(range(kept)) - saved_numbers(graph))
    assert holes < kept / 2
    again = document("motifs", graph, "--samples", str(kept), "--seed", "3")
    assert {part: part.stat().st_mtime_ns for part in before} == before
    assert len(saved_numbers(graph)) == kept + holes
    with Graph.open(graph, read_only=True) as opened:
        fresh = opened.motifs.significance(3, samples=min(kept, 300), seed=3)
        assert opened.motifs.kept_significance()[0][1].counts[: len(fresh.counts)].tobytes() == fresh.counts.tobytes()
    assert again["samples"] == kept


@pytest.mark.slow
def test_progress_with_remaining_time_in_a_terminal(made: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        # A terminal nobody reads would fill and hold the program up; closing the other end ends the reading.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65536):
                seen.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    command = [*COMMAND, "motifs", str(made / "g"), "--samples", "1000", "--seed", "8", "--null", "configuration"]
    terminal = {**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    done = subprocess.run(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=theirs, env=terminal, check=True, timeout=500
    )
    os.close(theirs)
    reader.join(timeout=20)
    os.close(ours)
    assert json.loads(done.stdout)["samples"] == 1000
    text = b"".join(seen).decode(errors="replace")
    assert "null samples" in text
    assert "does the null mix" in text
    assert "/1000" in text


def test_counting_and_reading_go_on_together(document: Callable[..., Any], made: Path, tmp_path: Path) -> None:
    """A reader that is there first is waited for when the result is written; one that comes meanwhile may read."""
    folder = tmp_path / "g"
    shutil.copytree(made / "g", folder)
    read = (
        "import sys; from graphlab import Graph; "
        f"g = Graph.open({str(folder)!r}, read_only=True); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", read]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        let_go = threading.Timer(1.0, reader.communicate)
        let_go.start()
        counted = document("motifs", folder, "--size", "3")
        let_go.join()
    with Graph.open(folder, shared=True) as graph:
        assert {row["motif"]: row["count"] for row in counted["motifs"]} == graph.motifs.census(3, record=False).counts
        runs = len(graph.to_arrow("runs"))
        came = []

        def look(done: int, total: int) -> None:
            if not came:
                came.append(subprocess.run(command, input="", capture_output=True, text=True, check=False))

        graph.motifs.census(4, min_weight=0.25, progress=look)  # no other test here asks for this weight
        assert (came[0].returncode, came[0].stdout) == (0, "open\n"), came[0].stderr
        assert len(graph.to_arrow("runs")) == runs + 1
