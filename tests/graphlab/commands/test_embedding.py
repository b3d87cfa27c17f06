"""graphlab convert-checkpoint: there and back, one error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard, load_checkpoint
from gpu_embed.checkpoints.tensorflow import write_tensorflow
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import seeded_weights

pytest.importorskip("tensorflow", reason="the reader of TensorFlow checkpoints is an extra")


def test_from_tensorflow_and_back(graphlab: Callable[..., Any], tmp_path: Path) -> None:
    weights = seeded_weights(TINY, 1)
    prefix = write_tensorflow(tmp_path / "google" / "model", Checkpoint(ModelCard("x", TINY), weights))
    target = tmp_path / "tiny.safetensors"
    done = graphlab(
        "convert-checkpoint", prefix, target, "--architecture", "tiny", "--resolution", "32,32,40", "--json"
    )
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    assert (card["name"], card["resolution"], card["architecture"]["crop"]) == ("tiny", [32.0, 32.0, 40.0], 33)
    found = load_checkpoint(target)
    assert all(np.array_equal(found.weights[name], value) for name, value in weights.items())
    back = graphlab("convert-checkpoint", target, tmp_path / "back" / "model")
    assert back.returncode == 0, back.stderr
    assert sorted(path.suffix for path in (tmp_path / "back").iterdir()) == [".data-00000-of-00001", ".index"]


def test_errors_are_one_line(graphlab: Callable[..., Any], tmp_path: Path) -> None:
    done = graphlab("convert-checkpoint", tmp_path / "none", tmp_path / "x.safetensors", "--architecture", "segclrr")
    assert done.returncode == 1
    assert (
        done.stderr.strip().splitlines()[-1].startswith("error: unknown encoder architecture 'segclrr'; did you mean")
    )
    done = graphlab("convert-checkpoint", tmp_path / "none", tmp_path / "x.safetensors")
    assert done.returncode == 1
    assert "none.index does not exist" in done.stderr
