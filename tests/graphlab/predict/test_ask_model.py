"""Predictions of a saved model: the fitted predictor's own, joined in queries, refused where the graph is another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.predict.card import sealed
from graphlab.predict.predictors import PREDICTORS
from graphlab.predict.tasks.cell_type import CellType
from graphlab.predict.tasks.functional import Functional
from graphlab.predict.tasks.question import Question
from graphlab.predict.train_model import TrainingOptions, make_experiment
from ingest.schema.errors import AnalysisError, InterruptedRun, SchemaError, UnknownNameError, VersionError
from ingest.synthetic import connectome

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
QUICK = {"predictors": ["logistic regression"], "folds": 2, "bootstraps": 20}


def test_neurons_have_a_row_for_every_label(trained: Any) -> None:
    question = Question.of("cell-type")
    with Graph.open(trained.path) as graph:
        found = graph.predict.ask("cell-type")
        assert graph.to_arrow("predictions").drop_columns(["run_id"]).num_rows == 40 * 3
        rows = graph.to_arrow("predictions").to_pandas()
        seen = question.read(graph.folder)
        task, _ = make_experiment(graph.folder, seen, question, TrainingOptions(("random forest",), folds=2))
        name = json.loads((trained.path / "models" / "cell-type.json").read_text())["predictor"]
        whole = task.build(task.examples, np.arange(36))
        fitted = PREDICTORS.get(name).fit(whole, task.examples.label, 3, 0)
        wanted = fitted.predict(whole, np.arange(36))
        labels, _ = CellType().typed(graph.folder, seen)
    assert set(rows["run_id"]) == {found.run_id}
    assert set(rows["model"]) == {"cell-type"}
    assert rows["pre_root_id"].isna().all()
    table = rows.pivot(index="root_id", columns="label", values="probability").sort_index()
    assert table.to_numpy()[task.examples.source].tobytes() == wanted.tobytes(), "as fitted, to the byte"
    np.testing.assert_allclose(table.sum(axis=1), 1)
    first = rows[rows["rank"] == 1].set_index("root_id").sort_index()
    assert (first["probability"] == table.max(axis=1)).all()
    assert first["was_training"].tolist() == [label is not None for label in labels.cell_type]
    assert found.notes[0] == "40 neurons, 36 of them trained on"
    assert sum(found.summary()["given"].to_pylist()) == 40


def test_pairs_have_the_probability_of_a_response(trained: Any) -> None:
    with Graph.open(trained.path) as graph:
        found = graph.predict.ask("functional", task="functional")
        rows = graph.to_arrow("predictions").to_pandas()
        question = Question.of("functional", homologues="homologue")
        known, _ = Functional().measured(graph.folder, question.read(graph.folder))
    assert len(rows) == 40 * 39
    assert set(rows["label"]) == {"response"}
    assert rows["root_id"].isna().all()
    assert rows["rank"].isna().all()
    ids = known.root_ids
    at = [np.searchsorted(ids, rows[f"{end}_root_id"].to_numpy().astype(np.uint64)) for end in ("pre", "post")]
    verdict = known.responds[at[0], at[1]]
    assert np.array_equal(rows["was_training"], verdict >= 0)
    told = rows["probability"].to_numpy()
    assert told[verdict == 1].mean() > told[verdict == 0].mean() + 0.5
    assert found.notes[0] == f"1,560 ordered pairs, {trained.responses.num_rows} of them trained on"
    assert found.summary().to_pylist()[0]["label"] == "response"


def test_joined_in_patterns_and_as_edges_of_a_property_graph(trained: Any) -> None:
    """In SQL as every other table; in GRAPH_TABLE by join, and as edges of a graph that says so."""
    with Graph.open(trained.path) as graph:
        # Of one model no id is null, so that pandas keeps ids whole.
        types, rows = (graph.predict.ask(name).table.to_pandas() for name in ("cell-type", "functional"))
        pairs = rows.set_index(["pre_root_id", "post_root_id"])["probability"]
        ids = trained.neurons["root_id"].to_numpy()
        wanted = sorted(pairs[(ids[a], ids[b])] for a, b in zip(trained.pre, trained.post, strict=True))
        joined = graph.query(
            "SELECT p.probability FROM GRAPH_TABLE (connectome MATCH (a IS neuron)-[s IS synapse]->(b IS neuron) "
            "COLUMNS (a.root_id AS pre, b.root_id AS post)) g JOIN predictions p "
            "ON p.pre_root_id = g.pre AND p.post_root_id = g.post WHERE p.model = 'functional' ORDER BY 1"
        ).to_arrow()
        assert joined["probability"].to_pylist() == wanted
        typed_ = graph.query(
            "SELECT p.label, count(*) AS n FROM GRAPH_TABLE (connectome "
            "MATCH (a IS neuron)-[s IS synapse]->(b IS neuron) WHERE a.cell_type IS NULL "
            "COLUMNS (a.root_id AS pre)) g JOIN predictions p ON p.root_id = g.pre "
            "WHERE p.model = 'cell-type' AND p.rank = 1 AND NOT p.was_training GROUP BY ALL ORDER BY ALL"
        ).to_arrow()
        first = types[types["rank"] == 1].set_index("root_id")["label"]
        senders = [first[ids[a]] for a in trained.pre if a in (4, 5, 6)]
        assert dict(zip(*typed_.to_pydict().values(), strict=True)) == pd.Series(senders).value_counts().to_dict()
        graph.create_property_graph(
            "CREATE PROPERTY GRAPH functional VERTEX TABLES (neurons KEY (root_id) LABEL neuron) EDGE TABLES "
            "(predictions KEY (pre_root_id, post_root_id) SOURCE KEY (pre_root_id) REFERENCES neurons (root_id) "
            "DESTINATION KEY (post_root_id) REFERENCES neurons (root_id) LABEL responds)"
        )
        chains = graph.query(
            "SELECT count(*) AS n FROM GRAPH_TABLE (functional MATCH (a IS neuron)-[r IS responds]->(b IS neuron) "
            "WHERE r.probability >= 0.5 COLUMNS (a.root_id AS a))"
        ).to_arrow()
        assert chains["n"][0].as_py() == int((pairs >= 0.5).sum()) > 0


def test_again_replaces_the_rows_of_the_same_run_only(trained: Any) -> None:
    with Graph.open(trained.path) as graph:
        graph.predict.ask("functional")
        one = graph.predict.ask("cell-type")
        rows = graph.to_arrow("predictions").num_rows
        two = graph.predict.ask("cell-type")
        assert two.run_id == one.run_id
        assert two.table.equals(one.table)
        assert graph.to_arrow("predictions").num_rows == rows
    with Graph.open(trained.path, read_only=True) as graph:
        unkept = graph.predict.ask("cell-type")
        assert unkept.run_id is None
        assert unkept.table.equals(one.table)


def test_a_graph_that_changed(trained: Any) -> None:
    ids = trained.neurons["root_id"].to_numpy()
    free = next(k for k in range(1, 40) if not ((trained.pre == 0) & (trained.post == k)).any())
    more = pd.DataFrame({"pre_root_id": [ids[0]], "post_root_id": [ids[free]], "weight": [50.0]})
    m = len(trained.pre)
    with Graph.open(trained.path) as graph:
        before = graph.predict.ask("cell-type").table
        graph.ingest(more, as_="connections")
        with pytest.raises(
            VersionError,
            match=rf"the graph changed since model 'cell-type' was trained .*connections: {m} then, {m + 1} now"
            r".*graphlab train cell-type .* --name cell-type --replace\), or use it all the same with --allow-changed",
        ):
            graph.predict.ask("cell-type")
        assert graph.to_arrow("predictions").num_rows == before.num_rows, "the earlier ones stay"
        found = graph.predict.ask("cell-type", allow_changed=True)
        assert any("used on a graph that changed since training: chemical" in note for note in found.notes)
        kept = graph.to_arrow("predictions").to_pandas()
        assert kept.groupby("run_id").size().tolist() == [before.num_rows, found.table.num_rows]
        run = next(row for row in graph.to_arrow("runs").to_pylist() if row["run_id"] == found.run_id)
        assert "used on a graph that changed since training" in run["message"]
        assert not found.table.equals(before)


def test_a_graph_that_changed_in_what_no_model_sees(trained: Any) -> None:
    """Labels and notes about neurons are no inputs; a neuron more is one."""
    ids = trained.neurons["root_id"].to_numpy()
    with Graph.open(trained.path) as graph:
        before = graph.predict.ask("cell-type").table
        graph.ingest(pd.DataFrame({"root_id": ids[:2], "remark": ["x", "y"]}), as_="neurons")
        found = graph.predict.ask("cell-type")
        assert found.table.equals(before)
        assert any("moved on since training" in note for note in found.notes)
        graph.ingest(pd.DataFrame({"root_id": [5]}), as_="neurons")
        with pytest.raises(VersionError, match="neurons: 40 then, 41 now"):
            graph.predict.ask("cell-type")
        wider = graph.predict.ask("cell-type", allow_changed=True)
        assert wider.notes[0] == "41 neurons, 36 of them trained on"


def test_a_model_of_another_task_or_of_nobody(trained: Any) -> None:
    with Graph.open(trained.path) as graph:
        with pytest.raises(AnalysisError, match="'cell-type' is of the task cell-type; asked for functional"):
            graph.predict.ask("cell-type", task="functional")
        with pytest.raises(UnknownNameError, match="unknown model 'celltype'; did you mean 'cell-type'"):
            graph.predict.ask("celltype")
        with pytest.raises(SchemaError, match="no name of a model"):
            graph.predict.ask("models/cell-type.safetensors")
        card = trained.path / "models" / "cell-type.json"
        document = json.loads(card.read_text())
        card.write_text(sealed({**document, "predictor": "a friend's"}))
        with pytest.raises(UnknownNameError, match='unknown predictor "a friend\'s"'):
            graph.predict.ask("cell-type")
        card.write_text(sealed({**document, "features": {**document["features"], "shoe_size": "identity"}}))
        with pytest.raises(VersionError, match="other features than this graph has: missing shoe_size; new none"):
            graph.predict.ask("cell-type")
        card.write_text(sealed({**document, "predictor": "label propagation"}))
        with pytest.raises(SchemaError, match="does not fit its predictor: .*is missing.*train it again"):
            graph.predict.ask("cell-type")
        card.write_text(sealed({**document, "classes": ["aa", "bb"]}))
        with pytest.raises(SchemaError, match="has 3 classes, its card 2"):
            graph.predict.ask("cell-type")


def test_features_that_are_computed_in_another_way(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphlab.predict.inputs import features

    real = features.spectral_embedding
    monkeypatch.setattr(features, "spectral_embedding", lambda *given: -real(*given))
    with Graph.open(trained.path) as graph:
        graph.predict.ask("functional")  # looks at pairs
        with pytest.raises(VersionError, match="features come out otherwise .*versions are the same.* Train it again"):
            graph.predict.ask("cell-type")


def test_sides_are_seen_and_looked_at(trained: Any) -> None:
    with Graph.open(trained.path) as graph:
        graph.folder.connection.execute("UPDATE neurons SET side = 'left'")
        with pytest.raises(VersionError, match="sides: 40 as before, with other values"):
            graph.predict.ask("cell-type")
        graph.predict.ask("functional")


def test_embeddings_of_another_model_or_version(trainable: Any, vectors_of: Callable[..., pa.Table]) -> None:
    ids = trainable.neurons["root_id"].to_numpy()
    vectors = np.random.default_rng(0).normal(size=(40, 3))
    with Graph.open(trainable.path) as graph:
        graph.ingest(vectors_of(ids, vectors), as_="embeddings", model="one", segmentation_version="1")
        graph.predict.train("cell-type", **QUICK)
        graph.predict.ask("cell-type")
        again = {"model": "one", "replace": True}
        graph.ingest(vectors_of(ids, vectors + 1), as_="embeddings", segmentation_version="1", **again)
        graph.embeddings.join()
        with pytest.raises(VersionError, match="embeddings: 40 as before, with other values"):
            graph.predict.ask("cell-type")
        graph.ingest(vectors_of(ids, vectors), as_="embeddings", segmentation_version="2", **again)
        for allowed in (False, True):
            with pytest.raises(
                VersionError,
                match="trained on embeddings one, segmentation 1, 3 numbers; this graph has one, segmentation 2.*never",
            ):
                graph.predict.ask("cell-type", allow_changed=allowed)


def test_ctrl_c_leaves_the_table(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    with Graph.open(trained.path) as graph:
        graph.predict.ask("cell-type")
        before = graph.to_arrow("predictions")
        monkeypatch.setattr("graphlab.store.runs.runs.record", stop)
        with pytest.raises(InterruptedRun, match="as it was"):
            graph.predict.ask("cell-type")
        assert graph.to_arrow("predictions").equals(before)


def test_an_older_graph_has_the_table(made_trained: Any, tmp_path: Path) -> None:
    """Format 2 had a table of this name with other columns, never filled."""
    from graphlab.store.database import FORMAT_VERSION
    from graphlab.store.folder import Folder

    folder = Folder.create(tmp_path / "old")
    folder.connection.execute("DROP TABLE predictions")
    folder.connection.execute("CREATE TABLE predictions (run_id VARCHAR NOT NULL, target VARCHAR, value DOUBLE)")
    with folder.transaction():
        folder.set_meta("format_version", 2)
    folder.close()
    with Graph.open(tmp_path / "old", read_only=True) as graph:
        assert "was_training" in graph.to_arrow("predictions").column_names
        assert graph.info().format_version == FORMAT_VERSION


def test_a_sparse_graph_is_asked_after_it_is_trained_on(tmp_path: Path) -> None:
    """Pairs of neurons that only know each other have equal singular values: their coordinates must not turn."""
    made = connectome.make(tmp_path / "made", neurons=50, synapses=1600, recorded=6, frames=50, nodes=2)
    with Graph.create(tmp_path / "g", materialization="1") as graph:
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave", resolution=connectome.RESOLUTION.xyz)
        graph.ingest(made.embeddings, as_="embeddings", model="m", segmentation_version="1")
        graph.embeddings.join()
        name = graph.predict.train("cell-type", **QUICK).name
        first = graph.predict.ask(name)
        assert graph.predict.ask(name).table.equals(first.table)
