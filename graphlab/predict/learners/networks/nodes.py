"""The network as a predictor of cell type: an ensemble that reads features and the labels of others.

Labels of training neurons are inputs too, some of them hidden in every epoch, and the loss counts the hidden ones
only: the network learns to read its partners' types without ever being shown its own (label inputs as in Shi et al.
2021, IJCAI, section 3.2). Neurons without a label then get the answer of the round before, so that types spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs, RootIds
from graphlab.predict.inputs.wiring import CONNECTIONS
from graphlab.predict.learners.class_weights import class_weights
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, integer_array, number, require, with_prefix, without_prefix
from graphlab.statistics.ridge import Scaling
from ingest.schema.errors import AnalysisError, MissingExtraError
from ingest.schema.ids import rows_of

if TYPE_CHECKING:
    import torch

    from graphlab.predict.learners.networks.label_inputs import Labelled
    from graphlab.predict.learners.networks.wirings import NetworkEdges

HIDDEN_SHARE = (0.2, 0.9)
"""Each epoch hides a share of labels drawn between these: the network meets sparse and dense labels."""
RATE = 0.01
DECAY = 5e-4


@dataclass(frozen=True)
class NodeNetwork(Declared):
    """Mean probability of ``members`` networks trained from different seeds (Lakshminarayanan et al. 2017)."""

    name: str = "graph network"
    layers: str = "sparse"
    """``sparse``: our products; ``sage`` and ``gine``: torch_geometric's."""
    width: int = 32
    depth: int = 2
    epochs: int = 150
    members: int = 3
    rounds: int = 4
    dropout: float = 0.4
    validation: float = 0.0
    """Share of homologue classes left out of training to stop early by; 0 trains all epochs on all labels."""
    patience: int = 6
    batch: int | None = None
    """Labelled neurons a step, with neighbours drawn; None trains on the whole graph at once."""
    fanouts: tuple[int, ...] = (15, 10)
    device: str = "auto"
    tasks: frozenset[str] = frozenset({"node"})
    needs = frozenset({CONNECTIONS})

    @property
    def libraries(self) -> frozenset[str]:
        return frozenset({"torch"} if self.layers == "sparse" else {"torch", "torch_geometric"})

    @property
    def by_default(self) -> bool:
        """torch_geometric's layers take minutes where others take seconds."""
        return self.layers == "sparse"

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int,
        journal: TrainingJournal | None = None, checkpoints: Path | None = None,
    ) -> Fitted:  # fmt: skip
        """As of every predictor.

        Args:
            checkpoints: folder in which every member keeps its checkpoint and from which it goes on.
        """
        try:
            import torch

            from gpu_embed.training.devices import chosen_device
            from graphlab.predict.learners.networks import wirings
            from graphlab.predict.learners.networks.label_inputs import Labelled
            from graphlab.predict.learners.training import loop
        except ImportError:
            raise MissingExtraError("torch", "gnn") from None
        rows = known_rows(known)
        if len(rows) < 2:
            raise AnalysisError(f"{len(rows)} labelled neurons to train on; wanted 2 or more")
        wiring = wirings.wiring_of(self.layers, inputs)
        scale = Scaling.of(inputs.node.values)
        values = torch.from_numpy(np.asarray(scale(inputs.node.values), dtype=np.float32))
        nodes, label = inputs.source[rows], known[rows]
        networks = []
        for member in range(self.members):
            out = loop.held_out_classes(inputs.group[nodes], self.validation, np.random.default_rng([seed, member]))
            taught = Labelled.of(values, classes, nodes[~out], label[~out], chosen_device(self.device))
            asked = (torch.from_numpy(nodes[out]), torch.from_numpy(label[out]))
            name = f"member {member}"
            trained = loop.train(
                partial(self._network, len(wiring.rows()), values.shape[1], classes),
                self._steps(taught, wiring),
                loop.Training(
                    self.epochs, RATE, DECAY, self.patience if out.any() else None, seed=seed * 1_000 + member
                ),
                score=partial(taught.likelihood, wiring=wiring, asked=asked) if out.any() else None,
                device=taught.values.device,
                run=name,
                journal=journal,
                checkpoint=None if checkpoints is None else checkpoints / f"member-{member}.safetensors",
            )
            networks.append(trained.network.cpu())
        return Ensemble(self, scale, inputs.root_ids[nodes], label, classes, networks)

    def restore(self, state: State) -> Fitted:
        try:
            import torch

            from gpu_embed.training.random_state import own_random_state
            from graphlab.predict.learners.networks import wirings
        except ImportError:
            raise MissingExtraError("torch", "gnn") from None
        mean, spread = (array(state, name, np.float64, 1) for name in ("mean", "spread"))
        root_ids, label = array(state, "root_ids", np.uint64, 1), array(state, "label", np.int64, 1)
        classes = number(state, "classes")
        require(len(mean) == len(spread) and len(label) == len(root_ids), "labels or scales are missing")
        require(bool(((label >= 0) & (label < classes)).all()), "a label is of no class")
        networks: list[torch.nn.Module] = []
        for member in range(number(state, "members")):
            weights = {
                name: torch.from_numpy(np.array(a)) for name, a in without_prefix(state, f"member {member}").items()
            }
            with own_random_state():
                network = self._network(wirings.kinds_of(self.layers, weights), len(mean), classes)
            try:
                network.load_state_dict(weights)
            except RuntimeError as error:
                require(False, str(error).splitlines()[-1].strip())
            networks.append(network.eval())
        require(bool(networks), "it has no networks")
        return Ensemble(self, Scaling(mean, spread), root_ids, label, classes, networks)

    def _network(self, kinds: int, columns: int, classes: int) -> torch.nn.Module:
        from graphlab.predict.learners.networks import wirings

        return wirings.network_of(
            self.layers, kinds, columns + classes + 1, self.width, classes, self.depth, self.dropout
        )

    def _steps(self, taught: Labelled, wiring: NetworkEdges) -> Any:
        """Losses of hidden labels: of all of them at once, or of a batch and the neighbours drawn around it."""
        import torch

        from graphlab.predict.learners.networks.label_inputs import batches

        weights = class_weights(taught.label.cpu().numpy(), taught.classes)
        weight = torch.from_numpy(weights.astype(np.float32)).to(taught.label.device)
        lowest, highest = HIDDEN_SHARE
        whole = None if self.batch else wiring.whole(taught.values.device)

        def steps(network: torch.nn.Module, generator: torch.Generator) -> Iterator[Any]:
            share = lowest + (highest - lowest) * float(torch.rand(1, generator=generator))
            hide = torch.rand(len(taught.label), generator=generator) < share
            hidden = hide.nonzero().flatten()
            if not len(hidden):
                return
            read = taught.inputs(~hide)
            if whole is not None:
                yield partial(_loss, network, read, whole, taught.nodes[hidden], taught.label[hidden], weight)
                return
            assert self.batch is not None
            for some, nodes, part in batches(wiring, taught, hidden, self.batch, self.fanouts, generator):
                first = torch.arange(len(some), device=read.device)
                yield partial(_loss, network, read[nodes], part, first, taught.label[some], weight)

        return steps

    def sentence(self) -> str:
        kind = {"sparse": "graph", "sage": "SAGE", "gine": "GINE"}[self.layers]
        taught = f", {self.batch} labelled neurons a step" if self.batch else ""
        return (
            f"mean of {self.members} {kind} networks of {self.depth} layers, {self.width} wide, on features and the "
            f"labels of partners, {self.epochs} epochs{taught}, {self.rounds} rounds"
        )


