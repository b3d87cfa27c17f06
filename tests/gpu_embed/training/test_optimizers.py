"""Optimizers and schedules; LARS and the cosine against Google's own are in contrastive/test_oracle.py."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gpu_embed.training.optimizers import OptimizerSettings, spared_names  # noqa: E402
from gpu_embed.training.schedules import SCHEDULES  # noqa: E402
from ingest.schema.errors import AnalysisError, UnknownNameError  # noqa: E402


def test_norms_and_biases_are_spared() -> None:
    network = nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2), nn.Linear(2, 2))
    assert list(spared_names(network)) == ["0.bias", "1.weight", "1.bias", "2.bias"]
    for name in ("lars", "adamw", "adam", "sgd"):
        decayed, spared = OptimizerSettings(name, decay=0.1).make(network).param_groups
        assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
        assert (len(decayed["params"]), len(spared["params"])) == (2, 4)
    with pytest.raises(UnknownNameError, match="lars"):
        OptimizerSettings("larz")
    with pytest.raises(AnalysisError, match="momentum of the optimizer is 1"):
        OptimizerSettings(momentum=1.0)
    with pytest.raises(AnalysisError, match="rate of the optimizer is nan"):
        OptimizerSettings(rate=float("nan"))


def test_schedules() -> None:
    cosine, ramped, constant = (SCHEDULES.get(name) for name in ("cosine", "ramped-cosine", "constant"))
    assert [cosine(s, 2, 6) for s in range(7)] == pytest.approx([1, 1, 1, 0.8535534, 0.5, 0.1464466, 0], abs=1e-6)
    assert [ramped(s, 2, 6) for s in range(7)] == pytest.approx([0.5, 1, 1, 0.8535534, 0.5, 0.1464466, 0], abs=1e-6)
    assert [constant(s, 2, 6) for s in range(4)] == [0.5, 1, 1, 1]
    assert constant(0, 0, 6) == 1
