"""From a graph to a saved model: the leak table first, what is recommended and why, one error for bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab import Graph
from graphlab.predict import train_model
from graphlab.predict.evaluation.evaluate import accuracy, metrics_of
from graphlab.predict.inputs.features import FeatureColumns
from graphlab.predict.learners.trees.forest import RandomForest
from graphlab.predict.models import load
from graphlab.predict.predictor import Fitted
from graphlab.predict.tasks.registered import TASKS
from ingest.running import whole_files
from ingest.schema.errors import (
    AnalysisError,
    GraphlabError,
    InterruptedRun,
    MissingExtraError,
    SchemaError,
    StoreError,
    UnknownNameError,
)

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
QUICK = {"predictors": ["random forest", "logistic regression"], "folds": 2, "bootstraps": 20}


def test_card_files_run_and_held_predictions(made_trained: Any) -> None:
    with Graph.open(made_trained.path, read_only=True) as graph:
        assert graph.predict.models() == ["cell-type", "functional"]
        runs = {row["run_id"]: row for row in graph.to_arrow("runs").to_pylist()}
        data_version = str(graph.folder.meta("data_version"))
    for name, classes, labelled in (
        ("cell-type", ["aa", "bb", "cc"], 36),
        ("functional", ["no response", "response"], made_trained.responses.num_rows),
    ):
        model = load(made_trained.path, name)
        card = model.card
        assert card.classes == classes
        assert sum(card.examples.values()) == len(model.trained.label) == labelled
        assert card.graph["data_version"] == data_version
        assert card.seed == 0
        assert {"numpy", "scikit-learn", "safetensors"} <= set(card.versions)
        assert card.calibration["predictor"] == card.predictor
        assert card.calibration["ece"]["lo"] <= card.calibration["ece"]["hi"]
        assert "whether labels were defined from connectivity was not said" in card.confounds
        assert runs[card.run_id]["verb"] == "train"
        assert runs[card.run_id]["result_hash"] == card.weights_sha256
        first = next(iter(card.scores["random forest"]))
        held = parquet.read_table(made_trained.path / "models" / f"{name}.held.parquet").to_pandas()
        assert set(held["predictor"]) == set(card.scores)
        one = held[(held["predictor"] == "random forest") & (held["fold"] == 0)]
        assert len(one) == card.folds[0]["test"]
        said = np.stack(one["probability"].to_list())
        assert said.shape == (len(one), len(classes))
        if first == "macro_f1":
            right = accuracy(one["label"].to_numpy(), said, np.ones(len(one)))
            assert right == pytest.approx(card.scores["random forest"]["accuracy"]["folds"][0])
            assert set(one["source_root_id"]) <= set(made_trained.neurons["root_id"])
        lines = (made_trained.path / "models" / f"{name}.log.jsonl").read_text().splitlines()
        steps = [json.loads(line)["step"] for line in lines]
        assert steps.index("check_leaks") < steps.index("fit") < steps.index("keep")


def test_the_leak_table_is_told_before_anything_is_fitted(
    trainable: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    order: list[str] = []
    real = RandomForest.fit

    def fit(self: RandomForest, *given: Any, **options: Any) -> Fitted:
        order.append("fit")
        return real(self, *given, **options)

    monkeypatch.setattr(RandomForest, "fit", fit)
    bars: list[tuple[int, int]] = []
    with Graph.open(trainable.path) as graph:
        made = graph.predict.train(
            "cell-type", **QUICK, on_step=lambda step, state: order.append(f"{step} {len(state.leaks)}"),
            progress=lambda done, total: bars.append((done, total)),
        )  # fmt: skip
        assert order.index("check_leaks 5") < order.index("fit")
        again = graph.predict.train("cell-type", replace=True, **QUICK)
    total = 2 * 2 + 2 * 2 * 3
    assert bars == [(k, total) for k in range(1, total + 1)]
    assert again.run_id == made.run_id
    assert again.card == made.card, "same seed, same card, same hash of the weights"
    assert made.table.num_rows == 3
    assert made.table.column_names[0] == "predictor"
    assert "macro_f1 minus random forest" in made.table.column_names


def test_what_is_recommended_is_kept_and_otherwise_the_reference(
    trainable: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    with Graph.open(trainable.path) as graph:
        made = graph.predict.train("cell-type", **QUICK)
        assert made.card.recommended == made.card.predictor == "random forest"
        assert "no candidate was ahead of it on inner folds" in made.notes[0]
        assert made.notes[1].startswith("set-ups tried: 2 predictors; 2 of them were compared on inner folds")
        assert not any("not the one recommended" in note for note in graph.predict.ask("cell-type").notes)
        # Types of somebody else: nothing to learn, nothing to recommend.
        rng = np.random.default_rng(0)
        types = pd.DataFrame({"root_id": trainable.neurons["root_id"], "guess": rng.permutation(list("aabc") * 10)})
        graph.folder.connection.execute("ALTER TABLE neurons ADD COLUMN guess VARCHAR")
        graph.folder.connection.register("types", pa.Table.from_pandas(types))
        graph.folder.connection.execute(
            "UPDATE neurons SET guess = types.guess FROM types WHERE neurons.root_id = types.root_id"
        )
        made = graph.predict.train("cell-type", label="guess", **QUICK)
        assert made.card.recommended is None
        assert "nothing is better than guessing" in made.card.recommended_because
        assert made.card.predictor == "random forest", "kept, and said not to be recommended"
        said = graph.predict.ask("cell-type-guess").notes[1]
        assert "this model is not the one recommended" in said
        assert "nothing is better than guessing" in said


def test_names_of_predictors_splits_and_models(trainable: Any) -> None:
    with Graph.open(trainable.path) as graph:
        for options, error, said in [
            ({"predictors": ["random forrest"]}, UnknownNameError, "did you mean 'random forest'"),
            ({"keep": "random forrest"}, UnknownNameError, "did you mean 'random forest'"),
            ({"predictors": ["distance"]}, AnalysisError, "does pair tasks; this is a node task"),
            ({"keep": "distance"}, AnalysisError, "does pair tasks; this is a node task"),
            ({"predictors": []}, AnalysisError, "no predictors to compare; those of node tasks are: .*random forest"),
            ({"split": "sides"}, UnknownNameError, "did you mean 'side'"),
            ({"name": "../up"}, SchemaError, "no name of a model"),
            ({"embeddings": "segclr"}, SchemaError, "has no embeddings"),
            ({"homologues": "homolog"}, UnknownNameError, "did you mean 'homologue'"),
        ]:
            with pytest.raises(error, match=said):
                graph.predict.train("cell-type", **{**QUICK, **options})
    assert not (trainable.path / "models").exists()
    with Graph.open(trainable.path, read_only=True) as graph, pytest.raises(StoreError, match="for reading only"):
        graph.predict.train("cell-type", **QUICK)


def test_no_labels_and_one_class(trainable: Any) -> None:
    with Graph.open(trainable.path) as graph:
        with pytest.raises(AnalysisError, match="no labels"):
            graph.predict.train("cell-type", label="super_class", **QUICK)
        with pytest.raises(AnalysisError, match="every example has the label 'cc'; wanted two classes or more"):
            graph.predict.train("cell-type", unknown=["aa", "bb", "unk"], **QUICK)
        rows = trainable.responses.to_pandas().assign(connected=True)
        graph.activity.correlate("response", source=pa.Table.from_pandas(rows, preserve_index=False))
        with pytest.raises(AnalysisError, match="every example has the label 'response'"):
            graph.predict.train("functional", **QUICK)
        graph.folder.connection.execute("DELETE FROM functional_connections")
        with pytest.raises(AnalysisError, match="this graph has no measured responses; bring them with"):
            graph.predict.train("functional", **QUICK)
    assert not (trainable.path / "models").exists()


def test_ctrl_c_and_errors_leave_nothing(trainable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*given: Any, **options: Any) -> Fitted:
        raise KeyboardInterrupt

    with Graph.open(trainable.path) as graph:
        before = graph.to_arrow("runs")
        with monkeypatch.context() as patch:
            patch.setattr(RandomForest, "fit", stop)
            with pytest.raises(InterruptedRun, match="no model was saved"):
                graph.predict.train("cell-type", **QUICK)
        with monkeypatch.context() as patch:
            patch.setattr(whole_files.os, "fsync", stop)
            with pytest.raises(InterruptedRun, match="no model was saved"):
                graph.predict.train("cell-type", **QUICK)
        assert graph.to_arrow("runs").equals(before)
        assert graph.predict.models() == []


@pytest.mark.parametrize("library", ["sklearn", "safetensors", "torch"])
def test_without_the_extra(library: str, trainable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, library, None)
    with Graph.open(trainable.path) as graph, pytest.raises(MissingExtraError, match=r"graphlab-connectome\[gnn\]"):
        graph.predict.train("cell-type")


def test_features_that_are_no_numbers(trainable: Any, vectors_of: Callable[..., pa.Table]) -> None:
    with pytest.raises(SchemaError, match="feature 'x' is nan in row 1"):
        FeatureColumns(np.array([[0.0], [np.nan]]), ("x",), ("wiring",))
    ids = trainable.neurons["root_id"].to_numpy()
    vectors = np.random.default_rng(0).normal(size=(40, 3))
    with Graph.open(trainable.path) as graph:
        broken = vectors.copy()
        broken[3, 1] = np.nan
        with pytest.raises(GraphlabError, match="vector"):
            graph.ingest(vectors_of(ids, broken), as_="embeddings", model="m", segmentation_version="1")


def test_embeddings_are_joined_used_and_counted(trainable: Any, vectors_of: Callable[..., pa.Table]) -> None:
    ids = trainable.neurons["root_id"].to_numpy()
    vectors = np.random.default_rng(0).normal(size=(30, 3))
    with Graph.open(trainable.path) as graph:
        graph.ingest(vectors_of(ids[:30], vectors), as_="embeddings", model="m", segmentation_version="1")
        made = graph.predict.train("cell-type", **{**QUICK, "predictors": ["logistic regression"]})
        assert made.card.embeddings == {"model": "m", "segmentation_version": "1", "width": 3}
        assert [k for k, family in made.card.features.items() if family == "embeddings"][-1] == "has_embedding"
        assert any("10 of 40 neurons have no embedding" in note for note in made.notes)
        bare = graph.predict.train(
            "cell-type", embeddings="none", replace=True, **{**QUICK, "predictors": ["logistic regression"]}
        )
    assert bare.card.embeddings is None
    assert "embeddings" not in bare.card.features.values()


def test_labels_defined_from_connectivity_and_another_predictor(trainable: Any) -> None:
    with Graph.open(trainable.path) as graph:
        made = graph.predict.train(
            "cell-type", label="side", **{**QUICK, "split": "class"}, keep="label propagation",
            labels_from_connectivity=True,
        )  # fmt: skip
    assert made.name == "cell-type-side"
    assert made.card.predictor == "label propagation"
    assert made.card.labels_from_connectivity is True
    assert any("labels were defined from connectivity" in note for note in made.card.confounds)
    assert made.path == trainable.path / "models" / "cell-type-side.safetensors"
    assert isinstance(made.path, Path)


def test_large_runs_keep_fewer_held_predictions(made_trainable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphlab.predict.protocol import run
    from graphlab.predict.tasks.question import Question

    question = Question.of("cell-type")
    with Graph.open(made_trainable.path, read_only=True) as graph:
        seen = question.read(graph.folder)
        plan = train_model.TrainingOptions(
            ("random forest", "label propagation", "identity rates"), folds=2, bootstraps=10
        )
        task, _ = train_model.make_experiment(graph.folder, seen, question, plan)
    done = run(replace(task, candidates=()))
    everything = train_model.held_table(done, seen, "label propagation")
    assert set(everything["predictor"].to_pylist()) == {"random forest", "label propagation", "identity rates"}
    monkeypatch.setattr(train_model, "MOST_HELD", 10)
    few = train_model.held_table(done, seen, "label propagation")
    assert set(few["predictor"].to_pylist()) == {"random forest", "label propagation"}
    assert pd.Series(few["label"].to_pylist()).between(0, 2).all()


def test_a_name_is_taken_once(trainable: Any) -> None:
    one = {**QUICK, "predictors": ["label propagation"]}
    with Graph.open(trainable.path) as graph:
        before = graph.predict.train("cell-type", **one)
        with pytest.raises(StoreError, match="has a model 'cell-type' already; wanted another name .*--replace"):
            graph.predict.train("cell-type", seed=1, **one)
        assert load(trainable.path, "cell-type").card == before.card
        assert graph.predict.train("cell-type", seed=1, name="other", **one).card.seed == 1
        after = graph.predict.train("cell-type", seed=1, replace=True, **one)
        assert load(trainable.path, "cell-type").card == after.card != before.card
        with pytest.raises(UnknownNameError, match="did you mean 'label'"):
            graph.predict.train("cell-type", lable="super_class", **one)


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("cell-type", {"rewired layers", "leak table", "shuffled labels"}),
        ("functional", {"rewired layers", "distance regressed out", "leak table", "identity", "shuffled labels"}),
    ],
)
def test_controls_are_kept_on_the_card(task: str, wanted: set[str], trainable: Any) -> None:
    with Graph.open(trainable.path) as graph:
        made = graph.predict.train(
            task, predictors=["logistic regression"], folds=2, bootstraps=10, homologues="homologue", controls=True
        )
        assert made.controls is not None
        assert set(made.controls["control"].to_pylist()) == wanted
        kept = load(trainable.path, made.name)
        assert kept.card.controls == made.card.controls
        by_what = {row["what"]: row for row in kept.card.controls if row["metric"] in ("auroc", "macro_f1")}
        real = by_what["logistic regression, real wiring"]["estimate"]["value"]
        assert real == pytest.approx(kept.card.scores["logistic regression"][kept.card.metric]["value"])
        assert by_what["logistic regression, labels shuffled"]["estimate"]["value"] < real
        assert graph.predict.train(task, predictors=["logistic regression"], replace=True, folds=2).controls is None


@pytest.mark.parametrize(("names", "fault"), [(("accuracy",), ""), (("brier", "accuracy"), "brier, of which less is")])
def test_a_task_may_score_otherwise(
    trainable: Any, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], fault: str
) -> None:
    """Nothing after the fits relies on a metric that a task need not have."""
    task = type(TASKS.get("cell-type"))
    monkeypatch.setattr(task, "metrics", lambda self, examples: {name: metrics_of(examples)[name] for name in names})
    with Graph.open(trainable.path) as graph:
        if fault:
            with pytest.raises(AnalysisError, match=fault):
                graph.predict.train("cell-type", **QUICK)
            return
        card = graph.predict.train("cell-type", name="scored-otherwise", **QUICK).card
    assert {*next(iter(card.scores.values()))} == {*names}
    assert "ece" not in card.calibration
