"""The network of SNGP: residual layers of bounded slope, and a Gaussian process of random features as last layer.

Liu et al. 2020 (arXiv 2006.10108), as Google's SegCLR classifiers have it (google-research/connectomics, model_def.py,
over the layers of edward2). What differs there from the paper is kept, so that their weights mean here what they mean
there: a kernel is scaled in place, in passes that train and in passes that do not, so that no gradient goes through its
norm; the input layer is not bounded; the kernel scale has no effect behind the layer norm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

SLACK = 1e-12
"""Least length a vector is divided by, as tf.nn.l2_normalize has it under a square root."""
NORM_EPSILON = 1e-3
"""Of the layer norm in Keras."""


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network; ``features`` 0 is a linear last layer, ``bound`` 0 leaves slopes free."""

    width: int
    """Numbers of a window."""
    classes: int
    hidden: int = 128
    layers: int = 2
    """Residual layers; 0 is a linear model of the windows."""
    bound: float = 0.95
    """Largest singular value of a hidden kernel."""
    features: int = 2048
    """Random features of the Gaussian process."""
    ridge: float = 1e-3
    length: float = 1.0
    """What the Gaussian process divides its inputs by, behind the layer norm: 1 as published. Vectors there are as long
    as the root of their size, so that a kernel of length 1 tells any two of many numbers apart."""


class BoundedLinear(nn.Linear):
    """A linear layer whose kernel is scaled down to a largest singular value, estimated by power iteration."""

    def __init__(self, inputs: int, outputs: int, bound: float) -> None:
        super().__init__(inputs, outputs)
        self.bound = bound
        self.register_buffer("u", torch.randn(outputs))
        self.register_buffer("v", torch.randn(inputs))
        self.u: torch.Tensor
        self.v: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.shrink(self.training)
        return super().forward(x)

    @torch.no_grad()
    def shrink(self, iterate: bool) -> None:
        """Bring the kernel below its bound, after one step of power iteration where ``iterate``."""
        if iterate:
            self.v.copy_(_unit(self.u @ self.weight))
            self.u.copy_(_unit(self.weight @ self.v))
        sigma = self.u @ self.weight @ self.v
        if self.bound / sigma < 1:
            self.weight.mul_(self.bound / sigma)


def _unit(vector: torch.Tensor) -> torch.Tensor:
    return vector * torch.rsqrt(torch.clamp((vector * vector).sum(), min=SLACK))


