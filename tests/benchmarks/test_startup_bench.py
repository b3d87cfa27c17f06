"""What a person waits for: importing, asking for help, a first question to a fly-sized graph from a cold process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphlab.graph import Graph

ONE_HOP = (
    "SELECT * FROM GRAPH_TABLE (connectome MATCH (a IS neuron)-[s IS synapse]->(b IS neuron) "
    "WHERE a.root_id = {root} COLUMNS (b.root_id AS post, s.weight AS weight)) ORDER BY weight DESC LIMIT 20"
)


@pytest.fixture(scope="module")
def fly(brain: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("fly") / "g"
    with Graph.create(place) as graph:
        graph.ingest(brain().table(), as_="connections")
    return place


def python(*arguments: str) -> Callable[[], Any]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def test_start_up(fly: Path, side_by_side: Callable[..., Any]) -> None:
    with Graph.open(fly, read_only=True) as graph:
        root = graph.query("SELECT min(pre_root_id) AS r FROM connections").to_arrow()["r"][0].as_py()
    question = ONE_HOP.format(root=root)
    side_by_side(
        "start-up (each its own process)",
        {
            "import graphlab (goal 0.5 s)": python("-c", "import graphlab"),
            "graphlab --help (goal 0.7 s)": python("-m", "graphlab.cli", "--help"),
            "graphlab query, one hop, 2.7 M edges (goal 1.5 s)": python(
                "-m", "graphlab.cli", "query", str(fly), question, "--json"
            ),
            "python -c pass": python("-c", "pass"),
            "import duckdb, pyarrow, numpy": python("-c", "import duckdb, pyarrow, numpy"),
        },
        rounds=7,
    )


def test_one_hop_in_process(fly: Path, side_by_side: Callable[..., Any]) -> None:
    with Graph.open(fly, read_only=True) as graph:
        root = graph.query("SELECT min(pre_root_id) AS r FROM connections").to_arrow()["r"][0].as_py()
        question = ONE_HOP.format(root=root)
        sql = (
            f"SELECT post_root_id AS post, weight FROM connections WHERE pre_root_id = {root} AND kind = 'chemical' "
            "ORDER BY weight DESC LIMIT 20"
        )
        cursor = graph.folder.cursor()
        measured = side_by_side(
            "one hop in process, 2.7 M edges (goal 30 ms)",
            {
                "graph.query": lambda: graph.query(question).to_arrow().num_rows,
                "DuckDB cursor, the same in SQL": lambda: len(cursor.execute(sql).fetchall()),
            },
            rounds=15,
        )
        assert len({m.result for m in measured.values()}) == 1


def test_snapshot(fly: Path, side_by_side: Callable[..., Any]) -> None:
    with Graph.open(fly) as graph:
        started = time.perf_counter()
        made = graph.snapshot()
        first = time.perf_counter() - started
        side_by_side("snapshot, 139 k / 2.7 M, mapped", {"graph.snapshot": lambda: graph.snapshot().m}, rounds=5)
        side_by_side.note(f"snapshot: making it the first time took {first:.2f} s for {made.m:,} connections")
