"""A linear rate model at rest: what a steady push on one neuron does to every other, with gains learned from responses.

Rates follow r = W^T r + push, so that a push on s moves t by ((I - W)^-1)[s, t], in as many steps as it takes. W is
the sum over kinds of connections of gain x matrix: chemical ones out of excitatory, inhibitory and other senders,
electrical ones, and each further layer. Every matrix is divided by the roots of both neurons' strengths, so that its
largest singular value is at most 1, and the gains' sizes add up to the reach, which is below 1: the spectral radius of
W is below 1 whatever is learned. Gains of inhibitory senders are below 0 and all others above: the size of a response
hardly tells the sign of a gain. That size enters a logistic read-out; gains, reach and read-out are fitted together by
the gradient of its likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, require
from graphlab.statistics.threads import one_thread
from ingest.schema.errors import AnalysisError, MissingExtraError

if TYPE_CHECKING:
    import torch

HIGHEST_REACH = 0.95
FIRST_REACH = 0.5
SMALLEST = 1e-3
"""Added to a response before its logarithm: what is far below it counts as nothing."""
STEPS = 40
"""Of L-BFGS."""
PENALTY = 1e-4
"""Pulls gains and reach to where they began, or nothing would hold the raw numbers of gains that are near 0."""
MOST_NEURONS = 2_000
"""Every step inverts a dense matrix."""


@dataclass(frozen=True)
class RateModel(Declared):
    """Steady-state responses with a gain for each kind of connection, through a logistic read-out."""

    name: str = "rate model"
    tasks: frozenset[str] = frozenset({"pair"})
    libraries = frozenset({"torch"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        if classes != 2:
            raise AnalysisError(f"the rate model tells two classes apart; found {classes}")
        try:
            import torch
        except ImportError:
            raise MissingExtraError("torch", "gnn") from None
        rows = known_rows(known)
        matrices = scaled_matrices(inputs.layers, inputs.sign)
        stack = torch.from_numpy(signed(matrices))
        ends = torch.from_numpy(np.stack([inputs.source[rows], inputs.target[rows]]))
        label = torch.from_numpy(known[rows].astype(np.float64))
        raw = torch.from_numpy(first_guess(len(matrices), float(known[rows].mean()))).requires_grad_()
        start = raw.detach().clone()
        search = torch.optim.LBFGS([raw], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            search.zero_grad()
            value = negative_likelihood(raw, stack, ends, label) + PENALTY * ((raw - start)[:-2] ** 2).sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        with one_thread():
            search.step(loss)  # type: ignore[no-untyped-call]
        return FittedRates(raw.detach().numpy().copy(), tuple(matrices))

    def restore(self, state: State) -> Fitted:
        raw = array(state, "raw", np.float64, 1)
        kinds = "".join(map(chr, array(state, "kinds", np.int64, 1))).split("\n")
        require(len(raw) == len(kinds) + 3, "gains are missing")
        return FittedRates(raw, tuple(kinds))

    def sentence(self) -> str:
        return "steady state of a linear rate model, one learned gain for each kind of connection, logistic read-out"


@dataclass(frozen=True, eq=False)
class FittedRates:
    """Gains, reach and read-out."""

    raw: Floats
    """[kinds + 3] logits of the gains' shares of the reach, logit of reach / ``HIGHEST_REACH``, slope and intercept."""
    kinds: tuple[str, ...]
    """As ``scaled_matrices`` names them."""

    @property
    def reach(self) -> float:
        """Sum of the gains' sizes: no response takes more than reach^k of itself over k steps."""
        return float(HIGHEST_REACH / (1.0 + np.exp(-self.raw[-3])))

    @property
    def gains(self) -> Floats:
        """[kinds], those of inhibitory senders below 0."""
        odds = np.exp(self.raw[:-3] - self.raw[:-3].max())
        return np.asarray(self.reach * odds / odds.sum() * _signs(self.kinds))

    def responses(self, inputs: Inputs) -> Floats:
        """((I - W)^-1 - I) [n, n], row = pushed neuron."""
        matrices = scaled_matrices(inputs.layers, inputs.sign)
        if tuple(matrices) != self.kinds:
            raise AnalysisError(
                f"the rate model has gains for {', '.join(self.kinds)}; these inputs have {', '.join(matrices)}. Train "
                "it on a graph with the same layers"
            )
        wired = sum(gain * matrix for gain, matrix in zip(self.gains, matrices.values(), strict=True))
        one = np.eye(len(inputs.root_ids))
        return np.asarray(np.linalg.inv(one - wired) - one)

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        size = np.log(np.abs(self.responses(inputs)[inputs.source[rows], inputs.target[rows]]) + SMALLEST)
        p = 1.0 / (1.0 + np.exp(-(self.raw[-2] * size + self.raw[-1])))
        return np.stack([1.0 - p, p], axis=1)

    def state(self) -> dict[str, Array]:
        return {"raw": self.raw, "kinds": np.array(list(map(ord, "\n".join(self.kinds))), dtype=np.int64)}


