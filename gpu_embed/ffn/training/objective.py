"""The loss of flood filling: the field of view moves through each example, and every move is an update of the weights.

Examples advance side by side, ``batch`` of them with each update; one that has no moves left makes room for the next.
The canvas of an example is where its last update left it, so a later move sees what earlier weights said.

Tests: tests/gpu_embed/ffn/training/test_train.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.settings import FfnSettings
from gpu_embed.ffn.training.examples import Examples
from gpu_embed.ffn.training.moves import Walk, cut
from gpu_embed.training.trainer import Loss


class FloodFilling:
    """Sigmoid cross-entropy of the object's logits after each move, mean over voxels and fields of view.

    Args:
        walk: makes the moves of one example.
        batch: fields of view of one update.
    """

    def __init__(
        self, architecture: FfnArchitecture, settings: FfnSettings, walk: Callable[[torch.Generator], Walk], batch: int
    ) -> None:
        self._fov, self._settings, self._walk, self._batch = architecture.fov, settings, walk, batch

    def __call__(self, network: nn.Module, examples: Examples, generator: torch.Generator, /) -> Iterator[Loss]:
        images, targets = examples
        canvas = self.begun(images)
        walks = [self._walk(generator) for _ in images]
        waiting = list(range(len(images)))
        while moves := self._moves(walks, waiting, canvas, targets):
            yield self._loss(network, images, targets, canvas, moves)

    def begun(self, images: Tensor) -> Tensor:
        """Canvases before the first move: logits [examples, Z, Y, X]."""
        canvas = torch.full_like(images, float(self._settings.logit("pad")))
        z, y, x = (n // 2 for n in images.shape[1:])
        canvas[:, z, y, x] = float(self._settings.logit("seed"))
        return canvas

    def _moves(self, walks: list[Walk], waiting: list[int], canvas: Tensor, targets: Tensor) -> list[tuple[int, Zyx]]:
        moves: list[tuple[int, Zyx]] = []
        for example in list(waiting):
            if len(moves) == self._batch:
                break
            offset = walks[example].next(canvas[example], targets[example])
            if offset is None:
                waiting.remove(example)
            else:
                moves.append((example, offset))
        return moves

    def _loss(
        self, network: nn.Module, images: Tensor, targets: Tensor, canvas: Tensor, moves: list[tuple[int, Zyx]]
    ) -> Loss:
        image, seed, target = (
            torch.stack([cut(block[k], offset, self._fov) for k, offset in moves])[:, None]
            for block in (images, canvas, targets)
        )
        logits = seed + network(torch.cat([image, seed], dim=1)).float()
        for (k, offset), seen in zip(moves, logits.detach(), strict=True):
            cut(canvas[k], offset, self._fov).copy_(seen[0])
        wrong = ((logits.detach() > 0) != (target > 0.5)).float().mean()
        return Loss(
            F.binary_cross_entropy_with_logits(logits, target), {"wrong voxels": wrong, "fields of view": len(moves)}
        )


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Convolutions by Glorot's uniform rule, biases 0, as google/ffn begins; norms are left as they are."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            window = math.prod(module.kernel_size)
            reach = math.sqrt(6 / (window * (module.in_channels + module.out_channels)))
            with torch.no_grad():
                module.weight.copy_(torch.rand(module.weight.shape, generator=generator) * (2 * reach) - reach)
                if module.bias is not None:
                    module.bias.zero_()


def limit_gradients(network: nn.Module, most: float) -> None:
    """Every number of a gradient is cut to -most .. most, as google/ffn does (0.7)."""
    for parameter in network.parameters():
        parameter.register_hook(lambda gradient: gradient.clamp(-most, most))  # type: ignore[no-untyped-call]
