"""``graph.circuits.communities``: runs that rerun and that queries join, and what they are held against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import AnalysisError, UnknownNameError

N, BASE = 42, 720575940600000000


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Two communities in two neuropils, types that follow them but for one neuron without; a neuron alone."""
    rng = np.random.default_rng(7)
    part = np.arange(N) % 2
    there = rng.random((N, N)) < np.where(part[:, None] == part, 0.5, 0.04)
    there[-1] = there[:, -1] = False
    pre, post = np.nonzero(there & ~np.eye(N, dtype=bool))
    types: list[str | None] = ["left type" if k else "right type" for k in part]
    types[3] = None
    neurons = pd.DataFrame({"root_id": BASE + np.arange(N), "cell_type": types, "side": "left"})
    rows = pd.DataFrame({"pre_root_id": BASE + pre, "post_root_id": BASE + post})
    rows["weight"] = rng.integers(1, 9, len(rows)).astype(float)
    rows["neuropil"] = np.where(part[pre] == 1, "AL", "MB")
    with Graph.create(tmp_path_factory.mktemp("communities") / "g") as made:
        made.ingest(neurons, as_="neurons")
        made.ingest(rows, as_="connections", duplicates="sum")
        yield made


@pytest.mark.parametrize("method", ["leiden", "infomap", "block-model"])
def test_a_run_that_reruns_and_that_queries_join(graph: Graph, method: str) -> None:
    if method == "infomap":
        pytest.importorskip("infomap")
    result = graph.circuits.communities(method, seeds=3, seed=4)
    assert graph.rerun(result.run_id).equal
    assert graph.circuits.communities(method, seeds=3, seed=4).table.equals(result.table)
    found = graph.query(
        "SELECT c.community, count(*) AS neurons, count(DISTINCT root_id % 2) AS parts FROM communities c "
        "WHERE run_id = $run GROUP BY ALL ORDER BY ALL",
        parameters={"run": result.run_id},
    ).to_pandas()
    assert found["neurons"].tolist() == [21, 20, 1]
    assert found["parts"].tolist() == [1, 1, 1]
    assert found["community"].isna().tolist() == [False, False, True]
    scores = graph.query(
        "SELECT name, against, value, n FROM community_scores WHERE run_id = $run AND start IS NULL ORDER BY ALL",
        parameters={"run": result.run_id},
    ).to_pandas()
    known = scores[scores["against"].notna()]
    assert known["value"].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert known["n"].tolist() == [40, 41, 40, 41]
    assert result.about["stability_ari"] == 1.0
    told = repr(result)
    assert "1 of 42 neurons have no connections, and no community" in told
    assert "1 without one are left out" in told
    assert "- connections: chemical, all pairs" in told
    assert result.scores is not None
    assert result.scores.num_rows == 2 * 3 + 2 + 4


def test_it_is_held_against_what_is_named(graph: Graph) -> None:
    result = graph.circuits.communities(seeds=1, against="side", record=False)
    assert list(result.about["against"]) == ["side"]
    assert result.about["against"]["side"]["ami"] == 0.0
    assert result.about["stability_ari"] is None
    part = graph.circuits.communities(seeds=1, within={"cell_type": "left type"}, record=False)
    assert len(part) == 20
    many = graph.circuits.communities(seeds=1, resolution=4.0, record=False)
    assert many.about["communities"] > 2


def test_bad_input(graph: Graph, tmp_path: Path) -> None:
    before = graph.to_arrow("runs").num_rows
    verb = graph.circuits.communities
    with pytest.raises(UnknownNameError, match="did you mean 'infomap'"):
        verb("infomaps")
    with pytest.raises(UnknownNameError, match="did you mean 'cell_type'"):
        verb(against="cell_typ")
    with pytest.raises(AnalysisError, match="has a value in the column 'nt_type'"):
        verb(against=["nt_type"])
    with pytest.raises(UnknownNameError, match="min_weight"):
        verb(min_weigth=3)
    with pytest.raises(AnalysisError, match="no connection with a weight above 0"):
        verb(min_weight=1e6)
    with pytest.raises(AnalysisError, match="no connection with a weight above 0 is left among 1 "):
        verb(within=[BASE])
    assert graph.to_arrow("runs").num_rows == before
    with Graph.create(tmp_path / "empty") as empty, pytest.raises(AnalysisError, match="among 0 neurons"):
        empty.circuits.communities()
