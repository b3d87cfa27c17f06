"""Where a training stands, on disk: one safetensors file that is whole or the one before; nothing in it is run.

Tests: tests/gpu_embed/training/test_trainer.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ingest.running import whole_files
from ingest.schema.errors import AnalysisError, MissingExtraError, ReadError

FORMAT = 2
"""1 numbered the optimizer's values otherwise: gains of norms were decayed."""
HEADER = "training"


@dataclass
class TrainingState:
    """How far a training is. Random numbers need no state: those of a step follow from the seed and its number."""

    step: int = 0
    """Steps that are done."""
    updates: int = 0
    pending: list[dict[str, float]] = field(default_factory=list)
    """What was measured since the last line of the journal."""


def save_state(
    path: Path,
    identity: Mapping[str, Any],
    state: TrainingState,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    """Write all that the next step needs.

    Raises:
        ReadError: the disk is full; the checkpoint before is still there.
    """
    save_file, _ = _safetensors()
    tensors = {f"weights/{name}": tensor for name, tensor in network.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": torch.as_tensor(value) for name, value in values.items()}
    about = {
        "format": FORMAT,
        "identity": dict(identity),
        "step": state.step,
        "updates": state.updates,
        "pending": state.pending,
        "scaler": scaler.state_dict(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # A copy for each: safetensors refuses tensors that share memory, and those laid out channels last.
    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    try:
        with whole_files.write_atomically(path) as new:
            save_file(plain, str(new), metadata={HEADER: json.dumps(about)})
    except (OSError, RuntimeError) as error:
        raise ReadError(f"cannot write {path}: {error}; the checkpoint before it is kept, free some space") from None


def load_state(
    path: Path,
    identity: Mapping[str, Any],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> TrainingState:
    """Put network, optimizer and scaler where they were.

    Raises:
        ReadError: no checkpoint of a training. AnalysisError: of other settings, of a network of another shape.
    """
    _, safe_open = _safetensors()
    try:
        with safe_open(str(path), "pt") as file:
            about = json.loads((file.metadata() or {})[HEADER])
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        there = about["identity"]
        state = TrainingState(int(about["step"]), int(about["updates"]), list(about["pending"]))
        scale, written = about["scaler"], about["format"]
    except Exception as error:
        raise ReadError(f"{path} is no checkpoint of a training ({error}); remove it to train from the start") from None
    if written != FORMAT:
        raise ReadError(
            f"{path} is of format {written}, which another version wrote; this one reads {FORMAT}. Finish "
            "it with that version, or remove it to train from the start"
        )
    _require_same(path, there, identity)
    weights = {name.removeprefix("weights/"): t for name, t in tensors.items() if name.startswith("weights/")}
    _require_shapes(path, {n: tuple(t.shape) for n, t in weights.items()}, network)
    network.load_state_dict(weights)
    kept: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, number, what = name.split("/")
            kept.setdefault(int(number), {})[what] = tensor
    optimizer.load_state_dict({"state": kept, "param_groups": optimizer.state_dict()["param_groups"]})
    if scale:
        scaler.load_state_dict(scale)
    return state


def _require_same(path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    now = json.loads(json.dumps(dict(wanted)))
    differing = sorted(key for key in {*there, *now} if there.get(key) != now.get(key))
    if differing:
        told = "; ".join(f"{key} {there.get(key)!r} there, {now.get(key)!r} now" for key in differing[:3])
        raise AnalysisError(
            f"{path} was written with other settings: {told}. Go on with those, or remove it to train from the start"
        )


def _require_shapes(path: Path, there: dict[str, tuple[int, ...]], network: nn.Module) -> None:
    now = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    differing = sorted(name for name in {*there, *now} if there.get(name) != now.get(name))
    if differing:
        name = differing[0]
        raise AnalysisError(
            f"{path} is of a network of another shape: {name} is {there.get(name, 'absent')} there, "
            f"{now.get(name, 'absent')} here. Name the network it was written for, or remove it to train from the start"
        )


def _safetensors() -> tuple[Any, Any]:
    try:
        from safetensors import safe_open
        from safetensors.torch import save_file
    except ImportError:
        raise MissingExtraError("safetensors", "embed") from None
    return save_file, safe_open