def scaled_matrices(layers: Mapping[str, sparse.csr_array], sign: Floats | None = None) -> dict[str, Floats]:
    """Matrices [n, n] by kind, none of them with a singular value above 1, row = sender.

    ``chemical`` is parted by the sign of the sender where any is known: ``_plus``, ``_minus`` and ``_unknown``, those
    that have connections; electrical connections go both ways.

    Raises:
        AnalysisError: more neurons than a dense inverse in every step should have.
    """
    matrices: dict[str, Floats] = {}
    for kind, weight in layers.items():
        if weight.shape[0] > MOST_NEURONS:
            raise AnalysisError(
                f"{weight.shape[0]:,} neurons; the rate model inverts a dense matrix in every step, of at most "
                f"{MOST_NEURONS:,}. Leave it out, or choose a part of the graph"
            )
        dense = np.abs(weight.toarray()).astype(np.float64)
        if kind == "electrical":
            dense = np.maximum(dense, dense.T)
        sent, received = (np.sqrt(np.maximum(dense.sum(axis=axis), 1e-300)) for axis in (1, 0))
        scaled = dense / (sent[:, None] * received[None])
        if kind == "chemical" and sign is not None and (sign != 0).any():
            # Scaled before it is parted: a synapse is worth the same whoever else is a sender.
            parts = {"_plus": sign > 0, "_minus": sign < 0, "_unknown": sign == 0}
            matrices |= {f"{kind}{name}": scaled * keep[:, None] for name, keep in parts.items()}
        else:
            matrices[kind] = scaled
    return {kind: matrix for kind, matrix in matrices.items() if matrix.any()}


def signed(matrices: Mapping[str, Floats]) -> Floats:
    """The matrices [kinds, n, n], those of inhibitory senders negative."""
    return np.stack(list(matrices.values())) * _signs(tuple(matrices))[:, None, None]


def _signs(kinds: tuple[str, ...]) -> Floats:
    return np.array([-1.0 if kind == "chemical_minus" else 1.0 for kind in kinds])


def first_guess(kinds: int, rate: float) -> Floats:
    """Raw numbers to begin with: equal gains, half the reach, and a read-out of the base rate."""
    share = FIRST_REACH / HIGHEST_REACH
    clipped = min(max(rate, 1e-3), 1.0 - 1e-3)
    # A slope of one half begins uphill; the intercept is that of the base rate at a typical small response.
    slope, typical = 0.5, np.log(10 * SMALLEST)
    return np.array(
        [*np.zeros(kinds), np.log(share / (1 - share)), slope, np.log(clipped / (1 - clipped)) - slope * typical]
    )


def negative_likelihood(
    raw: torch.Tensor, matrices: torch.Tensor, ends: torch.Tensor, label: torch.Tensor
) -> torch.Tensor:
    """Mean over pairs of minus the log likelihood, differentiable in ``raw``.

    Args:
        raw: float64, see ``FittedRates``. matrices: float64 [kinds, n, n], ``signed``. ends: int64 [2, pairs].
        label: float64, 0 or 1.
    """
    import torch

    reach = HIGHEST_REACH * torch.sigmoid(raw[-3])
    gains = reach * torch.softmax(raw[:-3], dim=0)
    one = torch.eye(matrices.shape[1], dtype=raw.dtype)
    moved = torch.linalg.inv(one - torch.tensordot(gains, matrices, dims=1)) - one
    size = (moved[ends[0], ends[1]].abs() + SMALLEST).log()
    return torch.nn.functional.binary_cross_entropy_with_logits(raw[-2] * size + raw[-1], label)
