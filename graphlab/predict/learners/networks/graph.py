"""A graph network on sparse products: separate matrices for outputs, inputs and every kind of connection.

One layer is H' = relu(H W_0 + sum over matrices A of A H W_A + b). Each A has rows that add up to 1, so that a neuron
with thousands of partners and one with ten are on one scale; direction is kept by giving a kind's outputs and inputs
matrices, and weights, of their own. Products need nothing but what plain wheels of torch have.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import nn


@dataclass(frozen=True, eq=False)
class SparseMatrix:
    """A float32 matrix [rows, columns] in compressed rows; ``matrix @ values`` is its product with [columns, width].

    On a processor the product is torch's embedding bag, whose kernels fetch rows ahead: four times as fast as its CSR
    product on 2.7 M entries of 64 numbers. Every row is summed by one thread, so that threads change no byte.
    """

    pointer: torch.Tensor
    """[rows + 1] int32, or int64 past 2^31 entries."""
    target: torch.Tensor
    """[entries], of the same type, ascending in each row."""
    value: torch.Tensor
    columns: int

    @classmethod
    def of(cls, matrix: sparse.csr_array) -> SparseMatrix:
        """The same matrix; entries given twice are added up."""
        ordered = matrix.copy()
        ordered.sum_duplicates()
        index = np.int32 if max(ordered.nnz, *ordered.shape) < 2**31 else np.int64
        pointer, target = (torch.from_numpy(part.astype(index)) for part in (ordered.indptr, ordered.indices))
        return cls(pointer, target, torch.from_numpy(ordered.data.astype(np.float32)), ordered.shape[1])

    def __matmul__(self, values: torch.Tensor) -> torch.Tensor:
        if values.device.type == "cpu":
            return nn.functional.embedding_bag(
                self.target, values, self.pointer, mode="sum", per_sample_weights=self.value, include_last_offset=True
            )
        return self.tensor() @ values

    def tensor(self) -> torch.Tensor:
        """The same as a CSR tensor of torch."""
        with warnings.catch_warnings():
            # Said once a process about every CSR tensor: that its format is young and its checks are off.
            warnings.filterwarnings("ignore", message="Sparse (invariant|CSR tensor)")
            size = (len(self.pointer) - 1, self.columns)
            return torch.sparse_csr_tensor(self.pointer, self.target, self.value, size=size)

    def to(self, device: torch.device) -> SparseMatrix:
        """The same on another device."""
        return SparseMatrix(self.pointer.to(device), self.target.to(device), self.value.to(device), self.columns)


Pair = tuple[SparseMatrix, SparseMatrix]
"""A matrix and its transpose."""


class Product(torch.autograd.Function):
    """A @ H with the transpose at hand, which a backward pass would have to make anew every time."""

    @staticmethod
    def forward(ctx: Any, matrix: SparseMatrix, transposed: SparseMatrix, values: torch.Tensor) -> torch.Tensor:
        ctx.transposed = transposed
        return matrix @ values.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, ctx.transposed @ gradient[0].contiguous()


def product(matrix: SparseMatrix, transposed: SparseMatrix, values: torch.Tensor) -> torch.Tensor:
    """``matrix @ values`` in float32, with a gradient for ``values`` only."""
    output: torch.Tensor = Product.apply(matrix, transposed, values.float())  # type: ignore[no-untyped-call]
    return output


class Layer(nn.Module):
    """One round of messages along every matrix."""

    def __init__(self, inputs: int, outputs: int, matrices: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.weight = nn.Parameter(torch.empty(matrices, inputs, outputs))
        nn.init.uniform_(self.weight, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))

    def forward(self, values: torch.Tensor, matrices: Sequence[Pair]) -> torch.Tensor:
        output: torch.Tensor = self.own(values)
        for (matrix, transposed), weight in zip(matrices, self.weight, strict=True):
            # The narrower side is sent along the edges.
            if weight.shape[0] > weight.shape[1]:
                output = output + product(matrix, transposed, values @ weight)
            else:
                output = torch.addmm(output, product(matrix, transposed, values), weight)
        return output


class GraphNetwork(nn.Module):
    """Layers of messages and a linear answer; inputs and the outputs of every layer reach the answer."""

    def __init__(self, inputs: int, width: int, outputs: int, matrices: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(inputs if k == 0 else width, width, matrices) for k in range(depth)])
        self.answer = nn.Linear(inputs + depth * width, outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: torch.Tensor, matrices: Sequence[Pair]) -> torch.Tensor:
        seen, state = [values], values
        for layer in self.layers:
            state = torch.relu(layer(self.dropout(state), matrices))
            seen.append(state)
        output: torch.Tensor = self.answer(self.dropout(torch.cat(seen, dim=1)))
        return output


def with_transposes(matrices: Mapping[str, sparse.csr_array]) -> list[Pair]:
    """Each matrix and its transpose."""
    return [(SparseMatrix.of(m), SparseMatrix.of(sparse.csr_array(m.T))) for m in matrices.values()]
