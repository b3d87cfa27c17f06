from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard, card_path, load_checkpoint, save_checkpoint
from gpu_embed.encoder.architectures import TINY, architecture
from gpu_embed.encoder.variables import Array
from ingest.schema.errors import ReadError, SchemaError, VersionError


@pytest.fixture
def saved(tmp_path: Path, tiny_weights: dict[str, Array]) -> Path:
    card = ModelCard("made-up", TINY, (32.0, 32.0, 40.0), source="a rule", notes=("for tests",))
    kept = {"projection_head_0_0/nl_0/dense/kernel": np.ones((64, 64), dtype=np.float32)}
    save_checkpoint(tmp_path / "tiny.safetensors", Checkpoint(card, tiny_weights, kept))
    return tmp_path / "tiny.safetensors"


def test_there_and_back(saved: Path, tiny_weights: dict[str, Array]) -> None:
    found = load_checkpoint(saved)
    assert found.weights.keys() == tiny_weights.keys()
    for name, value in tiny_weights.items():
        np.testing.assert_array_equal(found.weights[name], value)
    assert list(found.training) == ["projection_head_0_0/nl_0/dense/kernel"]
    assert found.card.architecture == TINY
    assert (found.card.resolution, found.card.notes) == ((32.0, 32.0, 40.0), ("for tests",))
    card = json.loads(card_path(saved).read_text())
    assert card["input"]["crop_nm_xyz"] == [1056.0, 1056.0, 1320.0]
    assert len(card["weights_sha256"]) == 64
    assert sorted(path.name for path in saved.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]


def test_a_header_whose_length_begins_as_a_pickle_does(tmp_path: Path, tiny_weights: dict[str, Array]) -> None:
    card, path, first = ModelCard("made-up", TINY), tmp_path / "tiny.safetensors", set()
    for size in range(0, 256, 8):
        save_checkpoint(path, Checkpoint(card, tiny_weights, {"k" * (1 + size): np.ones(1, dtype=np.float32)}))
        first.add(path.read_bytes()[0])
        assert load_checkpoint(path).weights.keys() == tiny_weights.keys()
    assert 0x80 in first


def test_without_a_card_the_file_says_its_architecture(saved: Path) -> None:
    card_path(saved).unlink()
    assert load_checkpoint(saved).card.architecture == TINY


def test_another_architecture_is_named(saved: Path) -> None:
    with pytest.raises(SchemaError, match=r"holds architecture 'tiny' \(crop 33, width 16.*wanted 'segclr-tf2'"):
        load_checkpoint(saved, architecture("segclr-tf2"))


def test_a_file_that_is_not_that_of_its_card(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-1] ^= 1
    saved.write_bytes(data)
    with pytest.raises(ReadError, match="one of them was changed"):
        load_checkpoint(saved)


@pytest.mark.parametrize("length", [0, 4, 100, 100_000])
def test_truncated(saved: Path, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(ReadError, match="no complete safetensors file"):
        load_checkpoint(saved)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("kind", ["pickle", "pickle0", "torch", "named safetensors"])
def test_a_pickle_is_never_loaded(kind: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = tmp_path / ("model.safetensors" if kind.startswith("named") else "model.pt")
    if kind == "torch":
        torch.save({"weights": Bomb(mark)}, path)
    else:
        path.write_bytes(pickle.dumps(Bomb(mark), protocol=0 if kind == "pickle0" else 4))
    with pytest.raises(ReadError, match="is a pickle|no complete safetensors"):
        load_checkpoint(path, TINY)
    assert not mark.exists()


def test_the_same_weights_are_the_same_bytes(tmp_path: Path, tiny_weights: dict[str, Array]) -> None:
    written = set()
    for _ in range(20):
        save_checkpoint(tmp_path / "x.safetensors", Checkpoint(ModelCard("x", TINY), tiny_weights))
        written.add((tmp_path / "x.safetensors").read_bytes())
    assert len(written) == 1


def test_nan_is_refused_and_nothing_written(tmp_path: Path, tiny_weights: dict[str, Array]) -> None:
    weights = {name: value.copy() for name, value in tiny_weights.items()}
    weights["stage2.b.conv1.bias"][0] = np.nan
    with pytest.raises(SchemaError, match=r"stage2\.b\.conv1\.bias: 1 of 16"):
        save_checkpoint(tmp_path / "x.safetensors", Checkpoint(ModelCard("x", TINY), weights))
    assert not list(tmp_path.iterdir())


def test_half_precision_weights_are_refused(tmp_path: Path, tiny_weights: dict[str, Array]) -> None:
    from safetensors.numpy import save_file

    save_file({name: value.astype(np.float16) for name, value in tiny_weights.items()}, tmp_path / "x.safetensors")
    with pytest.raises(SchemaError, match="is F16; weights are kept in F32"):
        load_checkpoint(tmp_path / "x.safetensors", TINY)


def test_cards_that_are_none_or_newer(saved: Path) -> None:
    card = json.loads(card_path(saved).read_text())
    card_path(saved).write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(VersionError, match="card of format 99"):
        load_checkpoint(saved)
    card_path(saved).write_text(json.dumps({**card, "architecture": {"name": "tiny", "crop": "x"}}))
    with pytest.raises(SchemaError, match="no model card"):
        load_checkpoint(saved)
    card_path(saved).write_text("{")
    with pytest.raises(SchemaError, match="no model card"):
        load_checkpoint(saved)


def test_missing_file_and_wrong_ending(tmp_path: Path, tiny_weights: dict[str, Array]) -> None:
    with pytest.raises(ReadError, match="does not exist"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(SchemaError, match="written as .safetensors, not .pt"):
        save_checkpoint(tmp_path / "x.pt", Checkpoint(ModelCard("x", TINY), tiny_weights))
    with pytest.raises(ReadError, match="cannot write .* nothing was changed"):
        save_checkpoint(tmp_path / "none" / "x.safetensors", Checkpoint(ModelCard("x", TINY), tiny_weights))
    (tmp_path / "ckpt.index").touch()
    with pytest.raises(ReadError, match="convert-checkpoint"):
        load_checkpoint(tmp_path / "ckpt")


@pytest.mark.parametrize("written", ["tiny", "[1", "{'a': 1}", "null", "[]"])
def test_an_architecture_that_is_none_is_one_error(
    tmp_path: Path, tiny_weights: dict[str, Array], written: str
) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file(dict(tiny_weights), path, metadata={"architecture": written})
    with pytest.raises(SchemaError, match=r"a\.safetensors"):
        load_checkpoint(path)
