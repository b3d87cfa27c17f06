"""The SegCLR encoder in PyTorch, layer for layer as published, and the port in the usual order of layers.

Sources: Dorkenwald et al. 2023 (SegCLR); google-research/connectomics ``segclr/resnet.py``, ``segclr/model_util.py``
(published), ``segclr/tf2/resnet.py`` (port).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpu_embed.encoder.architectures import EPSILON, HEAD_LAYERS, STAGES, Architecture
from gpu_embed.encoder.variables import check_weights


def norm(channels: int, *, flat: bool = False, shifted: bool = True) -> nn.BatchNorm3d | nn.BatchNorm1d:
    """Batch norm with TensorFlow's epsilon; without PyTorch's batch counter, which no checkpoint has."""
    made = (nn.BatchNorm1d if flat else nn.BatchNorm3d)(channels, eps=EPSILON, momentum=0.1)
    made.num_batches_tracked = None
    if not shifted:
        made.register_parameter("bias", None)
    return made


class Stem(nn.Module):
    """7^3 convolution with stride 2, batch norm, 3^3 max-pooling with stride 2; a ReLU in the port only."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, a.width, 7, stride=2, padding=3, bias=a.published)
        self.norm = norm(a.width)
        self.rectified = not a.published

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        if self.rectified:
            x = F.relu(x)
        # PyTorch pads a maximum with minus infinity, as TensorFlow does.
        return F.max_pool3d(x, 3, stride=2, padding=1)


class Block(nn.Module):
    """Two 3^3 convolutions and a shortcut, added and rectified; block a has a convolution in its shortcut."""

    def __init__(self, a: Architecture, into: int, out: int, stride: int, projected: bool) -> None:
        super().__init__()
        self.published = a.published
        self.conv0 = nn.Conv3d(into, out, 3, stride=stride, padding=1, bias=a.published)
        self.norm0 = norm(out)
        self.conv1 = nn.Conv3d(out, out, 3, padding=1, bias=a.published)
        self.norm1 = norm(out)
        self.projected = projected
        if projected:
            self.shortcut = nn.Conv3d(into, out, 1, stride=stride, bias=a.published)
            self.shortcut_norm = norm(out)

    def forward(self, x: Tensor) -> Tensor:
        if self.published:
            y = self.norm1(F.relu(self.conv1(self.norm0(F.relu(self.conv0(x))))))
        else:
            y = self.norm1(self.conv1(F.relu(self.norm0(self.conv0(x)))))
        return F.relu(y + (self.shortcut_norm(self.shortcut(x)) if self.projected else x))


class HeadLayer(nn.Module):
    """Matrix product and batch norm; a ReLU in all layers but the last."""

    def __init__(self, into: int, out: int, rectified: bool, shifted: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(into, out, bias=False)
        self.norm = norm(out, flat=True, shifted=shifted)
        self.rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.linear(x))
        return F.relu(x) if self.rectified else x


class Encoder(nn.Module):
    """Masked EM to embeddings: float [B, 1, Z, Y, X] in [0, 1] to float [B, outputs], not normalised.

    Training is open to a later part: ``train()`` uses batch statistics with TensorFlow's decay of 0.9; batch renorm
    and the projection head are not here.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.stem = Stem(a)
        into = a.width
        for stage in STAGES:
            out = a.channels(stage)
            first = Block(a, into, out, stride=1 if stage == 2 else 2, projected=True)
            second = Block(a, out, out, stride=1, projected=False)
            self.add_module(f"stage{stage}", nn.Sequential(OrderedDict(a=first, b=second)))
            into = out
        last = HEAD_LAYERS - 1
        self.head = nn.Sequential(
            *(
                HeadLayer(a.features, a.outputs if i == last else a.features, i < last, a.published or i < last)
                for i in range(HEAD_LAYERS)
            )
        )

    def stages(self) -> list[Block]:
        """The blocks in the order of the work."""
        return [block for stage in STAGES for block in getattr(self, f"stage{stage}")]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.stages():
            x = block(x)
        pooled: Tensor = x.mean(dim=(2, 3, 4))
        return self.head(pooled)  # type: ignore[no-any-return]


def encoder_of(architecture: Architecture, weights: Mapping[str, npt.NDArray[np.float32]]) -> Encoder:
    """An encoder in evaluation mode with these weights (our names).

    Raises:
        SchemaError: a weight is missing, left over or of another shape.
    """
    check_weights(architecture, {name: value.shape for name, value in weights.items()})
    encoder = Encoder(architecture)
    with torch.no_grad():
        for name, tensor in encoder.state_dict().items():  # load_state_dict would bring the batch counters back
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))
    return encoder.eval()


@torch.no_grad()
def recalibrate(encoder: Encoder, crops: npt.NDArray[np.uint8]) -> None:
    """Set every norm's mean and variance to those its input has on these crops (uint8 [B, Z, Y, X]), in place.

    What a network with made-up weights needs before precisions can be compared on it: without it nearly all
    activations are the same for all crops, and cosines say nothing.
    """

    def measure(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d)
        (x,) = inputs
        axes = [axis for axis in range(x.ndim) if axis != 1]
        variance, mean = torch.var_mean(x, dim=axes, correction=0)
        assert module.running_mean is not None
        assert module.running_var is not None
        module.running_mean.copy_(mean)
        module.running_var.copy_(variance)

    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d)]
    hooks = [module.register_forward_pre_hook(measure) for module in norms]
    try:
        encoder.eval()(torch.from_numpy(crops).unsqueeze(1).float() / 255)
    finally:
        for hook in hooks:
            hook.remove()