class RandomFeatureProcess(nn.Module):
    """A Gaussian process of kernel exp(-|x - y|^2 / 2 length^2), by random features cos(W x + b) over a layer norm."""

    def __init__(self, inputs: int, classes: int, features: int, ridge: float, length: float = 1.0) -> None:
        super().__init__()
        self.length = length
        self.norm = nn.LayerNorm(inputs, eps=NORM_EPSILON)
        self.ridge = ridge
        self.register_buffer("kernel", orthogonal_features(inputs, features))
        self.register_buffer("phase", torch.rand(features) * 2 * math.pi)
        self.register_buffer("precision", ridge * torch.eye(features, dtype=torch.float64))
        self.output = nn.Linear(features, classes, bias=False)
        self.register_buffer("bias", torch.zeros(classes))
        self.kernel: torch.Tensor
        self.phase: torch.Tensor
        self.precision: torch.Tensor
        self.bias: torch.Tensor
        self._factor: torch.Tensor | None = None

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Random features [k, features]."""
        return math.sqrt(2.0 / len(self.phase)) * torch.cos(self.norm(x) / self.length @ self.kernel + self.phase)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output(self.features(x)) + self.bias
        return logits

    @torch.no_grad()
    def forget(self) -> None:
        """No row was seen: the prior."""
        self.precision.copy_(self.ridge * torch.eye(len(self.phase), dtype=self.precision.dtype))
        self._factor = None

    @torch.no_grad()
    def see(self, x: torch.Tensor) -> None:
        """Add rows to the precision of the output weights; every row of a training set once gives it exactly."""
        phi = self.features(x).to(self.precision.dtype)
        self.precision.addmm_(phi.T, phi)
        self._factor = None

    @torch.no_grad()
    def variance(self, x: torch.Tensor) -> torch.Tensor:
        """Predictive variance [k] of the logits, the same for every class."""
        if self._factor is None:
            self._factor = torch.linalg.cholesky(self.precision)
        phi = self.features(x).to(self.precision.dtype)
        reached: torch.Tensor = torch.linalg.solve_triangular(self._factor, phi.T, upper=False)
        return self.ridge * reached.square().sum(dim=0)


def orthogonal_features(inputs: int, features: int) -> torch.Tensor:
    """Directions [inputs, features], orthogonal in blocks of ``inputs``, with lengths as of normal vectors.

    Yu et al. 2016 (arXiv 1610.09072), theorem 1.
    """
    blocks = []
    for _ in range(-(-features // inputs)):
        q, r = torch.linalg.qr(torch.randn(inputs, inputs))
        blocks.append(q * torch.sign(torch.diagonal(r)))
    length = torch.randn(inputs, features).square().sum(dim=0).sqrt()
    return torch.cat(blocks, dim=1)[:, :features] * length


class WindowNetwork(nn.Module):
    """Logits of windows: an input layer, pre-activation residual layers, and the last layer."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        hidden = shape.hidden if shape.layers else shape.width
        if shape.layers:
            self.entry = nn.Linear(shape.width, hidden)
        self.first = nn.ModuleList(self._hidden() for _ in range(shape.layers))
        self.second = nn.ModuleList(self._hidden() for _ in range(shape.layers))
        self.laplace: LastLayerLaplace | None = None
        self.last: RandomFeatureProcess | nn.Linear = (
            RandomFeatureProcess(hidden, shape.classes, shape.features, shape.ridge, shape.length)
            if shape.features
            else nn.Linear(hidden, shape.classes)
        )

    def _hidden(self) -> nn.Linear:
        size = self.shape.hidden
        return BoundedLinear(size, size, self.shape.bound) if self.shape.bound else nn.Linear(size, size)

    def body(self, windows: torch.Tensor) -> torch.Tensor:
        """What the last layer sees [k, hidden]."""
        x: torch.Tensor = self.entry(windows) if self.shape.layers else windows
        for first, second in zip(self.first, self.second, strict=True):
            x = x + second(torch.relu(first(torch.relu(x))))
        return x

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(self.body(windows))
        return logits

    def penalty(self) -> torch.Tensor:
        """Sum of squares of the hidden kernels, which the loss holds small."""
        total = torch.zeros(())
        for layer in (*self.first, *self.second):
            assert isinstance(layer, nn.Linear)
            total = total + layer.weight.square().sum()
        return total

    @torch.no_grad()
    def said(self, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(logits [k, classes], variance [k], zeros without a Gaussian process or a Laplace approximation)."""
        x = self.body(windows)
        logits = self.last(x)
        if isinstance(self.last, RandomFeatureProcess):
            return logits, self.last.variance(x)
        if self.laplace is not None:
            return logits, self.laplace.variance(x, logits)
        return logits, torch.zeros(len(logits), dtype=torch.float64)

    @torch.no_grad()
    def see(self, batches: Iterable[torch.Tensor]) -> None:
        """One clean pass over the training windows: precisions of the last layer, from nothing."""
        self.eval()
        if isinstance(self.last, RandomFeatureProcess):
            self.last.forget()
            for windows in batches:
                self.last.see(self.body(windows))
        elif self.laplace is not None:
            self.laplace.forget()
            for windows in batches:
                x = self.body(windows)
                self.laplace.see(x, self.last(x))


class LastLayerLaplace(nn.Module):
    """A Gaussian around the weights of a linear last layer, its precision a Kronecker product.

    Ritter et al. 2018 and Daxberger et al. 2021 (arXiv 2106.14806): the mean Hessian of the logits times the summed
    outer products of what the layer sees, bias among it. The variance of a window is the mean over its classes.
    """

    def __init__(self, inputs: int, classes: int, prior: float = 1.0) -> None:
        super().__init__()
        self.prior = prior
        self.register_buffer("seen", torch.zeros(inputs + 1, inputs + 1, dtype=torch.float64))
        self.register_buffer("hessian", torch.zeros(classes, classes, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.seen: torch.Tensor
        self.hessian: torch.Tensor
        self.count: torch.Tensor

    def forget(self) -> None:
        for part in (self.seen, self.hessian, self.count):
            part.zero_()

    def see(self, x: torch.Tensor, logits: torch.Tensor) -> None:
        """Add the rows of a batch."""
        p = torch.softmax(logits.double(), dim=1)
        wide = _with_bias(x)
        self.seen.add_(wide.T @ wide)
        self.hessian.add_(torch.diag(p.sum(dim=0)) - p.T @ p)
        self.count.add_(len(x))

    def variance(self, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """[k] mean over classes of the variance of a logit."""
        mean = self.hessian / torch.clamp(self.count, min=1.0)
        a, u = torch.linalg.eigh(self.seen)
        # The smallest direction of the classes moves all logits alike and says nothing.
        b = torch.linalg.eigvalsh(mean)[1:]
        along = (_with_bias(x) @ u).square()
        # In the eigenbases of both factors the posterior is diagonal; directions of the classes are averaged over.
        each = 1.0 / (a.clamp(min=0.0)[:, None] * b.clamp(min=0.0)[None] + self.prior)
        spread: torch.Tensor = along @ each
        return spread.mean(dim=1)


def add_laplace(network: WindowNetwork) -> None:
    """Give a network with a linear last layer the place for a Laplace approximation."""
    assert isinstance(network.last, nn.Linear), "its last layer is linear"
    network.laplace = LastLayerLaplace(network.last.in_features, network.last.out_features)


def _with_bias(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x.double(), torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
