"""The loop: resuming changes no byte, early stopping keeps the best weights, bad checkpoints are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn  # noqa: E402

from gpu_embed.training.devices import chosen_device  # noqa: E402
from graphlab.predict.learners.training import loop as training  # noqa: E402
from graphlab.predict.learners.training.journal import EpochLog  # noqa: E402
from graphlab.predict.learners.training.loop import Training, held_out_classes, train  # noqa: E402
from ingest.schema.errors import AnalysisError, ReadError  # noqa: E402

X = torch.linspace(-1, 1, 40)[:, None].repeat(1, 3) * torch.tensor([1.0, 2.0, -1.0])
Y = X @ torch.tensor([[1.0], [-0.5], [0.25]]) + 0.1


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 1))


def steps(network: nn.Module, generator: torch.Generator) -> Iterator[Any]:
    """Two steps an epoch, on a random half of the examples each; dropout draws from torch's own state."""
    for half in torch.randperm(len(X), generator=generator).split(20):

        def loss(half: torch.Tensor = half) -> tuple[torch.Tensor, torch.Tensor]:
            error = nn.functional.mse_loss(network(X[half]), Y[half])
            return error, -error

        yield loss


def score(network: nn.Module) -> float:
    return -float(nn.functional.mse_loss(network(X), Y))


def weights(network: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values())


def test_resuming_changes_no_byte(tmp_path: Path) -> None:
    """Stopped in any epoch, by a checkpoint and by an error between checkpoints: weights and journal are the same."""
    settings = Training(30, seed=3)
    whole_journal = EpochLog(tmp_path / "whole.jsonl")
    whole = train(build, steps, settings, score=score, journal=whole_journal, device=torch.device("cpu"))
    for last in (4, 7, 13, 29):
        checkpoint, journal = tmp_path / f"{last}.safetensors", EpochLog(tmp_path / f"{last}.jsonl")
        epochs = 0

        def stopping(network: nn.Module, generator: torch.Generator, last: int = last) -> Iterator[Any]:
            nonlocal epochs
            if epochs == last:
                raise KeyboardInterrupt
            epochs += 1
            yield from steps(network, generator)

        def go(
            these: training.Steps, journal: EpochLog = journal, checkpoint: Path = checkpoint
        ) -> training.TrainedNetwork:
            return train(
                build, these, settings, score=score, journal=journal, checkpoint=checkpoint, checkpoint_every=5,
                device=torch.device("cpu"),
            )  # fmt: skip

        with pytest.raises(KeyboardInterrupt):
            go(stopping)
        torch.manual_seed(99)
        found = go(steps)
        assert weights(found.network) == weights(whole.network)
        assert (found.epochs, found.best_epoch, found.score) == (whole.epochs, whole.best_epoch, whole.score)
        assert journal.path is not None
        assert whole_journal.path is not None
        assert journal.path.read_bytes() == whole_journal.path.read_bytes()
        assert weights(go(steps).network) == weights(whole.network), "a finished training is not trained on"
        assert not list(tmp_path.glob("*.partial"))


def test_same_seed_same_bytes_and_the_callers_state_is_left_alone() -> None:
    state = torch.get_rng_state()
    one, again = (train(build, steps, Training(5, seed=1)).network for _ in range(2))
    assert weights(one) == weights(again)
    assert weights(one) != weights(train(build, steps, Training(5, seed=2)).network)
    assert torch.equal(state, torch.get_rng_state())


def test_stopping_early_keeps_the_best_weights() -> None:
    given = iter([0.1, 0.5, 0.9, 0.3, float("nan"), 0.2, 1.0])
    at: list[bytes] = []

    def rigged(network: nn.Module) -> float:
        assert not network.training
        at.append(weights(network))
        return next(given)

    found = train(build, steps, Training(100, patience=3, every=2), score=rigged)
    assert (found.epochs, found.best_epoch, found.score) == (12, 6, 0.9)
    assert weights(found.network) == at[2]
    assert not found.network.training


def test_journal_of_every_epoch(tmp_path: Path) -> None:
    journal = EpochLog(tmp_path / "a.jsonl")
    train(build, steps, Training(40, rate=0.02), score=score, journal=journal, run="member 2")
    entries = journal.entries()
    assert [entry["epoch"] for entry in entries] == list(range(1, 41))
    assert {entry["run"] for entry in entries} == {"member 2"}
    assert entries[-1]["loss"] < entries[0]["loss"] / 2
    assert [entry["epoch"] for entry in entries if "score" in entry] == list(range(5, 41, 5))
    assert entries[0]["rate"] == 0.02
    assert entries[-1]["rate"] < 0.001


def test_bad_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    train(build, steps, Training(3), checkpoint=path)
    with pytest.raises(AnalysisError, match=r"other settings \(epochs, seed\)"):
        train(build, steps, Training(4, seed=1), checkpoint=path)
    with pytest.raises(AnalysisError, match="a network of another shape"):
        train(lambda: nn.Linear(3, 1), steps, Training(3), checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ReadError, match="is no training checkpoint"):
        train(build, steps, Training(3), checkpoint=path)


def test_a_loss_that_is_not_a_number() -> None:
    def bad(network: nn.Module, generator: torch.Generator) -> Iterator[Any]:
        yield lambda: (network(X).sum() * float("nan"), torch.zeros(()))

    with pytest.raises(AnalysisError, match="the loss of epoch 1 is nan"):
        train(build, bad, Training(3))


def test_validation_parts_divide_no_class() -> None:
    group = np.repeat(np.arange(50), 3)
    held = held_out_classes(group, 0.2, np.random.default_rng(0))
    assert held.sum() == 30
    assert not set(group[held].tolist()) & set(group[~held].tolist())
    for share in (0.0, 1.0):
        assert not held_out_classes(group, share, np.random.default_rng(0)).any()


def test_devices() -> None:
    assert chosen_device("cpu").type == "cpu"
    assert chosen_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(AnalysisError, match="no device 'tpu' here; choose among auto, cpu"):
        chosen_device("tpu")


@pytest.mark.gpu
def test_training_on_a_gpu() -> None:
    device = torch.device("cuda")

    def moved(network: nn.Module, generator: torch.Generator) -> Iterator[Any]:
        error = nn.functional.mse_loss(network(X.to(device)).float(), Y.to(device))
        yield lambda: (error, -error)

    found = train(build, moved, Training(60), device=device).network.cpu()
    assert float(nn.functional.mse_loss(found(X), Y)) < float(Y.var()) / 2
