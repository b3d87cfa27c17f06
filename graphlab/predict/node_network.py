"""The network as a predictor of cell type: an ensemble that reads features and the labels of others.

Labels of training neurons are inputs too, some of them hidden in every epoch, and the loss counts the hidden ones
only: the network learns to read its partners' types without ever being shown its own (label inputs as in Shi et al.
2021, IJCAI, section 3.2). Neurons without a label then get the answer of the round before, so that types spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphlab.activity.ridge import Scaling
from graphlab.predict.examples import Floats, Ints
from graphlab.predict.features import Inputs, RootIds
from graphlab.predict.predictor import Fitted, known_rows
from graphlab.predict.state import Array, State, array, inside, number, places, require, under, whole
from ingest.errors import AnalysisError, MissingExtraError

if TYPE_CHECKING:
    import torch

HIDDEN_SHARE = (0.2, 0.9)
"""Each epoch hides a share of labels drawn between these: the network meets sparse and dense labels."""
RATE = 0.01
DECAY = 5e-4
LARGEST_CLASS_WEIGHT = 5.0


@dataclass(frozen=True)
class NodeNetwork:
    """Mean probability of ``members`` networks trained from different seeds (Lakshminarayanan et al. 2017)."""

    name: str = "graph network"
    width: int = 32
    depth: int = 2
    epochs: int = 150
    members: int = 3
    rounds: int = 4
    dropout: float = 0.4
    tasks: frozenset[str] = frozenset({"node"})

    def fit(self, inputs: Inputs, known: Ints, classes: int, seed: int) -> Fitted:
        try:
            import torch

            from graphlab.predict import networks
        except ImportError:
            raise MissingExtraError("torch", "gnn") from None
        rows = known_rows(known)
        if len(rows) < 2:
            raise AnalysisError(f"{len(rows)} labelled neurons to train on; wanted 2 or more")
        matrices = networks.with_transposes(networks.directed_matrices(inputs.layers, inputs.sign))
        scale = Scaling.of(inputs.node.values)
        values = torch.from_numpy(np.asarray(scale(inputs.node.values), dtype=np.float32))
        nodes, label = torch.from_numpy(inputs.source[rows]), torch.from_numpy(known[rows])
        members: list[torch.nn.Module] = []
        for member in range(self.members):
            generator = torch.Generator().manual_seed(seed * 1_000 + member)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed * 1_000 + member)
                network = networks.GraphNetwork(
                    values.shape[1] + classes + 1, self.width, classes, len(matrices), self.depth, self.dropout
                )
                self._train(network, values, matrices, nodes, label, classes, generator)
            members.append(network)
        return _Answers(self, members, scale, inputs.root_ids[inputs.source[rows]], known[rows], classes)

    def restore(self, state: State) -> Fitted:
        try:
            import torch

            from graphlab.predict import networks
        except ImportError:
            raise MissingExtraError("torch", "gnn") from None
        mean, spread = (array(state, name, np.float64, 1) for name in ("mean", "spread"))
        root_ids, label = array(state, "root_ids", np.uint64, 1), array(state, "label", np.int64, 1)
        classes, count = number(state, "classes"), number(state, "members")
        require(len(mean) == len(spread) and len(label) == len(root_ids), "labels or scales are missing")
        require(bool(((label >= 0) & (label < classes)).all()), "a label is of no class")
        members: list[torch.nn.Module] = []
        for member in range(count):
            weights = inside(state, f"member {member}")
            matrices = array(weights, "layers.0.weight", np.float32, 3).shape[0]
            network = networks.GraphNetwork(
                len(mean) + classes + 1, self.width, classes, matrices, self.depth, self.dropout
            )
            try:
                network.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})
            except RuntimeError as error:
                require(False, str(error).splitlines()[-1].strip())
            members.append(network)
        require(count > 0, "it has no networks")
        return _Answers(self, members, Scaling(mean, spread), root_ids, label, classes)

    def _train(
        self,
        network: torch.nn.Module,
        values: torch.Tensor,
        matrices: list[tuple[torch.Tensor, torch.Tensor]],
        nodes: torch.Tensor,
        label: torch.Tensor,
        classes: int,
        generator: torch.Generator,
    ) -> None:
        import torch

        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs)
        counts = torch.bincount(label, minlength=classes).float().clamp(min=1.0)
        # Rare types weigh more, by the root of how rare, within reason.
        weight = (counts.max() / counts).sqrt().clamp(max=LARGEST_CLASS_WEIGHT)
        lowest, highest = HIDDEN_SHARE
        network.train()
        for _ in range(self.epochs):
            share = lowest + (highest - lowest) * float(torch.rand(1, generator=generator))
            hide = torch.rand(len(label), generator=generator) < share
            if not hide.any():
                continue
            given = no_labels(len(values), classes)
            given[nodes[~hide], label[~hide]] = 1.0
            given[nodes[~hide], classes] = 1.0
            logits = network(torch.cat([values, given], dim=1), matrices)
            loss = torch.nn.functional.cross_entropy(logits[nodes[hide]], label[hide], weight=weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()

    def spread(
        self,
        network: torch.nn.Module,
        values: torch.Tensor,
        matrices: list[tuple[torch.Tensor, torch.Tensor]],
        nodes: torch.Tensor,
        label: torch.Tensor,
        classes: int,
    ) -> Floats:
        """Probabilities [n, classes] after ``rounds`` in which the unlabelled take on what was last said of them."""
        import torch

        network.eval()
        found = no_labels(len(values), classes)[:, :classes]
        with torch.no_grad():
            for number in range(self.rounds):
                given = no_labels(len(values), classes)
                given[:, :classes] = found
                given[nodes] = 0.0
                given[nodes, label] = 1.0
                given[nodes, classes] = 1.0
                if number:
                    # A guess counts as a label where it is sure, in proportion.
                    unlabelled = torch.ones(len(given), dtype=torch.bool)
                    unlabelled[nodes] = False
                    given[unlabelled, classes] = found[unlabelled].max(dim=1).values
                found = torch.softmax(network(torch.cat([values, given], dim=1), matrices), dim=1)
        return np.asarray(found.numpy(), dtype=np.float64)

    def sentence(self) -> str:
        return (
            f"mean of {self.members} graph networks of {self.depth} layers, {self.width} wide, on features and the "
            f"labels of partners, {self.epochs} epochs, {self.rounds} rounds"
        )


def no_labels(n: int, classes: int) -> torch.Tensor:
    """Label inputs [n, classes + 1] of neurons none of which is labelled; the last column says whether one is."""
    import torch

    return torch.zeros(n, classes + 1)


@dataclass(frozen=True, eq=False)
class _Answers:
    """Networks and the labels that they were trained on, which are read again by whoever asks."""

    settings: NodeNetwork
    members: list[torch.nn.Module]
    scale: Scaling
    root_ids: RootIds
    """[k] of labelled neurons."""
    label: Ints
    classes: int

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        import torch

        from graphlab.predict import networks

        matrices = networks.with_transposes(networks.directed_matrices(inputs.layers, inputs.sign))
        trained = self.members[0].state_dict()["layers.0.weight"].shape[0]
        require(trained == len(matrices), f"{len(matrices)} matrices of connections, trained on {trained}")
        values = torch.from_numpy(np.asarray(self.scale(inputs.node.values), dtype=np.float32))
        at = places(inputs.root_ids, self.root_ids)
        nodes, label = torch.from_numpy(at[at >= 0]), torch.from_numpy(self.label[at >= 0])
        total = np.zeros((len(inputs.root_ids), self.classes))
        for network in self.members:
            total += self.settings.spread(network, values, matrices, nodes, label, self.classes)
        found = (total / len(self.members))[inputs.source[rows]]
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def state(self) -> dict[str, Array]:
        found: dict[str, Array] = {
            "mean": self.scale.mean, "spread": self.scale.spread, "root_ids": self.root_ids, "label": self.label,
            "classes": whole(self.classes), "members": whole(len(self.members)),
        }  # fmt: skip
        for place, network in enumerate(self.members):
            weights = {name: values.detach().numpy() for name, values in network.state_dict().items()}
            found |= under(f"member {place}", weights)
        return found
