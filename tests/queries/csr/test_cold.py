"""A counted pattern in a process of its own, once the kernels' machine code is kept: right, and without numba."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.running.machine_code import Kernel
from queries.csr.kernels import kept

COLD = """
import json, sys
from graphlab.graph import Graph
with Graph.open(sys.argv[1], read_only=True) as graph:
    answers = []
    for text in sys.argv[2:]:
        answers.append(graph.query(text, engine="csr").to_arrow().to_pydict())
        assert "pyarrow.compute" not in sys.modules or "count(" not in text
    print(json.dumps(answers))
print(json.dumps([name for name in ("numba", "pandas", "scipy") if name in sys.modules]))
"""
LOOP = "(a)-[e IS synapse]->(b)-[f IS synapse]->(c), (a)-[g IS synapse{}]->(c)"
CYCLE = "(a)-[IS synapse]->(b)-[IS synapse]->(c)-[IS synapse]->(d)-[IS synapse]->(a)"
IDS = "COLUMNS (a.root_id AS a, b.root_id AS b, c.root_id AS c)"
QUESTIONS = (
    f"SELECT count(*) AS n FROM GRAPH_TABLE (connectome MATCH {LOOP.format('')} {IDS})",
    f"SELECT count(*) AS n FROM GRAPH_TABLE (connectome MATCH {LOOP.format(' WHERE g.weight >= 3')} {IDS})",
    f"SELECT count(*) AS n FROM GRAPH_TABLE (connectome MATCH {CYCLE} {IDS})",
    f"SELECT * FROM GRAPH_TABLE (connectome MATCH {LOOP.format(' WHERE g.weight >= 3')} {IDS}) ORDER BY ALL",
)


def test_counts_of_a_cold_process_are_right_and_need_no_numba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(5)
    pairs = np.unique(rng.integers(1, 120, (1_500, 2)), axis=0).astype(np.uint64)
    edges = {"pre_root_id": pairs[:, 0], "post_root_id": pairs[:, 1], "weight": rng.integers(1, 6, len(pairs))}
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table(edges), as_="connections")
        expected = [graph.query(text, engine="duckdb").to_arrow().to_pydict() for text in QUESTIONS]
        assert expected[0]["n"][0] > 100
        for kernel in vars(kept).values():
            if isinstance(kernel, Kernel):
                monkeypatch.setattr(kernel, "_functions", {})  # called as by a process that finds nothing kept
        for text, answer in zip(QUESTIONS, expected, strict=True):
            assert graph.query(text, engine="csr").to_arrow().to_pydict() == answer
    command = [sys.executable, "-c", COLD, str(tmp_path / "g"), *QUESTIONS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [expected, []]
