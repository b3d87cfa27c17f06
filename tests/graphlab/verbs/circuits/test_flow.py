"""``graph.circuits``: every result is a run that reruns, that queries join, and that says what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.circuits.result import CircuitResult
from ingest.schema.errors import AnalysisError

N = 40


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    rng = np.random.default_rng(7)
    neurons = pd.DataFrame(
        {
            "root_id": 720575940600000000 + np.arange(N),
            "cell_type": ["sensor"] * 8 + ["inter"] * 24 + ["motor"] * 8,
            "nt_type": rng.choice(["ACH", "GABA"], N),
        }
    )
    rows = pd.DataFrame({"pre_root_id": rng.integers(0, N - 1, 300), "post_root_id": rng.integers(0, N - 1, 300)})
    rows += 720575940600000000
    rows["weight"] = rng.integers(1, 9, len(rows)).astype(float)
    with Graph.create(tmp_path_factory.mktemp("circuits") / "g") as made:
        made.ingest(neurons, as_="neurons")
        made.ingest(rows, as_="connections", duplicates="sum")
        yield made


VERBS: dict[str, Callable[[Graph], CircuitResult]] = {
    "signal_flow": lambda graph: graph.circuits.signal_flow(min_weight=2),
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_result_is_a_run_that_reruns_and_that_queries_join(graph: Graph, verb: str) -> None:
    result = VERBS[verb](graph)
    run = next(row for row in graph.to_arrow("runs").to_pylist() if row["run_id"] == result.run_id)
    assert run["verb"] == verb
    assert result.notes[0] in run["message"]
    assert graph.rerun(result.run_id).equal
    ids = "root_id" if "root_id" in result.columns else "pre_root_id"
    joined = graph.query(
        f"SELECT count(*) AS rows FROM {result.stored} s JOIN neurons n ON n.root_id = s.{ids} WHERE run_id = $run",
        parameters={"run": result.run_id},
    )
    assert joined.scalar() == len(result) - result.table[ids].null_count > 0
    assert VERBS[verb](graph).table.equals(result.table)
    assert "- weights:" in repr(result)
    before = len(graph.to_arrow("runs"))
    graph.circuits.signal_flow(min_weight=7, record=False)
    assert len(graph.to_arrow("runs")) == before


def test_signal_flow_keeps_components_apart(graph: Graph) -> None:
    rows = graph.circuits.signal_flow().to_arrow().to_pandas()
    assert rows.loc[rows["neurons"] == 1, "flow"].isna().all()
    assert rows.groupby("component")["flow"].mean().dropna().abs().max() < 1e-9
    main = rows[rows["component"] == 0]
    assert main["flow"].is_monotonic_decreasing
    assert rows["root_id"].nunique() == len(rows) == N


def test_a_graph_without_connections_has_no_flow(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as bare:
        bare.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
        with pytest.raises(AnalysisError, match="no chemical connection of at least 0 is left among 2 neurons"):
            bare.circuits.signal_flow()
        assert len(bare.to_arrow("runs")) == 1
