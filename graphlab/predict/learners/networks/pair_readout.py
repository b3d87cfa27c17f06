"""From states of two neurons and features of the pair to one answer, beside a linear part that is given.

Tests: tests/graphlab/predict/learners/networks/test_pairs.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from graphlab.predict.learners.networks.graph import GraphNetwork, Pair


class Asked(Protocol):
    """Pairs that a network is asked about."""

    nodes: torch.Tensor
    """[n, columns] of every neuron, standardised."""
    source: torch.Tensor
    """[k]"""
    target: torch.Tensor
    pairs: torch.Tensor
    """[k, columns] of the pairs, standardised."""
    linear: torch.Tensor
    """[k] log odds of the linear part that training begins from."""


class PairReadout(nn.Module):
    """Log odds = given linear part + learned linear change + a small network of (state, state, product, features).

    Both learned parts begin at 0, so that an untrained one says what the given linear part says.
    """

    def __init__(self, nodes: int, pairs: int, width: int, matrices: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.states = GraphNetwork(nodes, width, width, matrices, depth, dropout)
        self.change = nn.Linear(pairs, 1)
        self.hidden = nn.Linear(3 * width + pairs, width)
        self.answer = nn.Linear(width, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        for start in (self.change.weight, self.change.bias, self.answer.weight):
            nn.init.zeros_(start)

    def forward(self, asked: Asked, matrices: Sequence[Pair]) -> torch.Tensor:
        states = torch.tanh(self.states(asked.nodes, matrices))
        first, second = (states.index_select(0, end) for end in (asked.source, asked.target))
        together = self.dropout(torch.cat([first, second, first * second, asked.pairs], dim=1))
        output: torch.Tensor = self.change(asked.pairs) + self.answer(torch.relu(self.hidden(together)))
        return asked.linear + output[:, 0]