def _loss(
    network: torch.nn.Module,
    read: torch.Tensor,
    graph: Any,
    nodes: torch.Tensor,
    label: torch.Tensor,
    weight: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropy of hidden labels, and the share of them that is right."""
    import torch

    logits = network(read, graph)[nodes]
    right = (logits.argmax(dim=1) == label).float().mean()
    return torch.nn.functional.cross_entropy(logits.float(), label, weight=weight), right


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trained members, and what they were taught."""

    settings: NodeNetwork
    scale: Scaling
    root_ids: RootIds
    """[k] of the neurons whose labels were known."""
    label: Ints
    classes: int
    networks: list[torch.nn.Module]

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        mean = self.members(inputs, rows).mean(axis=0)
        return np.asarray(mean / mean.sum(axis=1, keepdims=True))

    def members(self, inputs: Inputs, rows: Ints) -> Floats:
        """Probabilities [members, k, classes] of every member; see ``uncertainty`` for what their spread says.

        Raises:
            AnalysisError: the graph has other features or layers than those trained on.
        """
        import torch

        from gpu_embed.training.devices import chosen_device
        from graphlab.predict.learners.networks import wirings
        from graphlab.predict.learners.networks.label_inputs import Labelled

        settings, classes = self.settings, self.classes
        if inputs.node.values.shape[1] != len(self.scale.mean):
            raise AnalysisError(
                f"this model was trained on {len(self.scale.mean)} features of a neuron, the graph gives "
                f"{inputs.node.values.shape[1]}; use the graph it was trained on, or train again"
            )
        wiring = wirings.wiring_of(settings.layers, inputs)
        trained = wirings.kinds_of(settings.layers, self.networks[0].state_dict())
        if len(wiring.rows()) != trained:
            raise AnalysisError(
                f"this model is of a graph with other kinds of connections ({trained} directed kinds, here "
                f"{len(wiring.rows())}); use the graph it was trained on, or train again"
            )
        values = torch.from_numpy(np.asarray(self.scale(inputs.node.values), dtype=np.float32))
        at = rows_of(inputs.root_ids, self.root_ids)
        device = chosen_device(settings.device)
        taught = Labelled.of(values, classes, at[at >= 0], self.label[at >= 0], device)
        probabilities = []
        for network in self.networks:
            probabilities.append(taught.spread(network.to(device), wiring, settings.rounds)[inputs.source[rows]])
            network.cpu()
        return np.stack(probabilities)

    def state(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {
            "mean": self.scale.mean,
            "spread": self.scale.spread,
            "root_ids": self.root_ids,
            "label": self.label,
            "classes": integer_array(self.classes),
            "members": integer_array(len(self.networks)),
        }
        for member, network in enumerate(self.networks):
            arrays |= with_prefix(
                f"member {member}", {name: t.detach().numpy() for name, t in network.state_dict().items()}
            )
        return arrays
