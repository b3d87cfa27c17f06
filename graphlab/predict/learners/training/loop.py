"""The training loop of networks on neurons: it stops early, and goes on from where it was interrupted.

Same seed, machine, versions and threads: the same bytes, whether in one go or resumed. A checkpoint is a safetensors
file of weights, best weights, optimizer and random states, with the epoch and the settings as JSON in its header;
nothing in it is run when it is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gpu_embed.training.devices import chosen_device, kept_memory
from gpu_embed.training.random_state import own_random_state
from graphlab.predict.inputs.examples import Ints
from graphlab.predict.predictor import TrainingJournal
from ingest.running import whole_files
from ingest.schema.errors import AnalysisError, MissingExtraError, ReadError

Loss = Callable[[], tuple[torch.Tensor, torch.Tensor]]
"""One step: its loss, and how good it was, for the journal."""
Steps = Callable[[nn.Module, torch.Generator], Iterable[Loss]]
"""(network, generator) -> the losses of one epoch's steps: one for a full batch, one for each mini-batch."""
Score = Callable[[nn.Module], float]
"""Validation score of a network in evaluation mode; larger is better."""


@dataclass(frozen=True)
class Training:
    """Settings of a training, all of which a checkpoint must agree with."""

    epochs: int
    rate: float = 0.01
    """Of AdamW in the first epoch; falls to 0 as half a cosine."""
    decay: float = 5e-4
    patience: int | None = None
    """Validations without a better score before training stops; None trains all epochs. Best weights are kept."""
    every: int = 5
    """Epochs between validations."""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, with the weights of its best epoch where scores were measured."""

    network: nn.Module
    epochs: int
    """That were trained."""
    best_epoch: int
    score: float
    """NaN where none was measured."""


@dataclass
class _State:
    """Where a training stands."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -math.inf
    stale: int = 0
    done: bool = False


