"""The one training loop: a network, an objective that turns batches into losses, batches by step.

Same seed, machine, versions, threads and number of processes: the same bytes, in one go or resumed at any step. For
that everything random of a step follows from the seed, the process's rank and the step's number: an objective draws
from the generator it is handed (or from PyTorch's own, which is seeded alike), ``Batches.from_step`` from nothing else.

    objective(network, batch, generator) -> one Loss for each update of the weights
    batches.from_step(step)              -> the batches of step, step + 1, ...
    train(network, objective, batches, TrainingSettings(steps=1000), folder=Path("run")) -> Trained

An objective with several updates a batch (a flood-filling network that moves its field of view) is a generator: the
weights are updated after every ``yield``. Under ``torchrun`` each process brings its own batches, objectives give as
many losses in every process, and gradients (and what norms remember) are averaged.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from gpu_embed.cutouts.stages import prefetch
from gpu_embed.training.devices import autocast, chosen_device, chosen_precision, kept_memory
from gpu_embed.training.optimizers import OptimizerSettings
from gpu_embed.training.random_state import own_random_state
from gpu_embed.training.schedules import SCHEDULES
from gpu_embed.training.state import TrainingState, load_state, save_state
from gpu_embed.training.workers import ALONE, Workers
from ingest.running import interrupts
from ingest.running.json_lines import JsonLines
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, InterruptedRun

CHECKPOINT, JOURNAL = "checkpoint.safetensors", "journal.jsonl"
AHEAD = 2
"""Batches that wait for the device."""
Batch = TypeVar("Batch", contravariant=True)
Made = TypeVar("Made", covariant=True)
Any_ = TypeVar("Any_")


@dataclass(frozen=True)
class TrainingSettings:
    """What weights depend on; a checkpoint must agree with all of it.

    Args:
        steps: batches in all.
        warmup: steps of the schedule's warm-up.
        clip: largest norm of all gradients together; None leaves them.
        precision: auto, fp32, bf16, fp16 (with scaled losses); auto is bf16 on GPUs that have it.

    Raises:
        AnalysisError: numbers out of range. UnknownNameError: no such schedule.
    """

    steps: int
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: str = "cosine"
    warmup: int = 0
    clip: float | None = None
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        SCHEDULES.get(self.schedule)
        if self.steps < 1 or not 0 <= self.warmup < self.steps:
            raise AnalysisError(
                f"{self.steps} steps with {self.warmup} of warm-up; wanted 1 step or more, and fewer of warm-up"
            )
        if self.clip is not None and not self.clip > 0:
            raise AnalysisError(f"gradients are cut at a norm above 0, not {self.clip}")


@dataclass(frozen=True)
class Loss:
    """One update: the value to go down (a number on the device), and what else the journal is to hold."""

    value: Tensor
    measured: Mapping[str, Tensor | float] = field(default_factory=dict)


class Objective(Protocol[Batch]):
    """What a network is trained for; called in training mode, under autocast."""

    def __call__(self, network: nn.Module, batch: Batch, generator: torch.Generator, /) -> Iterable[Loss]:
        """The losses of a batch, which lies on the device; ``generator`` is a host one."""


class Batches(Protocol[Made]):
    """Batches of this process: tensors, or tuples, lists and dicts of them, on the host."""

    def from_step(self, step: int, /) -> Iterator[Made]:
        """Batches of ``step``, ``step + 1``, ...: each the same wherever one begins. Read in a thread, ahead."""


Probe = Callable[[nn.Module, int], Mapping[str, float]]
"""Measures a network in evaluation mode for the journal: (network, steps done) -> numbers."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network in evaluation mode, and what it took."""

    network: nn.Module
    steps: int
    """Done by this call; fewer than asked where it resumed."""
    step: int
    """Done in all."""
    seconds: float
    waited_s: float
    """Of them, spent waiting for batches."""
    entries: list[dict[str, Any]]
    """The journal."""

    @property
    def steps_per_s(self) -> float:
        return self.steps / self.seconds if self.seconds > 0 else math.nan


