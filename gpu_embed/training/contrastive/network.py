"""An encoder with its projection head, as it is trained, and the checkpoint that inference and Google's loader read.

Tests: tests/gpu_embed/training/contrastive/test_network.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard
from gpu_embed.encoder.architectures import HEAD_LAYERS, STAGES, Architecture
from gpu_embed.encoder.network import Encoder, HeadLayer, encoder_of
from gpu_embed.encoder.variables import NORM, Array, variables
from gpu_embed.training.contrastive.norms import TrainingNorm, replace_norms
from gpu_embed.training.random_state import own_random_state
from gpu_embed.training.workers import ALONE, Workers
from ingest.schema.errors import SchemaError

PROJECTED = 16
"""Floats that the published loss is taken of."""
HEAD = "projection_head_0_0"
MEMORY = ("renorm_mean", "renorm_stddev", "moving_stddev")


class ContrastiveNetwork(nn.Module):
    """Masked crops [B, 1, S, S, S] to embeddings [B, outputs] and, from them, what the loss compares [B, projected].

    Args:
        renormalised: batch renorm in the residual blocks, as published; else plain batch norm.
    """

    def __init__(
        self, architecture: Architecture, *, projected: int = PROJECTED, renormalised: bool = True,
        workers: Workers = ALONE,
    ) -> None:  # fmt: skip
        super().__init__()
        self.architecture = architecture
        self.encoder = Encoder(architecture)
        width, last = architecture.outputs, HEAD_LAYERS - 1
        shifted = architecture.published
        self.projection = nn.Sequential(
            *(
                HeadLayer(width, projected if i == last else width, i < last, shifted or i < last)
                for i in range(HEAD_LAYERS)
            )
        )
        for stage in STAGES:
            replace_norms(getattr(self.encoder, f"stage{stage}"), renormalised and architecture.published, workers)
        replace_norms(self, False, workers)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        embeddings = self.encoder(crops)
        return embeddings, self.projection(embeddings)


def fresh_network(
    architecture: Architecture, seed: int, *, projected: int = PROJECTED, renormalised: bool = True,
    workers: Workers = ALONE,
) -> ContrastiveNetwork:  # fmt: skip
    """Weights as published trainings begin: Glorot's uniform kernels, normal products of deviation .01, no biases."""
    with own_random_state(seed):
        network = ContrastiveNetwork(architecture, projected=projected, renormalised=renormalised, workers=workers)
        for module in network.modules():
            if isinstance(module, nn.Conv3d):
                window = math.prod(module.kernel_size)
                most = math.sqrt(6.0 / (window * (module.in_channels + module.out_channels)))
                nn.init.uniform_(module.weight, -most, most)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
    return network


def checkpoint_of(
    network: ContrastiveNetwork, name: str, resolution: tuple[float, float, float] | None, notes: tuple[str, ...] = ()
) -> Checkpoint:
    """Weights for inference, and what Google's loader wants besides: projection head and memory of renorm.

    ``write_tensorflow`` writes it so that ``restore_legacy_model`` takes every variable (published architecture).
    """
    state = {key: value.detach().cpu().numpy() for key, value in network.encoder.state_dict().items()}
    a = network.architecture
    weights = {v.ours: np.ascontiguousarray(state[v.ours], dtype=np.float32) for v in variables(a)}
    training: dict[str, Array] = {}
    if a.published:
        training = {theirs: _plain(value) for theirs, value in _projection(network)}
        training |= {theirs: _plain(value) for theirs, value in _memory(network)}
    card = ModelCard(name, a, resolution, source="trained by graphlab", notes=notes)
    return Checkpoint(card, weights, training)


def network_of(checkpoint: Checkpoint, *, renormalised: bool = True, workers: Workers = ALONE) -> ContrastiveNetwork:
    """A published or exported checkpoint, to be trained on.

    Raises:
        SchemaError: it has no projection head, or one of another shape.
    """
    a = checkpoint.card.architecture
    kernel = checkpoint.training.get(f"{HEAD}/nl_{HEAD_LAYERS - 1}/dense/kernel")
    if kernel is None:
        raise SchemaError(f"{checkpoint.card.name} has no projection head; begin with fresh weights")
    network = ContrastiveNetwork(a, projected=kernel.shape[1], renormalised=renormalised, workers=workers)
    with torch.no_grad():
        for key, value in encoder_of(a, checkpoint.weights).state_dict().items():
            network.encoder.state_dict()[key].copy_(value)
        for theirs, tensor in [*_projection(network), *_memory(network)]:
            found = checkpoint.training.get(theirs)
            if found is None:
                if theirs.rpartition("/")[2] in MEMORY:
                    continue
                raise SchemaError(f"{checkpoint.card.name}: {theirs} is missing; begin with fresh weights")
            if found.shape != tuple(tensor.shape):
                raise SchemaError(
                    f"{checkpoint.card.name}: {theirs} is {found.shape}, wanted {tuple(tensor.shape)}; it is of "
                    "another width"
                )
            tensor.copy_(torch.from_numpy(np.array(found)))
    return network


def _projection(network: ContrastiveNetwork) -> Iterator[tuple[str, Tensor]]:
    """Google's name and layout of every tensor of the head, as views."""
    for i, layer in enumerate(network.projection):
        assert isinstance(layer, HeadLayer)
        yield f"{HEAD}/nl_{i}/dense/kernel", layer.linear.weight.T
        for ours, theirs in NORM:
            value = getattr(layer.norm, ours)
            if value is not None:
                yield f"{HEAD}/nl_{i}/nl_{i}_bn/{theirs}", value


def _memory(network: ContrastiveNetwork) -> Iterator[tuple[str, Tensor]]:
    """Memory of renorm of every norm in a residual block; what plain norms would have is made from their moments."""
    norms = {v.ours.removesuffix(".running_mean"): v.theirs.rpartition("/")[0] for v in variables(network.architecture)
             if v.ours.startswith("stage") and v.ours.endswith(".running_mean")}  # fmt: skip
    for ours, theirs in norms.items():
        norm = network.encoder.get_submodule(ours)
        assert isinstance(norm, TrainingNorm)
        if norm.renormalised:
            yield from ((f"{theirs}/{name}", getattr(norm, name)) for name in MEMORY)
        else:
            deviation = (norm.running_var + 1e-5).sqrt()
            yield f"{theirs}/renorm_mean", norm.running_mean.clone()
            yield from ((f"{theirs}/{name}", deviation.clone()) for name in MEMORY[1:])


def _plain(value: Tensor) -> Array:
    return np.ascontiguousarray(value.detach().cpu().numpy(), dtype=np.float32)
