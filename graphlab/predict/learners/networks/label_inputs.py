"""Labels as inputs of a network: what is given of them, and how guesses take their place round by round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.learners.networks.wirings import NetworkEdges
from graphlab.predict.learners.training.loop import precision
from graphlab.predict.learners.training.sampling import batch_key, sample


@dataclass(frozen=True, eq=False)
class Labelled:
    """Features of every neuron and the labels of some."""

    values: torch.Tensor
    """[n, columns]"""
    classes: int
    nodes: torch.Tensor
    """[k] which neurons are labelled."""
    label: torch.Tensor
    """[k]"""

    @classmethod
    def of(cls, values: torch.Tensor, classes: int, nodes: Ints, label: Ints, device: torch.device) -> Labelled:
        """All on one device."""
        return cls(values.to(device), classes, torch.from_numpy(nodes).to(device), torch.from_numpy(label).to(device))

    def inputs(self, shown: torch.Tensor | None = None, guess: torch.Tensor | None = None) -> torch.Tensor:
        """[n, columns + classes + 1]: features, labels as one in so many, and how far a neuron is labelled (0 to 1).

        Args:
            shown: bool [k], which labels are given; all when None.
            guess: [n, classes] probabilities that stand in for labels, each as far as it is sure.
        """
        n = len(self.values)
        given = torch.zeros(n, self.classes + 1, device=self.values.device)
        if guess is not None:
            given[:, :-1] = guess
            given[:, -1] = guess.max(dim=1).values
            given[self.nodes] = 0.0
        nodes, label = (self.nodes, self.label) if shown is None else (self.nodes[shown], self.label[shown])
        given[nodes, label] = 1.0
        given[nodes, -1] = 1.0
        return torch.cat([self.values, given], dim=1)

    def likelihood(self, network: nn.Module, wiring: NetworkEdges, asked: tuple[torch.Tensor, torch.Tensor]) -> float:
        """Mean log probability of labels that are not given: nodes and labels ``asked``."""
        nodes, label = (part.to(self.values.device) for part in asked)
        logits = network(self.inputs(), wiring.whole(self.values.device))[nodes]
        return -float(nn.functional.cross_entropy(logits.float(), label))

    def spread(self, network: nn.Module, wiring: NetworkEdges, rounds: int) -> Floats:
        """Probabilities [n, classes] after ``rounds`` in which the unlabelled take on what was last said of them."""
        graph, probability = wiring.whole(self.values.device), None
        with torch.no_grad(), precision(self.values.device):
            for _ in range(rounds):
                probability = torch.softmax(network(self.inputs(guess=probability), graph).float(), dim=1)
        assert probability is not None, "at least one round"
        return np.asarray(probability.cpu().numpy(), dtype=np.float64)


def batches(
    wiring: NetworkEdges,
    taught: Labelled,
    hidden: torch.Tensor,
    size: int,
    fanouts: Sequence[int],
    generator: torch.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, Any]]:
    """(labels of the batch, nodes of its sample, wiring among them), the batch's nodes first, in random order."""
    device, rows = taught.values.device, wiring.rows()
    seed = int(torch.randint(2**62, (1,), generator=generator))
    shuffled = hidden.cpu()[torch.randperm(len(hidden), generator=generator)]
    for first in range(0, len(shuffled), size):
        some = shuffled[first : first + size]
        asked = taught.nodes[some.to(device)].cpu().numpy()
        drawn = sample(rows, asked, fanouts, batch_key(asked, seed))
        yield some.to(device), torch.from_numpy(drawn.node).to(device), wiring.part(drawn, device)
