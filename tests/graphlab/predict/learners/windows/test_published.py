"""A folder that Google's own ``save_model`` wrote, read here: logits, variances, probabilities and doubt are theirs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from graphlab.predict.evaluation import doubts
from graphlab.predict.inputs.windows import Windows
from graphlab.predict.learners.windows.published import read_published
from ingest.schema.errors import ReadError, SchemaError, VersionError

DATA = Path(__file__).parents[4] / "data"
FOLDER = DATA / "sngp_classifier"
CLOSE = {"rtol": 0, "atol": 1e-4}


def test_a_published_folder_says_what_it_said_there() -> None:
    with np.load(DATA / "sngp_parity.npz") as stored:
        theirs = {name: stored[f"folder/{name}"] for name in ("asked", "logits", "variance", "adjusted", "doubt")}
    read = read_published(FOLDER, ["a", "b", "c", "d"])
    assert (read.models, read.classes) == (("made",), ("a", "b", "c", "d"))
    logits, variance = read.window_logits(theirs["asked"])
    assert np.allclose(logits, theirs["logits"], **CLOSE)
    assert np.allclose(variance, theirs["variance"], **CLOSE)
    adjusted = doubts.mean_field(logits, variance, read.variance_scale)
    assert np.allclose(doubts.softmax(adjusted), theirs["adjusted"], **CLOSE)
    assert np.allclose(doubts.dempster_shafer(adjusted), theirs["doubt"].reshape(-1), **CLOSE)
    cells = Windows(theirs["asked"].astype(np.float32), np.array([0, 5, len(theirs["asked"])]))
    probability, doubt = read.judge(cells)
    assert np.allclose(probability[0], theirs["adjusted"][:5].mean(axis=0), **CLOSE)
    assert np.allclose(doubt[1], theirs["doubt"].reshape(-1)[5:].mean(), **CLOSE)
    with pytest.raises(VersionError, match=r"windows of 8 numbers \(made\)"):
        read.window_logits(theirs["asked"][:, :5])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "c")
    return tmp_path / "c"


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("add_config", {"model_class_name": "DeepResNet"}, "network of the class 'DeepResNet'"),
        ("model_config", {"num_hidden": 17}, r"entry.weight has the shape \(16, 8\)"),
        ("model_config", {"num_layers": 3}, "has no variable dense_layers_1/2/w"),
        ("model_config", {"num_inducing": 10**9}, "num_inducing is 1000000000; wanted a whole number"),
        ("add_config", {"standardization_std": [0.0] * 8}, "spreads above 0"),
        ("add_config", {"standardization_mean": "eight"}, "standardization_mean is no list of numbers"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_folder_of_something_else_is_refused(copy: Path, part: str, change: dict[str, Any], told: str) -> None:
    config = json.loads((copy / "configs.json").read_text())
    config[part] |= change
    (copy / "configs.json").write_text(json.dumps(config))
    with pytest.raises(SchemaError, match=told):
        read_published(copy)


def test_damaged_files_are_told(copy: Path) -> None:
    with pytest.raises(SchemaError, match="tells 4 labels apart, and 2 names were given"):
        read_published(copy, ["a", "b"])
    weights = copy / "model_weights.data-00000-of-00001"
    content = bytearray(weights.read_bytes())
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(ReadError, match="copy the checkpoint again"):
        read_published(copy)
    (copy / "configs.json").write_text("{")
    with pytest.raises(ReadError, match="it is no JSON; wanted a folder"):
        read_published(copy)