def precision(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 for the dense products of GPUs that have it; float32 elsewhere. Sparse products stay float32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def train(
    build: Callable[[], nn.Module],
    steps: Steps,
    settings: Training,
    *,
    score: Score | None = None,
    device: torch.device | None = None,
    run: str = "training",
    journal: TrainingJournal | None = None,
    checkpoint: Path | None = None,
    checkpoint_every: int = 10,
) -> TrainedNetwork:
    """Train a network; the caller's random state is left alone.

    Args:
        build: makes the network, from torch's own random state, which is seeded before.
        steps: the losses of one epoch; whatever is random in them must come from the generator it is handed.
        score: measured every ``settings.every`` epochs and after the last.
        run: name in the journal, to tell the members of an ensemble apart.
        checkpoint: file written every ``checkpoint_every`` epochs, and read first when it is there.

    Raises:
        AnalysisError: a loss that is not finite; a checkpoint of other settings or of another network. ReadError: a
        file that is no checkpoint.
    """
    device = device or chosen_device()
    cuda = [torch.cuda.current_device()] if device.type == "cuda" else []
    with own_random_state(settings.seed, cuda), kept_memory():
        generator = torch.Generator().manual_seed(settings.seed)
        network = build().to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
        best = _copy(network)
        state = _State()
        if checkpoint is not None and checkpoint.exists():
            state = _resume(checkpoint, settings, network, best, optimizer, generator)
        if checkpoint is not None and journal is not None:
            journal.rewind(run, state.epoch)
        while not state.done:
            entry = _epoch(network, optimizer, steps, settings, state, generator, device)
            last = state.epoch == settings.epochs
            if score is not None and (last or state.epoch % settings.every == 0):
                entry["score"] = _validate(network, score, settings, state, best, device)
            state.done |= last
            if journal is not None:
                journal.write({"run": run, "epoch": state.epoch, **entry})
            if checkpoint is not None and (state.done or state.epoch % checkpoint_every == 0):
                _save(checkpoint, settings, state, network, best, optimizer, generator)
        if score is not None:
            network.load_state_dict(best)
        else:
            state.best_epoch = state.epoch
    measured = state.best_score if math.isfinite(state.best_score) else math.nan
    return TrainedNetwork(network.eval(), state.epoch, state.best_epoch, measured)


def _epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: Steps,
    settings: Training,
    state: _State,
    generator: torch.Generator,
    device: torch.device,
) -> dict[str, float]:
    rate = settings.rate * 0.5 * (1.0 + math.cos(math.pi * state.epoch / settings.epochs))
    for group in optimizer.param_groups:
        group["lr"] = rate
    state.epoch += 1
    network.train()
    losses, metrics = [], []
    for step in steps(network, generator):
        with precision(device):
            loss, metric = step()
        losses.append(float(loss.detach()))
        metrics.append(float(metric.detach()))
        if not math.isfinite(losses[-1]):
            raise AnalysisError(
                f"the loss of epoch {state.epoch} is {losses[-1]}; look for features that are huge, or lower the rate "
                f"({settings.rate:g})"
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    loss_mean, metric_mean = (float(np.mean(values)) if values else math.nan for values in (losses, metrics))
    return {"loss": loss_mean, "metric": metric_mean, "rate": rate}


def _validate(
    network: nn.Module, score: Score, settings: Training, state: _State, best: dict[str, torch.Tensor],
    device: torch.device,
) -> float:  # fmt: skip
    network.eval()
    with torch.no_grad(), precision(device):
        value = float(score(network))
    if value > state.best_score:
        state.best_score, state.best_epoch, state.stale = value, state.epoch, 0
        for name, tensor in network.state_dict().items():
            best[name].copy_(tensor)
    else:
        state.stale += 1
        state.done |= settings.patience is not None and state.stale >= settings.patience
    return value


def held_out_classes(group: Ints, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which of k examples are for validation, bool [k]: those of a random ``share`` of the homologue classes.

    ``group`` [k] are class numbers; twins are never divided. None where that would leave either part empty.
    """
    present = np.unique(group)
    count = round(share * len(present))
    if not 0 < count < len(present):
        return np.zeros(len(group), dtype=bool)
    return np.isin(group, rng.choice(present, count, replace=False))


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _save(
    path: Path,
    settings: Training,
    state: _State,
    network: nn.Module,
    best: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> None:
    """Write beside and rename: a checkpoint is whole or the one before."""
    save_file, _ = _safetensors()
    tensors = {f"weights/{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": torch.as_tensor(value) for name, value in values.items()}
    tensors["random/torch"] = torch.get_rng_state()
    tensors["random/generator"] = generator.get_state()
    if next(network.parameters()).device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"training": json.dumps({"settings": asdict(settings), "state": asdict(state)})}
    with whole_files.write_atomically(path) as new:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, str(new), metadata=header)


def _resume(
    path: Path,
    settings: Training,
    network: nn.Module,
    best: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> _State:
    _, safe_open = _safetensors()
    try:
        with safe_open(str(path), "pt") as file:
            header = json.loads((file.metadata() or {})["training"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except Exception as error:
        raise ReadError(f"{path} is no training checkpoint ({error}); remove it to train from the start") from error
    if header["settings"] != asdict(settings):
        differing = [key for key, value in asdict(settings).items() if header["settings"].get(key) != value]
        raise AnalysisError(
            f"{path} was written with other settings ({', '.join(differing)}); go on with those, or remove it to train "
            "from the start"
        )
    wanted = network.state_dict()
    weights = {name.removeprefix("weights/"): t for name, t in tensors.items() if name.startswith("weights/")}
    if {name: t.shape for name, t in wanted.items()} != {name: t.shape for name, t in weights.items()}:
        raise AnalysisError(f"{path} is of a network of another shape; remove it to train from the start")
    network.load_state_dict(weights)
    for name, tensor in best.items():
        tensor.copy_(tensors[f"best/{name}"])
    kept: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, number, what = name.split("/")
            kept.setdefault(int(number), {})[what] = tensor
    optimizer.load_state_dict({"state": kept, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["random/torch"])
    generator.set_state(tensors["random/generator"])
    if "random/cuda" in tensors and next(network.parameters()).device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random/cuda"])
    return _State(**header["state"])


def _safetensors() -> tuple[Any, Any]:
    try:
        from safetensors import safe_open
        from safetensors.torch import save_file
    except ImportError:
        raise MissingExtraError("safetensors", "gnn") from None
    return save_file, safe_open
