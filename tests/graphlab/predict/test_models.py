"""Models on disk: whole or not there, checked against their cards, never unpickled, never outside the folder."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphlab.predict import models
from graphlab.predict.card import PredictorCard, sealed
from graphlab.predict.models import TrainingExamples
from graphlab.store.folder import Folder
from ingest.running import whole_files
from ingest.schema.errors import GraphlabError, ReadError, SchemaError, UnknownNameError, VersionError

pytest.importorskip("safetensors")

CARD = PredictorCard(
    name="m", task="cell type", kind="node", classes=["a", "b"], predictor="p", split="class", split_hash="0",
    folds=[{"train": 1, "test": 1}], base_rates={"a": 0.5, "b": 0.5}, leaks={}, features={}, reference="p",
    predictors={"p": "a predictor"}, scores={"p": {"accuracy": {"value": float("nan"), "lo": None, "hi": None}}},
    question={"task": "cell-type"}, graph={"hashes": {}, "counts": {}},
)  # fmt: skip
STATE = {"deep/weights": np.arange(6.0).reshape(2, 3).T, "count": np.array([3], dtype=np.int64)}
IDS = np.array([2**63 + 5, 7], dtype=np.uint64)
HELD = pa.table({"predictor": ["p"], "fold": [0]})


def write(graph: Path, arriving: Any = whole_files.write_atomically, **changes: Any) -> PredictorCard:
    trained = TrainingExamples(IDS, IDS, np.array([0, 1]), np.ones((1, 3)))
    return models.save(graph, replace(CARD, **changes), STATE, trained, HELD, '{"run": "x"}\n', arriving)


def test_round_trip(tmp_path: Path) -> None:
    written = write(tmp_path)
    found = models.load(tmp_path, "m")
    assert found.card == written
    assert found.card.scores["p"]["accuracy"]["value"] is None
    assert found.name == "m"
    assert found.card.classes == ["a", "b"]
    assert found.state.keys() == STATE.keys()
    assert all(np.array_equal(found.state[name], STATE[name]) for name in STATE)
    assert found.trained.source.tolist() == IDS.tolist()
    assert found.trained.label.tolist() == [0, 1]
    assert found.trained.features.shape == (1, 3)
    assert sorted(item.name for item in (tmp_path / "models").iterdir()) == [
        "m.held.parquet", "m.json", "m.log.jsonl", "m.safetensors"
    ]  # fmt: skip
    assert parquet.read_table(tmp_path / "models" / "m.held.parquet").equals(HELD)
    first = (tmp_path / "models" / "m.safetensors").read_bytes()
    write(tmp_path)
    assert (tmp_path / "models" / "m.safetensors").read_bytes() == first
    assert models.model_names(tmp_path) == ["m"]


def test_lengths_that_look_like_a_pickle(tmp_path: Path) -> None:
    """A safetensors file begins with the length of its header, which may end in 0x80, as a pickle begins."""
    first = set()
    for size in range(0, 256, 8):
        state = {"a" * (1 + size): np.zeros(1)}
        models.save(tmp_path, CARD, state, TrainingExamples(IDS, IDS, np.array([0, 1]), np.ones((1, 3))), HELD, "")
        first.add((tmp_path / "models" / "m.safetensors").read_bytes()[0])
        assert models.load(tmp_path, "m").state.keys() == state.keys()
    assert 0x80 in first


@pytest.mark.parametrize("name", ["../m", "a/b", "", "m.json", ".m", "a" * 65, "m\n", "C:m", "ü"])
def test_names_are_never_paths(name: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="is no name of a model"):
        models.load(tmp_path, name)
    with pytest.raises(SchemaError, match="is no name of a model"):
        write(tmp_path, name=name)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("at", range(17))
def test_a_stop_at_any_step_leaves_one_whole_model(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flush and rename in turn is the last: the earlier model until the commit, the later one from then on."""
    folder = Folder.create(tmp_path / "g")
    with folder.transaction():
        write(folder.path, folder.arriving, notes=["old"])
    steps = iter(range(99))

    def stopping(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **options: Any) -> Any:
            if next(steps) == at:
                raise KeyboardInterrupt
            return real(*given, **options)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(whole_files.os, "fsync", stopping(whole_files.os.fsync))
        patch.setattr(Path, "replace", stopping(Path.replace))
        try:
            with folder.transaction():
                write(folder.path, folder.arriving, notes=["new"], features={"f": "wiring"})
        except KeyboardInterrupt:
            done = False
        else:
            done = True
    folder.close()
    assert done == (at == 16)
    Folder.open(tmp_path / "g").close()
    assert not [item for item in (tmp_path / "g" / "models").iterdir() if item.name.startswith(".")]
    assert models.model_names(tmp_path / "g") == ["m"]
    assert models.load(tmp_path / "g", "m").card.notes == (["old"] if at < 8 else ["new"])


def test_a_disk_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_files.os, "fsync", full)
    with pytest.raises(ReadError, match="cannot write .*No space left on device; no model was saved"):
        write(tmp_path)
    assert not list((tmp_path / "models").iterdir())


def _pickle(folder: Path) -> None:
    (folder / "m.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))


def _only_a_pickle(folder: Path) -> None:
    (folder / "m.json").unlink()
    (folder / "m.pt").write_bytes(pickle.dumps({"weights": [1.0]}))


def _cut(folder: Path) -> None:
    data = (folder / "m.safetensors").read_bytes()
    (folder / "m.safetensors").write_bytes(data[:-1])


def _gone(folder: Path) -> None:
    (folder / "m.safetensors").unlink()


def _card(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        card = json.loads((folder / "m.json").read_text())
        (folder / "m.json").write_text(sealed({**card, **changes}))

    return change


def _of_an_encoder(folder: Path) -> None:
    (folder / "m.json").write_text(json.dumps({"format": 1, "name": "m", "architecture": {}}))


def _no_json(folder: Path) -> None:
    (folder / "m.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (_pickle, ReadError, "is a pickle, which runs whatever code is in it: train the model again"),
        (_only_a_pickle, ReadError, "m.pt is a pickle"),
        (_cut, ReadError, "its card says .* one of them was changed or cut off; train the model again"),
        (_gone, ReadError, "m.safetensors: No such file or directory; train the model again"),
        (_card(weights_sha256="0" * 64), ReadError, "its card says 0000000000000000"),
        (_card(format=99), VersionError, "of format 99; this graphlab reads up to 2: upgrade it"),
        (_of_an_encoder, SchemaError, r"not the card of a predictor \(it lacks task, kind, .*`graphlab train`"),
        (_no_json, ReadError, "train the model again"),
    ],
)
def test_what_is_damaged_or_of_something_else(
    damage: Callable[[Path], None], error: type[GraphlabError], said: str, tmp_path: Path
) -> None:
    write(tmp_path)
    damage(tmp_path / "models")
    with pytest.raises(error, match=said):
        models.load(tmp_path, "m")


def test_another_name(tmp_path: Path) -> None:
    write(tmp_path, name="types")
    with pytest.raises(UnknownNameError, match="unknown model 'type'; did you mean 'types'"):
        models.load(tmp_path, "type")
