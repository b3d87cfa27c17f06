"""Batch norm as TensorFlow trains it: moments over all processes, biased variances, batch renormalisation.

The published network renormalises in its residual blocks (not in the stem and the heads) and sets no bounds to it: a
training step then normalises by the remembered mean and deviation, as inference does, while gradients flow through
the batch's own. Source: ``tf.layers.BatchNormalization`` (Ioffe 2017, arXiv:1702.03275), google-research/simclr
``resnet.py`` (moments over replicas).

Tests: tests/gpu_embed/training/contrastive/test_oracle.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpu_embed.encoder.architectures import EPSILON
from gpu_embed.training.workers import ALONE, Workers

KEPT, RENORM_KEPT = 0.9, 0.99
"""Share of the old value when moments are remembered."""


class TrainingNorm(nn.Module):
    """Stands where a batch norm of the encoder stood, under the same names of weights.

    Args:
        replaced: its values are taken over.
        renormalised: with memory of renorm, and with it in training.
    """

    def __init__(self, replaced: nn.BatchNorm1d | nn.BatchNorm3d, renormalised: bool, workers: Workers = ALONE) -> None:
        super().__init__()
        assert replaced.running_mean is not None
        assert replaced.running_var is not None
        self.weight, self.bias = replaced.weight, replaced.bias
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", replaced.running_mean)
        self.register_buffer("running_var", replaced.running_var)
        self.renormalised, self.workers = renormalised, workers
        self.renorm_mean: Tensor
        self.renorm_stddev: Tensor
        self.moving_stddev: Tensor
        if renormalised:
            self.register_buffer("renorm_mean", torch.zeros_like(self.running_mean))
            self.register_buffer("renorm_stddev", self.running_var.sqrt())
            self.register_buffer("moving_stddev", self.running_var.sqrt())

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, EPSILON)
        values = x if x.dtype == torch.float64 else x.float()
        mean, variance = self._moments(values)
        shape = (1, -1) + (1,) * (x.ndim - 2)
        scale = torch.rsqrt(variance + EPSILON)
        shift = -mean * scale
        if self.renormalised:
            with torch.no_grad():
                deviation = (variance + EPSILON).sqrt()
                before = self.renorm_stddev.clamp_min(EPSILON**0.5)
                r, d = deviation / before, (mean - self.renorm_mean) / before
                self.renorm_mean.lerp_(mean, 1 - RENORM_KEPT)
                self.renorm_stddev.lerp_(deviation, 1 - RENORM_KEPT)
                self.moving_stddev.lerp_(deviation, 1 - KEPT)
            scale, shift = scale * r, shift * r + d
        scale, shift = scale * self.weight, shift * self.weight
        if self.bias is not None:
            shift = shift + self.bias
        with torch.no_grad():
            self.running_mean.lerp_(mean, 1 - KEPT)
            if self.renormalised:
                self.running_var.copy_((self.moving_stddev.square() - EPSILON).clamp_min(0))
            else:
                self.running_var.lerp_(variance, 1 - KEPT)
        return (values * scale.view(shape) + shift.view(shape)).to(x.dtype)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        axes = [axis for axis in range(x.ndim) if axis != 1]
        variance, mean = torch.var_mean(x, dim=axes, correction=0)
        if self.workers.world == 1:
            return mean, variance
        means, variances = self.workers.gathered(torch.cat([mean, variance])[None]).chunk(2, dim=1)
        together = means.mean(dim=0)
        return together, variances.mean(dim=0) + (means - together).square().mean(dim=0)


def replace_norms(module: nn.Module, renormalised: bool, workers: Workers = ALONE) -> None:
    """Put a ``TrainingNorm`` in the place of every batch norm within, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm3d):
            setattr(module, name, TrainingNorm(child, renormalised, workers))
        else:
            replace_norms(child, renormalised, workers)
