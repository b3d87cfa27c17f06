"""Predicted compartments on synapses: what is sure, what is doubtful, what others say, what is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlab import Graph
from graphlab.store.live import going
from ingest.schema.errors import AnalysisError, SchemaError, StoreError, VersionError
from ingest.synthetic.embedded_cells import MadeCells, made_cells

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
QUICK: dict[str, Any] = {"folds": 2, "bootstraps": 10}
MODEL = "subcompartment"
KEY = ["pre_root_id", "post_root_id", "kind"]


def compartments_that_show(seed: int, cells: int) -> MadeCells:
    """Windows that differ along the cable as much as they scatter, so that some are doubtful."""
    made = made_cells(seed, cells, types=2, unlabelled=0, windows=8, width=6)
    side = np.where(np.array(made.compartment) == "axon", 1.2, -1.2)
    vectors = made.vectors.copy()
    vectors[:, 0] += side.astype(np.float32)
    return replace(made, vectors=vectors)


@pytest.fixture(scope="module")
def cells() -> MadeCells:
    return compartments_that_show(4, 60)


@pytest.fixture(scope="module")
def kept(cells: MadeCells, make_embedded: Callable[..., Graph], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "g"
    with make_embedded(cells, path) as graph:
        graph.ingest(cells.synapses(400), as_="synapses")
        graph.predict.train(MODEL, predictors=["conformal logistic regression"], **QUICK)
    return path


@pytest.fixture
def graph(kept: Path, tmp_path: Path) -> Iterator[Graph]:
    import shutil

    shutil.copytree(kept, tmp_path / "g")
    with Graph.open(tmp_path / "g") as opened:
        yield opened


def test_sure_nodes_label_their_synapses_and_doubtful_ones_leave_them_unknown(graph: Graph, cells: MadeCells) -> None:
    with pytest.raises(SchemaError, match="no synapse is placed on a node of the embeddings 'made'.*place-synapses"):
        graph.predict.label_synapses(MODEL)
    before = graph.to_arrow("connections")
    graph.embeddings.place_synapses(500)
    done = graph.predict.label_synapses(MODEL)
    rows = graph.to_arrow("synapse_compartments").to_pandas()
    assert done.nodes == len(cells.vectors)
    assert 0 < done.doubtful_nodes < done.nodes
    assert done.labelled["pre"] + done.doubtful["pre"] == done.synapses == 400
    assert done.doubtful["pre"] > 0
    assert (rows["side"] == "pre").sum() == done.labelled["pre"]
    # By the rows of predictions, which say it node by node: one label in the set, the likeliest, and not strange.
    graph.predict.ask(MODEL)
    said = graph.query(
        "SELECT s.synapse_id, s.side, any_value(p.label) FILTER (p.rank = 1) AS compartment FROM synapse_embeddings s "
        "JOIN predictions p USING (root_id, node_id) GROUP BY ALL "
        "HAVING count(*) FILTER (p.in_set) = 1 AND bool_or(p.in_set AND p.rank = 1) AND NOT bool_or(p.strange) "
        "ORDER BY ALL"
    ).to_pandas()
    assert said.to_dict("list") == rows[["synapse_id", "side", "compartment"]].to_dict("list")
    assert graph.to_arrow("connections").equals(before)
    parts = graph.to_arrow("connections_by_compartment").to_pandas()
    whole = before.to_pandas().set_index(KEY)["weight"].sort_index()
    assert parts.groupby(KEY)["weight"].sum().sort_index().to_dict() == whole.to_dict()
    assert parts["pre_compartment"].notna().sum() > 0
    synapse = graph.to_arrow("synapses").to_pandas().merge(rows[rows["side"] == "pre"], on="synapse_id")
    near = [
        np.linalg.norm(cells.points_nm - row, axis=1).argmin() for row in synapse[["x_nm", "y_nm", "z_nm"]].to_numpy()
    ]
    assert (np.array(cells.compartment)[near] == synapse["compartment"].to_numpy()).mean() > 0.85
    assert graph.runs("label synapses").num_rows == 1
    assert f"{done.doubtful['pre']:,} at doubtful nodes and left unknown" in str(done)
    assert any(note.startswith(str(done)) for note in graph.info().notes)
    with pytest.raises(SchemaError, match="compartments that a model predicted, which would not follow"):
        going.start(graph.folder)
    named = graph.compartment_of("axon->*")
    assert named == f"axon->*@{done.run_id}"
    assert graph.snapshot(compartment=named).weight.sum() > 0


def test_the_run_is_recomputed_and_the_same_again(graph: Graph) -> None:
    graph.embeddings.place_synapses(500)
    done = graph.predict.label_synapses(MODEL, least_probability=0.7)
    assert graph.predict.label_synapses(MODEL, least_probability=0.7).run_id == done.run_id
    assert graph.rerun(done.run_id).equal
    stricter = graph.predict.label_synapses(MODEL, least_probability=0.95)
    assert stricter.run_id != done.run_id
    assert stricter.labelled["pre"] < done.labelled["pre"]
    with pytest.raises(VersionError, match=f"run {done.run_id} placed or labelled"):
        graph.snapshot(compartment=f"axon->*@{done.run_id}")
    assert graph.rerun(done.run_id).equal, "what was labelled since says nothing against it"
    graph.embeddings.place_synapses(400)
    with pytest.raises(VersionError, match=r"no more as it was \(placed\)"):
        graph.rerun(done.run_id)


def test_what_a_skeleton_says_stays_and_both_runs_are_named(graph: Graph, cells: MadeCells) -> None:
    graph.embeddings.place_synapses(500)
    on_skeletons = graph.skeletons.place_synapses(500)
    done = graph.predict.label_synapses(MODEL)
    assert 0 < done.known_otherwise["pre"] < done.labelled["pre"]
    assert graph.compartment_of("axon->*") == f"axon->*@{on_skeletons.run_id}+{done.run_id}"
    truth = {int(cell): k for k, cell in enumerate(cells.root_ids)}
    parts = graph.to_arrow("connections_by_compartment").to_pandas()
    labelled_cells = parts[[truth[int(one)] < 30 for one in parts["pre_root_id"]]]
    assert labelled_cells["pre_compartment"].notna().all(), "a skeleton says it of half of the cells"


def test_labels_go_with_what_they_rest_on(graph: Graph) -> None:
    for change in (
        lambda: str(graph.embeddings.place_synapses(600)),
        lambda: str(graph.embeddings.join("made")),
        lambda: "; ".join(graph.drop_source(_source(graph, "embeddings")).notes),
    ):
        if not len(graph.to_arrow("synapse_embeddings")):
            graph.embeddings.place_synapses(500)
        done = graph.predict.label_synapses(MODEL)
        labelled = len(set(graph.to_arrow("synapse_compartments")["synapse_id"].to_pylist()))
        assert labelled >= done.labelled["pre"]
        assert f"predicted compartments of {labelled:,} synapses are forgotten" in change()
        assert len(graph.to_arrow("synapse_compartments")) == 0
        assert len(graph.to_arrow("connections_by_compartment")) == 0
        assert graph.compartment_of("axon->*") == "axon->*"


def _source(graph: Graph, as_: str) -> str:
    """The run of the only source of a kind."""
    runs = graph.query("SELECT run_id, parameters FROM runs WHERE verb = 'ingest'").to_arrow().to_pylist()
    (one,) = [row["run_id"] for row in runs if f'"{as_}"' in row["parameters"]]
    return str(one)


def test_dropping_synapses_forgets_their_labels(graph: Graph) -> None:
    graph.embeddings.place_synapses(500)
    graph.predict.label_synapses(MODEL)
    notes = graph.drop_source(_source(graph, "synapses")).notes
    assert any("predicted compartments of" in note for note in notes)
    assert len(graph.to_arrow("synapse_compartments")) == 0


def test_what_cannot_be_labelled(graph: Graph, cells: MadeCells, tmp_path: Path) -> None:
    graph.embeddings.place_synapses(500)
    with pytest.raises(AnalysisError, match=r"least_probability is 1\.5; wanted a number above 0 and up to 1"):
        graph.predict.label_synapses(MODEL, least_probability=1.5)
    graph.predict.train(MODEL, name="plain", predictors=["logistic regression"], **QUICK)
    with pytest.raises(AnalysisError, match="does not say how sure it is of a node"):
        graph.predict.label_synapses("plain")
    assert graph.predict.label_synapses("plain", least_probability=0.8).doubtful["pre"] > 0
    other = graph.predict.train("classifier", predictors=["logistic regression"], **QUICK)
    with pytest.raises(AnalysisError, match="is of the task classifier; asked for subcompartment"):
        graph.predict.label_synapses(other.name)
    graph.close()
    with Graph.open(graph.path, read_only=True) as reading, pytest.raises(StoreError, match="open for reading only"):
        reading.predict.label_synapses(MODEL)
