"""The trainer: resumed or killed at any step it ends with the same bytes; what cannot go on is refused."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import Tensor, nn  # noqa: E402

from gpu_embed.training import trainer  # noqa: E402
from gpu_embed.training.devices import chosen_precision  # noqa: E402
from gpu_embed.training.optimizers import OptimizerSettings  # noqa: E402
from gpu_embed.training.trainer import Loss, TrainingSettings, train  # noqa: E402
from gpu_embed.training.workers import ALONE, started_workers  # noqa: E402
from ingest.schema.errors import AnalysisError, InterruptedRun, ReadError, UnknownNameError  # noqa: E402

CPU = torch.device("cpu")
STEPS = 9
ROOT = str(Path(__file__).parents[3])


def network(width: int = 6, seed: int = 0) -> nn.Module:
    """With batch norm, whose memory must come back, and dropout, whose randomness must."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, 1)
        )


class Draws:
    """Batches that follow from their step."""

    def __init__(self, rows: int = 8, end: int = 10**9, seen: Callable[[int], None] | None = None) -> None:
        self.rows, self.end, self.seen = rows, end, seen

    def from_step(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        while step < self.end:
            if self.seen is not None:
                self.seen(step)
            x = np.random.default_rng([7, step]).normal(size=(self.rows, 4)).astype(np.float32)
            yield torch.from_numpy(x), torch.from_numpy(np.sin(x.sum(axis=1, keepdims=True)))
            step += 1


def squares(network: nn.Module, batch: tuple[Tensor, Tensor], generator: torch.Generator) -> Iterable[Loss]:
    """Two updates a batch, with noise from the generator; the second sees the weights after the first."""
    for _ in range(2):
        noise = 0.1 * torch.randn(batch[0].shape, generator=generator)
        error = (network(batch[0] + noise) - batch[1]).square()
        yield Loss(error.mean(), {"worst": error.max()})


@pytest.mark.parametrize("name", ["adamw", "lars", "sgd"])
def test_resumed_at_any_step_it_is_the_same_bytes(name: str, tmp_path: Path) -> None:
    settings = TrainingSettings(STEPS, OptimizerSettings(name, 0.05, 0.9, 1e-3), warmup=2, clip=1.0, seed=3)
    torch.manual_seed(99)
    before = torch.get_rng_state()

    def run(folder: str, stop_after: int | None = None) -> None:
        train(
            network(), squares, Draws(), settings, folder=tmp_path / folder, device=CPU, journal_every=2,
            probe=lambda net, step: {"weight": float(net[0].weight.sum())}, probe_every=4,
            checkpoint_every=5, stop_after=stop_after,
        )  # fmt: skip

    run("whole")
    for stop in (0, 3, 4, 7, None):
        run("parts", stop)
    for file in (trainer.CHECKPOINT, trainer.JOURNAL):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()
    entries = [json.loads(line) for line in (tmp_path / "whole" / trainer.JOURNAL).read_text().splitlines()]
    told, probed = [[e["step"] for e in entries if key in e] for key in ("loss", "weight")]
    assert (told, probed) == ([2, 4, 6, 8, 9], [4, 8, 9])
    assert entries[0]["rate"] == 0.05
    assert 0 < entries[-2]["rate"] < 0.05
    assert set(entries[0]) == {"step", "loss", "worst", "rate"}
    assert torch.equal(before, torch.get_rng_state())


def test_it_learns_and_says_what_it_took() -> None:
    settings = TrainingSettings(120, OptimizerSettings("adamw", 0.02), precision="fp32")
    seen: list[tuple[int, int]] = []
    trained = train(
        network(32), squares, Draws(64), settings, device=CPU, progress=lambda *at: seen.append(at), journal_every=20
    )
    losses = [entry["loss"] for entry in trained.entries]
    assert losses[-1] < 0.75 * losses[0]
    assert seen[-1] == (120, 120)
    assert trained.steps == 120
    assert trained.steps_per_s > 0
    assert 0 <= trained.waited_s <= trained.seconds
    assert not trained.network.training


def test_bfloat16_trains_too() -> None:
    trained = train(network(), squares, Draws(), TrainingSettings(4, precision="bf16"), device=CPU, journal_every=1)
    plain = train(network(), squares, Draws(), TrainingSettings(4, precision="fp32"), device=CPU, journal_every=1)
    a, b = ([entry["loss"] for entry in run.entries] for run in (trained, plain))
    assert a != b
    assert a == pytest.approx(b, rel=0.05)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    import torch
    torch.set_num_threads(1)
    sys.path.insert(0, sys.argv[1])
    from test_trainer import CPU, Draws, STEPS, network, squares
    from gpu_embed.training.trainer import TrainingSettings, train
    def seen(step):
        if step == 8:
            os.kill(os.getpid(), signal.SIGKILL)
    train(network(), squares, Draws(seen=seen), TrainingSettings(STEPS), folder=Path(sys.argv[2]), device=CPU,
          checkpoint_every=2, journal_every=1)
"""


@pytest.mark.slow
def test_after_a_kill_it_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    code = [sys.executable, "-c", textwrap.dedent(KILLED), str(Path(__file__).parent), str(tmp_path / "killed")]
    assert subprocess.run(code, check=False, env={**os.environ, "PYTHONPATH": ROOT}).returncode == -signal.SIGKILL
    with (tmp_path / "killed" / trainer.JOURNAL).open("a") as file:
        file.write('{"step": 8, "lo')  # as if killed while it wrote
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for folder in ("killed", "whole"):
            run = train(
                network(), squares, Draws(), TrainingSettings(STEPS), folder=tmp_path / folder, device=CPU,
                checkpoint_every=2, journal_every=1,
            )  # fmt: skip
            assert run.steps < STEPS if folder == "killed" else run.steps == STEPS
    finally:
        torch.set_num_threads(threads)
    for file in (trainer.CHECKPOINT, trainer.JOURNAL):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    def press(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    settings = TrainingSettings(STEPS)
    with pytest.raises(InterruptedRun, match="stopped after step 4 of 9"):
        train(network(), squares, Draws(), settings, folder=tmp_path, device=CPU, progress=press)
    assert train(network(), squares, Draws(), settings, folder=tmp_path, device=CPU).steps == 5


def test_what_cannot_go_on_is_refused(tmp_path: Path) -> None:
    settings = TrainingSettings(STEPS)

    def run(settings: TrainingSettings = settings, width: int = 6, **named: object) -> object:
        return train(network(width), squares, Draws(), settings, folder=tmp_path, device=CPU, **named)  # type: ignore[arg-type]

    run(stop_after=2)
    with pytest.raises(AnalysisError, match="other settings: seed 0 there, 1 now"):
        run(replace(settings, seed=1))
    with pytest.raises(AnalysisError, match="pairs None there, 'abc' now"):
        run(identity={"pairs": "abc"})
    with pytest.raises(AnalysisError, match=r"another shape: 0.bias is \(6,\) there, \(7,\) here"):
        run(width=7)
    whole = (tmp_path / trainer.CHECKPOINT).read_bytes()
    (tmp_path / trainer.CHECKPOINT).write_bytes(whole.replace(rb"{\"format\": 2", rb"{\"format\": 1", 1))
    with pytest.raises(ReadError, match="format 1, which another version wrote"):
        run()
    (tmp_path / trainer.CHECKPOINT).write_bytes(b"\x80\x04 pickled")
    with pytest.raises(ReadError, match="no checkpoint of a training"):
        run()


def test_a_loss_that_is_not_finite_ends_it(tmp_path: Path) -> None:
    def broken(network: nn.Module, batch: tuple[Tensor, Tensor], generator: torch.Generator) -> Iterable[Loss]:
        del generator
        yield Loss(network(batch[0]).mean() * (math.nan if batch[0][0, 0] > 0 else 1.0))

    with pytest.raises(AnalysisError, match="the loss is nan"):
        train(network(), broken, Draws(), TrainingSettings(50), folder=tmp_path, device=CPU)
    assert not (tmp_path / trainer.CHECKPOINT).exists()


def test_batches_that_end_early_are_an_error() -> None:
    with pytest.raises(AnalysisError, match="batches ended at step 3 of 9"):
        train(network(), squares, Draws(end=3), TrainingSettings(STEPS), device=CPU)


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(AnalysisError, match="0 steps"):
        TrainingSettings(0)
    with pytest.raises(AnalysisError, match="5 steps with 5 of warm-up"):
        TrainingSettings(5, warmup=5)
    with pytest.raises(UnknownNameError, match="cosine"):
        TrainingSettings(5, schedule="cosin")
    with pytest.raises(AnalysisError, match="above 0"):
        TrainingSettings(5, clip=0.0)
    with pytest.raises(UnknownNameError, match="did you mean"):
        chosen_precision("fp33", CPU)
    with pytest.raises(AnalysisError, match="for GPUs"):
        chosen_precision("fp16", CPU)
    with pytest.raises(AnalysisError, match="every 1 step"):
        train(network(), squares, Draws(), TrainingSettings(1), device=CPU, journal_every=0)


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with started_workers(CPU) as workers:
        assert workers == ALONE
        rows = torch.ones(2)
        assert workers.gathered(rows) is rows


def test_seeds_of_steps_differ() -> None:
    seeds = {trainer.step_seed(*numbers) for numbers in [(1, 11, 1), (11, 1, 1), (1, 1, 11), (1, 1, 1)]}
    assert len(seeds) == 4
