"""A network on pairs: messages along every layer make a state of each neuron, two states and their product an answer.

The answer begins as that of a logistic regression on the pair's own features (a linear part that starts from its
coefficients, and a read-out of states that starts at 0): training can only add to it, and stops when it no longer
does on homologue classes that a member does not train on. Members differ in seed and in the classes held back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphlab.predict.inputs.directed import directed_matrices
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.learners.linear import Logistic, logistic
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, integer_array, number, require, with_prefix, without_prefix
from graphlab.statistics.ridge import Scaling
from graphlab.statistics.threads import one_thread
from ingest.schema.errors import AnalysisError, MissingExtraError

if TYPE_CHECKING:
    import torch

    from graphlab.predict.learners.networks.graph import Pair

HELD_BACK = 0.2
"""Share of homologue classes whose pairs, with either end, a member stops by."""
RATE = 0.005
DECAY = 1e-2
EVERY = 5
"""Epochs between looks at the classes held back."""
PATIENCE = 6
"""Looks without a better loss before training stops."""
SKIP_PENALTY = 0.01
"""C of the logistic regression that the linear part starts from."""


@dataclass(frozen=True)
class PairNetwork(Declared):
    """Mean probability of ``members`` networks."""

    name: str = "pair network"
    width: int = 16
    depth: int = 2
    epochs: int = 150
    members: int = 3
    dropout: float = 0.3
    tasks: frozenset[str] = frozenset({"pair"})
    libraries = frozenset({"torch"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        if classes != 2:
            raise AnalysisError(f"the pair network tells two classes apart; found {classes}")
        try:
            from graphlab.predict.learners.networks import graph as networks
        except ImportError:
            raise MissingExtraError("torch", "gnn") from None
        matrices = networks.with_transposes(directed_matrices(inputs.layers, inputs.sign))
        nodes = Scaling.of(inputs.node.values)
        with one_thread():
            members = tuple(self._member(inputs, known, nodes, matrices, seed * 1_000 + k) for k in range(self.members))
        return _Members(self, nodes, len(matrices), members)

    def _member(
        self,
        inputs: Inputs,
        known: Ints,
        nodes: Scaling,
        matrices: Sequence[Pair],
        seed: int,
    ) -> _Member:
        from gpu_embed.training.random_state import own_random_state

        train, validation = held_back(inputs, known, seed)
        values = inputs.pair.values
        skip = logistic(values[train], known[train], 2, SKIP_PENALTY)
        with own_random_state(seed):
            network = self.network(inputs.node.values.shape[1], values.shape[1], len(matrices))
            if len(np.unique(known[train])) == 2:
                self._train(network, skip, _Asked.of(inputs, nodes, skip, train), known[train],
                            _Asked.of(inputs, nodes, skip, validation), known[validation], matrices)  # fmt: skip
        network.eval()
        return _Member(skip, network)

    def _train(
        self,
        network: torch.nn.Module,
        skip: Logistic,
        shown: _Asked,
        label: Ints,
        validation: _Asked,
        held_label: Ints,
        matrices: Sequence[Pair],
    ) -> None:
        """Leaves the network with the weights of the epoch that was best on the pairs held back."""
        import torch

        wanted, unseen = (torch.from_numpy(given.astype(np.float32)) for given in (label, held_label))
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
        cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
        best, kept, worse = float("inf"), _copied(network), 0
        for epoch in range(self.epochs + 1):
            if epoch % EVERY == 0 and len(unseen):
                network.eval()
                with torch.no_grad():
                    loss = float(cross_entropy(network(validation, matrices), unseen))
                if loss < best:
                    best, kept, worse = loss, _copied(network), 0
                else:
                    worse += 1
                    if worse >= PATIENCE:
                        break
            network.train()
            optimizer.zero_grad()
            cross_entropy(network(shown, matrices), wanted).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        network.load_state_dict(kept)

    def network(self, node_columns: int, pair_columns: int, matrices: int) -> torch.nn.Module:
        """An untrained one; says what its linear part says."""
        from graphlab.predict.learners.networks.pair_readout import PairReadout

        return PairReadout(node_columns, pair_columns, self.width, matrices, self.depth, self.dropout)

    def restore(self, state: State) -> Fitted:
        try:
            import torch
        except ImportError:
            raise MissingExtraError("torch", "gnn") from None
        mean, spread = (array(state, name, np.float64, 1) for name in ("mean", "spread"))
        matrices, count = number(state, "matrices"), number(state, "members")
        require(len(mean) == len(spread) and count > 0, "networks or scales are missing")
        members = []
        for k in range(count):
            part = without_prefix(state, f"member {k}")
            skip = Logistic.restore(without_prefix(part, "skip"))
            network = self.network(len(mean), len(skip.scale.mean), matrices)
            weights = {name: torch.from_numpy(value.copy()) for name, value in without_prefix(part, "network").items()}
            try:
                network.load_state_dict(weights)
            except RuntimeError as error:
                require(False, str(error).splitlines()[-1].strip())
            members.append(_Member(skip, network.eval()))
        return _Members(self, Scaling(mean, spread), matrices, tuple(members))

    def sentence(self) -> str:
        return (
            f"mean of {self.members} networks on pairs, {self.depth} rounds of messages {self.width} wide, begun as a "
            f"logistic regression and stopped by homologue classes held back"
        )


def held_back(inputs: Inputs, known: Ints, seed: int) -> tuple[Ints, Ints]:
    """(rows to train on, rows to stop by): of a share of the classes, all known pairs with either end among them."""
    rows = known_rows(known)
    present = np.unique(inputs.group[np.concatenate([inputs.source[rows], inputs.target[rows]])])
    few = np.random.default_rng(seed).choice(present, round(HELD_BACK * len(present)), replace=False)
    out = np.isin(inputs.group, few)
    validation = out[inputs.source[rows]] | out[inputs.target[rows]]
    if len(np.unique(known[rows[~validation]])) < 2:
        # Too few classes to hold any back: all are trained on, for all epochs.
        return rows, rows[:0]
    return rows[~validation], rows[validation]


def _copied(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a network is given: features of all neurons, ends and features of some pairs, and their linear answers."""

    nodes: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor
    pairs: torch.Tensor
    linear: torch.Tensor

    @classmethod
    def of(cls, inputs: Inputs, nodes: Scaling, skip: Logistic, rows: Ints) -> _Asked:
        import torch

        values = inputs.pair.values[rows]
        logits = skip.logits(values)
        return cls(
            torch.from_numpy(nodes(inputs.node.values).astype(np.float32)),
            torch.from_numpy(inputs.source[rows]),
            torch.from_numpy(inputs.target[rows]),
            torch.from_numpy(skip.scale(values).astype(np.float32)),
            torch.from_numpy(np.nan_to_num(logits[:, 1] - logits[:, 0], neginf=-20.0, posinf=20.0).astype(np.float32)),
        )


