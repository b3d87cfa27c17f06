"""The network in PyTorch: what inference runs and what training trains."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import INPUTS, FfnArchitecture, check_weights

EPSILON = 1e-6
"""Of layer norms, as in flax."""


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, C, Z, Y, X]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x.movedim(1, -1), (x.shape[1],), self.weight, self.bias, EPSILON)
        return normed.movedim(-1, 1)


class FfnNetwork(nn.Module):
    """[B, 2, Z, Y, X] (normalised image, logits of the object) to the update of the logits [B, 1, Z, Y, X].

    State dict: see ``gpu_embed.ffn.architecture.variables``. Any size of Z, Y, X is computed; the published networks
    know their field of view only.
    """

    def __init__(self, architecture: FfnArchitecture) -> None:
        super().__init__()
        self.architecture = a = architecture
        into = INPUTS
        for module in range(a.depth):
            if a.layer_norm:
                self.add_module(f"norm{module}", ChannelNorm(a.features))
            for half in "ab":
                self.add_module(f"conv{module}_{half}", nn.Conv3d(into, a.features, 3, padding=1))
                into = a.features
        if a.layer_norm:
            self.norm_lom = ChannelNorm(a.features)
        self.conv_lom = nn.Conv3d(a.features, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self._layer("conv0_a", x)
        x = self._layer("conv0_b", F.relu(self._normed("norm0", x)))
        for module in range(1, self.architecture.depth):
            y = self._layer(f"conv{module}_a", F.relu(self._normed(f"norm{module}", x)))
            x = x + self._layer(f"conv{module}_b", F.relu(y))
        logits: Tensor = self.conv_lom(F.relu(self._normed("norm_lom", x)))
        return logits

    def _layer(self, name: str, x: Tensor) -> Tensor:
        result: Tensor = self.get_submodule(name)(x)
        return result

    def _normed(self, name: str, x: Tensor) -> Tensor:
        return self._layer(name, x) if self.architecture.layer_norm else x


def network_of(architecture: FfnArchitecture, weights: Mapping[str, Array]) -> FfnNetwork:
    """The network with weights (our names), in evaluation mode.

    Raises:
        SchemaError: weights of another architecture.
    """
    check_weights(architecture, {name: tuple(value.shape) for name, value in weights.items()})
    network = FfnNetwork(architecture)
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
    return network.eval()
