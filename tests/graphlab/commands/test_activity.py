"""correlate and drop-animal as people type them: a summary, limits, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab import Graph
from graphlab.commands.activity import surest


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 traces without names, of which the behaviour follows the first."""
    path = tmp_path_factory.mktemp("correlate") / "g"
    rng = np.random.default_rng(0)
    traces = rng.normal(size=(60, 400))
    time = np.arange(400) * 0.5
    with Graph.create(path) as graph:
        columns = {f"N{at}": traces[at].astype(np.float32) for at in range(60)}
        graph.ingest(pa.table({"time_s": time, **columns}), as_="recordings", animal="w1")
        graph.ingest(pa.table({"time_s": time, "speed": traces[7] + 0.1 * rng.normal(size=400)}), as_="behavior")
    return path


def test_a_pipe_gets_a_summary_and_limit_and_output_are_obeyed(
    graphlab: Callable[..., Any], document: Callable[..., Any], recorded: Path, tmp_path: Path
) -> None:
    ask = ("correlate", recorded, "--surrogates", "99")
    shown = graphlab(*ask)
    assert shown.returncode == 0, shown.stderr
    rows = [line for line in shown.stdout.splitlines() if "speed" in line and "w1" in line and "linear" in line]
    rows = [line for line in rows if not line.startswith("  - ")]
    assert len(rows) == 20
    assert " N7 " in rows[0], "the surest first"
    assert "... 40 more rows; -o FILE writes all 60" in shown.stdout
    few = graphlab(*ask, "--limit", "3").stdout
    assert sum("linear" in line and not line.startswith("  - ") for line in few.splitlines()) == 3
    graphlab(*ask, "-o", tmp_path / "all.parquet")
    assert parquet.read_table(tmp_path / "all.parquet").num_rows == 60
    graphlab(*ask, "-o", tmp_path / "few.parquet", "--limit", "2")
    assert parquet.read_table(tmp_path / "few.parquet")["name"].to_pylist()[0] == "N7"
    (table, *_) = document(*ask, "--limit", "2")["tables"].values()
    assert len(table) == 2
    assert "--limit" in graphlab(*ask, "--limit", "-1").stderr


def test_surest_rows_come_first_and_unknown_ones_last() -> None:
    table = pa.table({"q": [0.5, None, 0.1, float("nan"), 0.1], "value": [1.0, 9.0, -3.0, 9.0, 2.0]})
    assert surest(table)["value"].to_pylist() == [-3.0, 2.0, 1.0, 9.0, 9.0]
    models = pa.table({"r2": [0.1, 0.9, None]})
    assert surest(models)["r2"].to_pylist() == [0.9, 0.1, None]
    plain = pa.table({"x": [3, 1, 2]})
    assert surest(plain) is plain


def test_an_animal_is_dropped(graphlab: Callable[..., Any], refusal: Callable[..., str], tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table({"time_s": np.arange(60.0), "A": np.arange(60.0)}), as_="recordings", animal="w1")
    assert "unknown animal 'w2'; known: w1" in refusal("drop-animal", tmp_path / "g", "w2")
    assert graphlab("drop-animal", tmp_path / "g", "w1").stdout == (
        "animal w1: 1 file of recording and behaviour dropped\n"
    )