def train(
    network: nn.Module,
    objective: Objective[Any_],
    batches: Batches[Any_],
    settings: TrainingSettings,
    *,
    folder: Path | None = None,
    identity: Mapping[str, Any] | None = None,
    device: torch.device | None = None,
    workers: Workers = ALONE,
    checkpoint_every: int = 1000,
    journal_every: int = 10,
    probe: Probe | None = None,
    probe_every: int = 1000,
    stop_after: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train ``network`` in place; it goes on from the checkpoint in ``folder`` if there is one.

    Args:
        folder: of ``checkpoint.safetensors`` and ``journal.jsonl``; None keeps nothing on disk.
        identity: what else a checkpoint must agree with, plain JSON: data, sampling, widths.
        journal_every: steps whose means make one line of the journal; a loss that is not finite shows then.
        stop_after: end once so many steps are done, with a checkpoint, as if interrupted: a budget.
        progress: called with (steps done, steps in all).

    Raises:
        AnalysisError: a loss that is not finite; a checkpoint of other settings or of another network; batches that
            end early. ReadError: a file that is no checkpoint. InterruptedRun: Ctrl-C; a checkpoint is
            written (not by several processes, whose last one stands).
    """
    device = device or chosen_device()
    if min(checkpoint_every, journal_every, probe_every) < 1 or (stop_after is not None and stop_after < 0):
        raise AnalysisError("checkpoints, journal and probes come every 1 step or more; stop_after is 0 or more")
    run = _Run(network.to(device), objective, settings, device, workers, folder, dict(identity or {}))
    last = min(settings.steps, settings.steps if stop_after is None else stop_after)
    done_before, begun, waited = run.state.step, time.perf_counter(), 0.0
    cuda = [torch.cuda.current_device()] if device.type == "cuda" else []
    with own_random_state(devices=cuda), kept_memory():
        incoming = prefetch(_some(batches, run.state.step, max(0, last - run.state.step)), AHEAD)
        try:
            while run.state.step < last:
                asked = time.perf_counter()
                batch = next(incoming, None)
                waited += time.perf_counter() - asked
                if batch is None:
                    raise AnalysisError(f"batches ended at step {run.state.step} of {settings.steps}")
                # A step changes weights and norms bit by bit: it is done and told, or not begun.
                with interrupts.delay_interrupts():
                    run.step(batch)
                    done, end = run.state.step, run.state.step == settings.steps
                    if end or done % journal_every == 0:
                        run.tell()
                    if probe is not None and (end or done % probe_every == 0):
                        run.probe(probe)
                    if done == last or done % checkpoint_every == 0:
                        run.save()
                if progress:
                    progress(done, settings.steps)
        except KeyboardInterrupt:
            if folder is None or workers.world > 1:  # processes stop at different steps: the last checkpoint stands
                raise
            run.save()
            raise InterruptedRun(
                f"stopped after step {run.state.step} of {settings.steps}; {folder / CHECKPOINT} is written, "
                "the same call goes on from there"
            ) from None
        finally:
            close = getattr(incoming, "close", None)
            if close is not None:
                close()
    seconds = time.perf_counter() - begun
    return Trained(network.eval(), run.state.step - done_before, run.state.step, seconds, waited, run.entries())


def _some(batches: Batches[Any_], step: int, count: int) -> Iterator[Any_]:
    """``count`` batches; what makes them ends with this."""
    made = batches.from_step(step)
    try:
        yield from itertools.islice(made, count)
    finally:
        close = getattr(made, "close", None)
        if close is not None:
            close()


class _Run:
    """A network under way."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective[Any],
        settings: TrainingSettings,
        device: torch.device,
        workers: Workers,
        folder: Path | None,
        identity: dict[str, Any],
    ) -> None:
        self.network, self.objective, self.settings = network, objective, settings
        self.device, self.workers = device, workers
        self.precision = chosen_precision(settings.precision, device)
        self.optimizer = settings.optimizer.make(network)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")
        self.identity = {**asdict(settings), "precision": self.precision, "processes": workers.world, **identity}
        self.path = None if folder is None else folder / CHECKPOINT
        self.lines = None if folder is None or not workers.first else JsonLines(folder / JOURNAL)
        self.kept: list[dict[str, Any]] = []
        self.state = TrainingState()
        self.measured: list[dict[str, Tensor | float]] = []
        workers.begin_equal(network)
        if self.path is not None and self.path.exists():
            self.state = load_state(self.path, self.identity, network, self.optimizer, self.scaler)
        if self.lines is not None:
            self.lines.keep(lambda entry: entry["step"] <= self.state.step)
        self.factor = SCHEDULES.get(settings.schedule)

    @property
    def rate(self) -> float:
        s = self.settings
        return s.optimizer.rate * self.factor(self.state.step, s.warmup, s.steps)

    def step(self, batch: Any) -> None:
        seed = step_seed(self.settings.seed, self.workers.rank, self.state.step)
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.network.train()
        losses = iter(self.objective(self.network, on_device(batch, self.device), generator))
        measured: list[dict[str, Tensor | float]] = []
        while True:
            with autocast(self.device, self.precision):
                loss = next(losses, None)
            if loss is None:
                break
            self._update(loss.value)
            measured.append({"loss": loss.value.detach(), **loss.measured})
        self.state.step += 1
        self.measured += measured

    def _update(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.workers.mean_(p.grad for p in self.network.parameters() if p.grad is not None)
        if self.settings.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.workers.mean_(buffer for buffer in self.network.buffers() if buffer.is_floating_point())
        self.state.updates += 1

    def read(self) -> None:
        """Bring what was measured from the device; the device is waited for here and nowhere else."""
        for entry in self.measured:
            names = sorted(entry)
            values = torch.stack([torch.as_tensor(entry[name], device=self.device).detach().double() for name in names])
            self.workers.mean_([values])
            self.state.pending.append(dict(zip(names, values.tolist(), strict=True)))
        self.measured = []
        for one in self.state.pending:
            if not math.isfinite(one["loss"]):
                raise AnalysisError(
                    f"the loss is {one['loss']} at or shortly before step {self.state.step}; look for crops that are "
                    f"not finite, or lower the rate ({self.settings.optimizer.rate:g})"
                )

    def tell(self) -> None:
        """One line of the journal: means since the last."""
        self.read()
        names = sorted({name for entry in self.state.pending for name in entry})
        means = {}
        for name in names:
            values = [entry[name] for entry in self.state.pending if name in entry]
            means[name] = math.fsum(values) / len(values)
        self.state.pending = []
        s = self.settings
        rate = s.optimizer.rate * self.factor(self.state.step - 1, s.warmup, s.steps)
        self._write({"step": self.state.step, **means, "rate": rate})

    def probe(self, probe: Probe) -> None:
        if self.workers.first:
            self.network.eval()
            with torch.no_grad(), autocast(self.device, self.precision):
                found = dict(probe(self.network, self.state.step))
            self._write({"step": self.state.step, **found})

    def save(self) -> None:
        self.read()
        if self.path is not None and self.workers.first:
            save_state(self.path, self.identity, self.state, self.network, self.optimizer, self.scaler)

    def entries(self) -> list[dict[str, Any]]:
        return self.lines.entries() if self.lines is not None else self.kept

    def _write(self, entry: dict[str, Any]) -> None:
        if self.lines is not None:
            self.lines.append(entry)
        elif self.path is None:
            self.kept.append(entry)


def step_seed(seed: int, rank: int, step: int) -> int:
    """The seed of one step in one process: any two differ, whatever the numbers."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{rank}/{step}".encode()).digest()[:7], "little")


def on_device(batch: Any, device: torch.device) -> Any:
    """The same batch with every tensor on the device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {name: on_device(value, device) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(on_device(value, device) for value in batch)
    return batch