@dataclass(frozen=True, eq=False)
class _Member:
    skip: Logistic
    network: torch.nn.Module


@dataclass(frozen=True, eq=False)
class _Members:
    settings: PairNetwork
    nodes: Scaling
    matrices: int
    members: tuple[_Member, ...]

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        import torch

        from graphlab.predict.learners.networks import graph as networks

        matrices = networks.with_transposes(directed_matrices(inputs.layers, inputs.sign))
        if len(matrices) != self.matrices or inputs.node.values.shape[1] != len(self.nodes.mean):
            raise AnalysisError(
                f"the pair network was trained with {self.matrices} matrices and {len(self.nodes.mean)} features of "
                f"neurons; these inputs have {len(matrices)} and {inputs.node.values.shape[1]}. Train it on a graph "
                "with the same layers"
            )
        total = np.zeros(len(rows))
        with one_thread(), torch.no_grad():
            for member in self.members:
                asked = _Asked.of(inputs, self.nodes, member.skip, rows)
                total += torch.sigmoid(member.network(asked, matrices)).numpy().astype(np.float64)
        p = total / len(self.members)
        return np.stack([1.0 - p, p], axis=1)

    def state(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {
            "mean": self.nodes.mean, "spread": self.nodes.spread, "matrices": integer_array(self.matrices),
            "members": integer_array(len(self.members)),
        }  # fmt: skip
        for k, member in enumerate(self.members):
            weights = {name: value.numpy() for name, value in member.network.state_dict().items()}
            arrays |= with_prefix(
                f"member {k}", with_prefix("skip", member.skip.state()) | with_prefix("network", weights)
            )
        return arrays
