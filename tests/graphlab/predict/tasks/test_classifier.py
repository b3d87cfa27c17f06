"""Labels of cells from embeddings alone: trained, asked, and every bad input one clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.predict.tasks.embedded_cells import EmbeddedCells, embedded_cells
from ingest.schema.errors import AnalysisError, LeakError, SchemaError, UnknownNameError, VersionError
from ingest.synthetic.embedded_cells import MadeCells, made_cells

pytest.importorskip("sklearn")
pytest.importorskip("torch")
pytest.importorskip("safetensors")
QUICK: dict[str, Any] = {"predictors": ["conformal logistic regression"], "folds": 2, "bootstraps": 10}


@pytest.fixture(scope="module")
def cells() -> MadeCells:
    return made_cells(4, 90, types=2, strange=0.1, windows=6, width=6)


@pytest.fixture(scope="module")
def kept(cells: MadeCells, make_embedded: Callable[..., Graph], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("classifier") / "g"
    with make_embedded(cells, path, 0.8) as graph:
        graph.predict.train("classifier", **QUICK)
    return path


@pytest.fixture
def graph(kept: Path) -> Iterator[Graph]:
    with Graph.open(kept) as opened:
        yield opened


def test_cells_are_read_in_order_with_their_windows(graph: Graph, cells: MadeCells) -> None:
    seen = embedded_cells(graph.folder)
    assert np.array_equal(seen.root_ids, cells.root_ids)
    assert np.array_equal(seen.windows.vectors, cells.vectors)
    assert np.array_equal(seen.windows.first, cells.first)
    assert seen.points_nm is not None
    assert np.allclose(seen.points_nm, cells.points_nm, atol=0.1)
    nodes = embedded_cells(graph.folder, nodes=True)
    assert isinstance(nodes, EmbeddedCells)
    assert np.array_equal(nodes.root_ids, cells.owner)
    assert nodes.node_ids is not None
    assert np.array_equal(nodes.node_ids, cells.node_ids)
    assert [len(set(nodes.class_names())), len(nodes.class_names())] == [90, len(cells.vectors)]


def test_predictions_have_sets_and_doubt(graph: Graph, cells: MadeCells) -> None:
    found = graph.predict.ask("classifier-cell_type")
    rows = graph.query("FROM predictions ORDER BY root_id, rank").to_arrow().to_pandas()
    assert len(rows) == 2 * 90
    first = rows[rows["rank"] == 1]
    truth = np.array([name if name[0] == "T" else None for name in cells.type])
    known = np.array([name is not None for name in truth])
    assert (first["label"].to_numpy()[known] == truth[known]).mean() > 0.95
    assert rows["in_set"].notna().all()
    assert rows["node_id"].isna().all()
    assert first["doubt"].between(0, 1).all()
    assert "90 neurons" in found.notes[0]
    card = graph.predict.cards()[0]
    assert 0.5 < card.uncertainty["conformal logistic regression"]["coverage"]["value"] <= 1
    assert card.question["label"] == "cell_type"


def test_any_column_is_a_task(graph: Graph, cells: MadeCells) -> None:
    kind = ["GABA" if k % 2 else "ACH" for k in range(90)]
    graph.ingest(pa.table({"root_id": cells.root_ids, "nt_type": kind}), as_="neurons")
    made = graph.predict.train("classifier", label="nt_type", **QUICK)
    assert made.name == "classifier-nt_type"
    assert made.card.recommended is None, "labels that embeddings do not know are not learned"


def test_labels_that_cannot_be_learned(graph: Graph, cells: MadeCells) -> None:
    one = ["A"] * 80 + ["B"] + [None] * 9
    graph.ingest(pa.table({"root_id": cells.root_ids, "single": one, "same": ["A"] * 90}), as_="neurons")
    with pytest.raises(AnalysisError, match=r"1 label has a single cell \(B\).*--least 2"):
        graph.predict.train("classifier", label="single", **QUICK)
    with pytest.raises(AnalysisError, match="every example has the label 'A'"):
        graph.predict.train("classifier", label="single", least=2, **QUICK)
    with pytest.raises(AnalysisError, match="every example has the label 'A'; wanted two classes"):
        graph.predict.train("classifier", label="same", **QUICK)
    with pytest.raises(UnknownNameError, match="cell_typ"):
        graph.predict.train("classifier", label="cell_typ", **QUICK)


def test_two_models_are_never_mixed(graph: Graph, cells: MadeCells) -> None:
    wider = made_cells(4, 90, types=2, strange=0.1, windows=6, width=8).embeddings()
    graph.ingest(wider, as_="embeddings", model="wider", segmentation_version="1")
    with pytest.raises(SchemaError, match=r"embeddings of 2 models \(made, wider\).*--embeddings"):
        graph.predict.train("classifier", name="two", **QUICK)
    with pytest.raises(AnalysisError, match="not none"):
        graph.predict.train("classifier", name="two", embeddings="none", **QUICK)


def test_predictors_of_connections_have_nothing_to_look_at(graph: Graph) -> None:
    with pytest.raises(AnalysisError, match=r"'label propagation' looks at connections, which this task does not"):
        graph.predict.train("classifier", name="x", embeddings="made", predictors=["label propagation"])


def test_a_classifier_of_another_width_is_refused(kept: Path, make_embedded: Any, tmp_path: Path) -> None:
    wider = made_cells(4, 90, types=2, strange=0.1, windows=6, width=8)
    with make_embedded(wider, tmp_path / "g") as other:
        for file in (kept / "models").glob("classifier-cell_type.*"):
            target = tmp_path / "g" / "models" / file.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.read_bytes())
        with pytest.raises(VersionError, match="6 numbers; this graph has made, segmentation 1, 8 numbers"):
            other.predict.ask("classifier-cell_type")


def test_nodes_of_a_cell_stand_on_one_side(make_embedded: Any, tmp_path: Path) -> None:
    with make_embedded(made_cells(6, 24, types=2, windows=6, width=6), tmp_path / "g") as graph:
        with pytest.raises(LeakError, match="puts cells on both sides"):
            graph.predict.train("subcompartment", split="pair", **QUICK)
        made = graph.predict.train("subcompartment", **QUICK)
        assert made.card.leaks["shared class"] == 0
        asked = graph.predict.ask("subcompartment")
        together = "sets are calibrated over all labels together, because some have fewer than 9 cells"
        for notes in (made.notes, made.card.confounds, asked.notes):
            assert any(together in note and "axon (3), dendrite (3)" in note for note in notes), notes
        rows = asked.table.to_pandas()
        assert {"axon", "dendrite"} == set(rows["label"])
        assert rows["node_id"].notna().all()
        assert rows[rows["was_training"]]["root_id"].nunique() == 12, "half of the cables have compartments"
        with pytest.raises(AnalysisError, match="no skeleton of an embedded neuron has compartments"):
            graph.folder.connection.execute("UPDATE skeletons SET compartment = NULL")
            graph.predict.train("subcompartment", name="none", **QUICK)
