"""``graphlab train functional|cell-type`` and ``graphlab predict``: what a shell sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
QUICK = ("--predictors", "logistic regression,random forest", "--folds", "2", "--bootstraps", "20")


def test_train_and_predict_as_people_see_them(graphlab: Callable[..., Any], trainable: Any, tmp_path: Path) -> None:
    done = graphlab("train", "cell-type", trainable.path, *QUICK, "--seed", "3", "--name", "types", "--controls")
    assert done.returncode == 0, done.stderr
    lines = done.stdout
    order = ["held out by side: 2 folds", "shared class", "base rates of held-out", "predictor", "is recommended"]
    order += ["controls of ", "rewired layers", "labels shuffled", "saved: ", "next: graphlab predict"]
    places = [lines.index(part) for part in order]
    assert places == sorted(places)
    assert "(the split promises none: checked)" in lines
    assert "near copy" in lines
    assert "p = " in lines
    listed = graphlab("models", trainable.path)
    assert "types: " in listed.stdout, listed.stderr
    done = graphlab("predict", trainable.path, "types")
    assert done.returncode == 0, done.stderr
    assert "40 neurons, 36 of them trained on" in done.stdout
    done = graphlab("predict", trainable.path, "types", "-o", tmp_path / "found.csv")
    assert "120 predictions of run" in done.stdout
    assert (tmp_path / "found.csv").read_text().splitlines()[0] == "model,root_id,label,probability,rank,was_training"
    assert graphlab("train", "cell-type", trainable.path, *QUICK, "-q").stdout == ""


def test_documents(document: Callable[..., Any], graphlab: Callable[..., Any], trainable: Any) -> None:
    options = ("--homologues", "homologue", "--labels-not-from-connectivity")
    done = graphlab("train", "functional", trainable.path, *QUICK, *options, "--json")
    card = json.loads(done.stdout)
    assert "shared neuron" in done.stderr, "the leak table, beside the document"
    assert card["name"] == "functional"
    assert card["labels_from_connectivity"] is False
    assert {"scores", "leaks", "split_hash", "base_rates", "features", "versions", "predictor"} <= set(card)
    told = document("predict", trainable.path, "functional", "--task", "functional")
    assert told["rows"] == len(told["predictions"]) == 40 * 39
    assert isinstance(told["predictions"][0]["pre_root_id"], str)
    rows = document("query", trainable.path, "FROM predictions WHERE probability > 0.5 LIMIT 2")
    assert {row["label"] for row in rows} == {"response"}


def test_folds_are_fitted_by_parts(graphlab: Callable[..., Any], trainable: Any, tmp_path: Path) -> None:
    """Candidates are compared on inner folds, too: all fits are shared, and who gathers saves the model of one run."""
    command = ("train", "functional", trainable.path, "--predictors", "informed trees,extra trees on pairs,hops")
    command += ("--folds", "2", "--bootstraps", "20", "--homologues", "homologue", "--seed", "4", "--json")
    alone = graphlab(*command, "--name", "alone", "--workers", "1")
    assert alone.returncode == 0, alone.stderr
    shared = ("--shared", tmp_path / "parts")
    early = graphlab(*command, "--name", "gathered", "--part", "gather", *shared)
    assert early.returncode == 1
    assert "no part has been run there" in early.stderr
    said = [json.loads(graphlab(*command, *shared, "--part", f"{part}/2").stdout) for part in (1, 2, 1)]
    assert "every task is done" in said[2]["note"]
    assert [one["computed"] > 0 for one in said] == [True, True, False]
    assert said[0]["tasks"] + said[1]["tasks"] == 3 * 2 + 2 * 2 * 3  # predictors and folds, candidates and inner folds
    assert graphlab("models", trainable.path).stdout.count("gathered") == 0
    gathered = graphlab(*command, "--name", "gathered", "--part", "gather", *shared)
    assert gathered.returncode == 0, gathered.stderr
    cards = [json.loads(done.stdout) for done in (alone, gathered)]
    for card in cards:
        assert len(card["nominated"]) == 2
        for own in ("name", "run_id"):
            del card[own]
    assert cards[0] == cards[1]
    files = [sorted((trainable.path / "models").glob(f"{name}.*")) for name in ("alone", "gathered")]
    held = [next(path for path in found if "held" in path.name).read_bytes() for found in files]
    assert held[0] == held[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "cell-type", "GRAPH", "--label", "celltype"], "did you mean 'cell_type'"),
        (["train", "cell-type", "GRAPH", "--label", "super_class"], "no labels"),
        (["train", "cell-type", "GRAPH", "--predictors", "random forrest"], "did you mean 'random forest'"),
        (["train", "functional", "GRAPH", "--split", "neurons"], "did you mean 'neuron'"),
        (["train", "functional", "GRAPH", "--responses", "0123"], "unknown run of measured responses"),
        (["predict", "GRAPH", "types"], "unknown model 'types'"),
        (["predict", "GRAPH", "../types"], "is no name of a model"),
    ],
)
def test_one_error(arguments: list[str], words: str, refusal: Callable[..., str], trainable: Any) -> None:
    assert words in refusal(*[trainable.path if word == "GRAPH" else word for word in arguments])


def test_help_names_the_tasks(graphlab: Callable[..., Any]) -> None:
    shown = graphlab("train", "--help").stdout
    assert "functional" in shown
    assert "cell-type" in shown
    assert graphlab("train", "encoders").returncode == 2
