"""``graph.circuits.spectral`` and ``connectivity_clusters``: runs that rerun and that queries join."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.statistics.spectral import spectral_embedding
from ingest.schema.errors import AnalysisError, UnknownNameError

N, BASE = 24, 720575940600000000


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Four types in a ring, each sends to the next; one neuron without a type, one without connections."""
    rng = np.random.default_rng(1)
    part = np.arange(N) % 4
    there = rng.random((N, N)) < np.where((part[:, None] + 1) % 4 == part, 0.9, 0.02)
    there[-1] = there[:, -1] = False
    pre, post = np.nonzero(there & ~np.eye(N, dtype=bool))
    types: list[str | None] = ["<b>", "A", "B", "C"] * (N // 4)
    types[0] = None
    rows = pd.DataFrame({"pre_root_id": BASE + pre, "post_root_id": BASE + post})
    rows["weight"] = rng.integers(1, 9, len(rows)).astype(float)
    with Graph.create(tmp_path_factory.mktemp("clusters") / "g") as made:
        made.ingest(pd.DataFrame({"root_id": BASE + np.arange(N), "cell_type": types}), as_="neurons")
        made.ingest(rows, as_="connections", duplicates="sum")
        yield made


def test_spectral_features_join(graph: Graph) -> None:
    result = graph.circuits.spectral(3, min_weight=2)
    assert graph.rerun(result.run_id).equal
    assert len(result) == N * 6
    weights = graph.circuits.weights(min_weight=2)
    wanted = spectral_embedding(weights.matrix(weights.graph.weight), 3)
    found = graph.query(
        "SELECT n.root_id, s.value FROM spectral_features s JOIN neurons n USING (root_id) "
        "WHERE run_id = $run AND direction = 'in' AND dimension = 1 ORDER BY ALL",
        parameters={"run": result.run_id},
    ).to_pandas()
    np.testing.assert_allclose(found["value"], wanted[:, 4])
    assert found["root_id"].tolist() == weights.graph.root_ids.tolist()
    with pytest.raises(AnalysisError, match="24 neurons in 23 dimensions"):
        graph.circuits.spectral(23)
    with pytest.raises(AnalysisError, match="is left among"):
        graph.circuits.spectral(2, min_weight=1e6)


def test_neurons_of_like_partners(graph: Graph) -> None:
    result = graph.circuits.connectivity_clusters(cut=0.8)
    assert graph.rerun(result.run_id).equal
    rows = result.to_pandas()
    assert len(rows) == N - 1
    assert "1 of 24 items have no connections (outputs and inputs) and are left out" in repr(result)
    parts = (rows["root_id"] - BASE) % 4
    assert parts.groupby(rows["cluster"]).nunique().tolist() == [1, 1, 1, 1]
    stored = graph.query(
        "SELECT count(*) FROM connectivity_merges WHERE run_id = $run", parameters={"run": result.run_id}
    )
    assert stored.scalar() == N - 2
    assert result.merges is not None
    assert result.merges["leaves"][-1].as_py() == N - 1
    some = graph.circuits.connectivity_clusters(neurons=[BASE, BASE + 4, BASE + 1], record=False)
    assert sorted(some.table["item"].to_pylist()) == [str(BASE), str(BASE + 1), str(BASE + 4)]
    one = graph.circuits.connectivity_clusters(neurons=[BASE], record=False)
    assert one.table["cluster"].to_pylist() == [0]


def test_types_of_like_partner_types(graph: Graph) -> None:
    result = graph.circuits.connectivity_clusters(by="cell_type", direction="outputs")
    assert graph.rerun(result.run_id).equal
    rows = result.to_pandas().set_index("item")
    assert sorted(rows.index) == ["<b>", "A", "B", "C"]
    assert rows["neurons"].to_dict() == {"<b>": 5, "A": 6, "B": 6, "C": 6}
    assert rows["root_id"].isna().all()
    assert "1 of 24 neurons have no cell_type" in repr(result)
    drawn = result.figure()
    ElementTree.fromstring(drawn)
    assert "&lt;b&gt;" in drawn
    assert "<b>" not in drawn
    some = graph.circuits.connectivity_clusters({"cell_type": ["A", "B"]}, by="cell_type", record=False)
    assert sorted(some.table["item"].to_pylist()) == ["A", "B"]
    assert result.found is not None
    out = graph.query(
        "SELECT a.cell_type AS pre, b.cell_type AS post, sum(weight) AS w FROM connections c "
        "JOIN neurons a ON a.root_id = pre_root_id JOIN neurons b ON b.root_id = post_root_id GROUP BY ALL"
    ).to_pandas()
    table = out.dropna().pivot(index="pre", columns="post", values="w").fillna(0)
    unit = table.to_numpy() / np.linalg.norm(table.to_numpy(), axis=1, keepdims=True)
    np.testing.assert_allclose(result.found.cosine, unit @ unit.T, atol=1e-12)


def test_bad_input(graph: Graph, tmp_path: Path) -> None:
    verb = graph.circuits.connectivity_clusters
    for given, error, words in (
        ({"by": "cell_typ"}, UnknownNameError, "did you mean 'cell_type'"),
        ({"by": "nt_type"}, AnalysisError, "has a value in the column 'nt_type'"),
        ({"direction": "output"}, UnknownNameError, "did you mean 'outputs'"),
        ({"linkage": "ward"}, UnknownNameError, "linkage"),
        ({"cut": 2.0}, AnalysisError, "height from 0 to 1"),
        ({"neurons": [7]}, AnalysisError, "neuron 7 is not among"),
        ({"neurons": [BASE + N - 1]}, AnalysisError, "none of the 1 items"),
        ({"signs": "shiu"}, UnknownNameError, "setting of clusters"),
    ):
        with pytest.raises(error, match=words):
            verb(**given)
    with Graph.create(tmp_path / "empty") as empty, pytest.raises(AnalysisError, match="among 0 neurons"):
        empty.circuits.connectivity_clusters()
