"""Means along skeletons, filed beside the model: against sums by hand, over and over, joined as the model is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from graphlab.cli import app
from graphlab.graph import Graph
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError

ROOTS = (2**63 + 5, 12)
STEP = 4000.0
"""nm between neighbours of a chain"""
NODES = 9


@pytest.fixture
def skeletons(tmp_path: Path) -> Path:
    """Two chains along x, nodes 1 to 9; the first four are axon, the others dendrite."""
    folder = tmp_path / "swc"
    folder.mkdir()
    for at, root in enumerate((*ROOTS, 99)):
        lines = [
            f"{i} {2 if i < 5 else 3} {i * STEP} {at * 100} 0 1 {i - 1 if i > 1 else -1}" for i in range(1, NODES + 1)
        ]
        (folder / f"{root}.swc").write_text("\n".join(lines) + "\n")
    return folder


def vectors_of(root: int) -> np.ndarray:
    return np.random.default_rng(root).random((NODES, 3)).astype(np.float32)


@pytest.fixture
def graph(tmp_path: Path, skeletons: Path) -> Any:
    with Graph.create(tmp_path / "g", materialization="1") as made:
        rows: dict[str, list[Any]] = {name: [] for name in ("root_id", "node_id", "x_nm", "y_nm", "z_nm", "vector")}
        for at, root in enumerate(ROOTS):
            for i, vector in enumerate(vectors_of(root), 1):
                for name, value in zip(rows, (root, i, i * STEP, at * 100, 0, vector.tolist()), strict=True):
                    rows[name].append(value)
        columns = {name: pa.array(rows[name], pa.uint64()) for name in ("root_id", "node_id")}
        columns |= {name: pa.array(rows[name], pa.float32()) for name in ("x_nm", "y_nm", "z_nm")}
        columns["vector"] = pa.array(rows["vector"], pa.list_(pa.float32(), 3))
        made.ingest(pa.table(columns), as_="embeddings", model="base", segmentation_version="1")
        yield made


def cable() -> np.ndarray:
    """What each node stands for: half of each of its edges."""
    return np.where(np.isin(np.arange(NODES), (0, NODES - 1)), STEP / 2, STEP)


def mean(vectors: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, float]:
    share = cable() * chosen / (cable() * chosen).sum()
    middle = share @ vectors.astype(float)
    return middle, float(np.sqrt((share * ((vectors - middle) ** 2).sum(1)).sum()))


def test_means_within_a_path_are_a_model(graph: Graph, skeletons: Path) -> None:
    done = graph.embeddings.aggregate(skeletons, 10_000, unit_nm=1)
    assert (done.model, done.of, done.rows, done.neurons, done.without) == ("base-within-10um", "base", 18, 2, 1)
    stored = graph.embeddings.open("base-within-10um")
    assert (stored.segmentation_version, stored.width) == ("1", 3)
    about = {
        (row["root_id"], row["node_id"]): row for row in graph.embeddings.statistics("base-within-10um").to_pylist()
    }
    for root in ROOTS:
        found, _ = stored.lookup([root])
        ids, points, _ = stored.nodes([root])
        assert ids.tolist() == list(range(1, NODES + 1))
        assert points[:, 0].tolist() == [i * STEP for i in range(1, NODES + 1)]
        for i in range(NODES):
            near = np.abs(np.arange(NODES) - i) <= 2  # 8 um; the next is 12 away
            wanted, apart = mean(vectors_of(root), near)
            np.testing.assert_allclose(found[i], wanted, rtol=1e-5)
            row = about[root, i + 1]
            assert row["count"] == near.sum()
            assert row["cable_nm"] == pytest.approx(cable()[near].sum())
            assert row["dispersion"] == pytest.approx(apart, rel=1e-4)
    # The node's own vectors are as they were, and both are joined alike.
    assert np.array_equal(graph.embeddings.open("base").lookup([ROOTS[0]])[0], vectors_of(ROOTS[0]))
    with pytest.raises(SchemaError, match="base-within-10um"):
        graph.embeddings.open()


def test_mixtures_are_named_as_such(graph: Graph, skeletons: Path) -> None:
    neurons = graph.embeddings.aggregate(skeletons, by="neuron", model="base", unit_nm=1)
    parts = graph.embeddings.aggregate(skeletons, by="compartment", model="base", unit_nm=1)
    assert (neurons.model, neurons.rows) == ("base-neuron-mixtures", 2)
    assert (parts.model, parts.rows) == ("base-compartment-mixtures", 4)
    axon = np.arange(NODES) < 4
    for root in ROOTS:
        whole, _ = graph.embeddings.open(neurons.model).lookup([root])
        np.testing.assert_allclose(whole[0], mean(vectors_of(root), np.ones(NODES, bool))[0], rtol=1e-5)
        halves, _ = graph.embeddings.open(parts.model).lookup([root])
        ids, points, _ = graph.embeddings.open(parts.model).nodes([root])
        assert ids.tolist() == [2, 3]
        for half, point, chosen in zip(halves, points, (axon, ~axon), strict=True):
            np.testing.assert_allclose(half, mean(vectors_of(root), chosen)[0], rtol=1e-5)
            along = (np.arange(NODES) + 1) * STEP
            assert point[0] == pytest.approx((cable() * chosen * along).sum() / (cable() * chosen).sum())
    assert graph.embeddings.statistics(parts.model).column("compartment").to_pylist() == ["axon", "dendrite"] * 2


def test_run_again_it_is_there_already_and_follows_the_model(graph: Graph, skeletons: Path, tmp_path: Path) -> None:
    first = graph.embeddings.aggregate(skeletons, 10_000, model="base", unit_nm=1)
    files = {path: path.read_bytes() for path in (tmp_path / "g").rglob("base-within-10um/*.arrow")}
    again = graph.embeddings.aggregate(skeletons, 10_000, model="base", unit_nm=1)
    assert (first.already_there, again.already_there, again.run_id) == (False, True, first.run_id)
    assert {path: path.read_bytes() for path in (tmp_path / "g").rglob("base-within-10um/*.arrow")} == files
    before, _ = graph.embeddings.open("base-within-10um").lookup([2, 3])
    counts = graph.embeddings.statistics("base-within-10um")
    wider = graph.embeddings.aggregate(skeletons, 25_000, model="base", unit_nm=1)
    assert wider.model == "base-within-25um"
    other = graph.embeddings.aggregate(skeletons, 4_000, model="base", name="base-within-10um", unit_nm=1)
    assert (other.already_there, other.rows) == (False, 18)
    assert max(graph.embeddings.statistics("base-within-10um").column("count").to_pylist()) == 3
    # What was replaced comes back when it is asked for again, vectors and statistics alike.
    back = graph.embeddings.aggregate(skeletons, 10_000, model="base", unit_nm=1)
    assert back.already_there is False
    vectors, _ = graph.embeddings.open("base-within-10um").lookup([2, 3])
    assert vectors.tobytes() == before.tobytes()
    assert graph.embeddings.statistics("base-within-10um").equals(counts)


def test_refusals(graph: Graph, skeletons: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="way to aggregate 'neurons'.*did you mean 'neuron'"):
        graph.embeddings.aggregate(skeletons, by="neurons", unit_nm=1)
    with pytest.raises(SchemaError, match="its means need another name"):
        graph.embeddings.aggregate(skeletons, name="base", unit_nm=1)
    with pytest.raises(ReadError, match="does not exist"):
        graph.embeddings.aggregate(tmp_path / "nowhere")
    with pytest.raises(SchemaError, match="none of the skeletons has embeddings"):
        graph.embeddings.aggregate(skeletons / "99.swc", unit_nm=1)
    with pytest.raises(ReadError, match="'base' has no statistics of means"):
        graph.embeddings.statistics("base")
    assert [one["model"] for one in graph.info().embeddings] == ["base"]


def test_command_line(graph: Graph, skeletons: Path, tmp_path: Path) -> None:
    graph.close()
    said = ["aggregate-embeddings", str(tmp_path / "g"), str(skeletons), "--unit", "1", "--radius", "25000"]
    done = CliRunner().invoke(app, [*said, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["model"] == "base-within-25um"
    again = CliRunner().invoke(app, [*said, "--model", "base"])
    assert "18 means of 2 neurons from base are there already" in again.output
    assert "1 skeletons have no embeddings" in again.output


def test_only_means_of_the_same_model_are_replaced(graph: Graph, skeletons: Path) -> None:
    base = graph.embeddings.open("base").to_arrow()
    graph.ingest(base, as_="embeddings", model="other", segmentation_version="1")
    graph.embeddings.aggregate(skeletons, by="neuron", model="other", name="means", unit_nm=1)
    for name, what in (("other", "no means of embeddings"), ("means", "the means of 'other'"), ("OTHER", "both be")):
        with pytest.raises(SchemaError, match=what):
            graph.embeddings.aggregate(skeletons, by="neuron", model="base", name=name, unit_nm=1)
    for name in ("../out", "a/b", ".x"):
        with pytest.raises(SchemaError, match="no name of a model"):
            graph.embeddings.aggregate(skeletons, by="neuron", model="base", name=name, unit_nm=1)
    assert graph.embeddings.open("other").to_arrow().equals(base)
    assert graph.embeddings.statistics("means").num_rows == 2
    graph.embeddings.aggregate(skeletons, by="compartment", model="other", name="means", unit_nm=1)
    assert graph.embeddings.statistics("means").num_rows == 4, "means of the same model are"
