"""LARS as published, and PyTorch's own optimizers, by name.

Source: google-research/simclr ``lars_optimizer.py`` (You et al. 2017, arXiv:1708.03888).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ingest.registry import Registry
from ingest.schema.errors import AnalysisError

TRUST = 0.001
"""``eeta`` of the source."""


@dataclass(frozen=True)
class OptimizerSettings:
    """What makes an optimizer; norms and biases are spared decay (and, by LARS, its trust ratio).

    Args:
        name: lars, adamw, adam, sgd.
        momentum: of lars and sgd; beta 1 of the others.
        decay: of weights; decoupled in adamw, added to gradients elsewhere.

    Raises:
        AnalysisError: numbers out of range. UnknownNameError: nobody registered the name.
    """

    name: str = "adamw"
    rate: float = 1e-3
    momentum: float = 0.9
    decay: float = 0.0

    def __post_init__(self) -> None:
        OPTIMIZERS.get(self.name)
        for what, value, below in (
            ("rate", self.rate, None),
            ("momentum", self.momentum, 1),
            ("decay", self.decay, None),
        ):
            if not value >= 0 or value == float("inf") or (below is not None and value >= below):
                raise AnalysisError(
                    f"{what} of the optimizer is {value}; wanted 0 or more" + (f", below {below}" if below else "")
                )

    def make(self, network: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of all weights that are trained."""
        make = OPTIMIZERS.get(self.name)
        spared = frozenset(spared_names(network))
        pairs = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        return make(
            [
                {"params": [p for name, p in pairs if name not in spared], "weight_decay": self.decay, "adapted": True},
                {"params": [p for name, p in pairs if name in spared], "weight_decay": 0.0, "adapted": False},
            ],
            self,
        )


class Lars(torch.optim.Optimizer):
    """Layer-wise adaptive rates with classic momentum: v = momentum v + rate * trust * (gradient + decay weights).

    ``trust`` = 0.001 |weights| / |gradient + decay weights|, 1 where either is 0 and in groups that are not
    ``adapted``. The decay joins the gradient before the ratio; the rate is inside the momentum.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], rate: float, momentum: float = 0.9, decay: float = 0.0
    ) -> None:
        super().__init__(groups, {"lr": rate, "momentum": momentum, "weight_decay": decay, "adapted": True})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                gradient = weights.grad
                if group["weight_decay"]:
                    gradient = gradient + group["weight_decay"] * weights
                trust: float | Tensor = 1.0
                if group["adapted"]:
                    size, slope = torch.linalg.vector_norm(weights), torch.linalg.vector_norm(gradient)
                    trust = torch.where((size > 0) & (slope > 0), TRUST * size / slope, 1.0)
                state = self.state[weights]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weights)
                state["momentum"].mul_(group["momentum"]).add_(group["lr"] * trust * gradient)
                weights.sub_(state["momentum"])


def spared_names(network: nn.Module) -> Iterator[str]:
    """Gains and shifts of norms, and biases: what the source leaves out by "bn" and "bias" in their names.

    They are told by having one number a channel, so that a norm of whatever class is one.
    """
    for name, parameter in network.named_parameters():
        if parameter.ndim <= 1 or name.endswith("bias"):
            yield name


Make = Callable[[list[dict[str, Any]], OptimizerSettings], torch.optim.Optimizer]
OPTIMIZERS: Registry[Make] = Registry("optimizer")
OPTIMIZERS.register("lars", lambda groups, s: Lars(groups, s.rate, s.momentum))
OPTIMIZERS.register("adamw", lambda groups, s: torch.optim.AdamW(groups, s.rate, (s.momentum, 0.999)))
OPTIMIZERS.register("adam", lambda groups, s: torch.optim.Adam(groups, s.rate, (s.momentum, 0.999)))
OPTIMIZERS.register("sgd", lambda groups, s: torch.optim.SGD(groups, s.rate, s.momentum))
