"""Predictors on windows of embeddings: each window is told apart, then the windows of a cell vote.

Settings follow Google's ``BERT_SNGP_v1`` and its ablations, but for the length of the kernel and half the features. The
precision of the Gaussian process is summed over every training window once, after the last step, by the weights kept.

Tests: tests/graphlab/predict/learners/windows/test_heads.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.predict.evaluation import doubts
from graphlab.predict.inputs.examples import Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.inputs.windows import Windows, vote
from graphlab.predict.inputs.wiring import WINDOWS
from graphlab.predict.learners.class_weights import class_weights
from graphlab.predict.predictor import Fitted, TrainingJournal, known_rows
from graphlab.predict.state import (
    Array,
    State,
    array,
    integer_array,
    number,
    require,
    with_prefix,
    without_prefix,
)
from graphlab.statistics.ridge import Scaling
from ingest.schema.errors import AnalysisError, MissingExtraError, VersionError

if TYPE_CHECKING:
    import torch

    from graphlab.predict.learners.windows.network import NetworkShape, WindowNetwork

BATCH = 128
RATE = 1e-3
A_CELL = 64
"""Windows of a cell in one epoch, drawn anew in each: a long neuron counts for no more than that."""
VALIDATIONS = 40
"""How often early stopping looks."""
VALIDATION = 0.1
"""Share of the homologue classes that early stopping looks at."""
AT_A_TIME = 8_192
LAPLACE = "last-layer Laplace"


@dataclass(frozen=True)
class WindowHead:
    """A residual network on windows; what it is called says what of SNGP it has."""

    name: str = "sngp"
    hidden: int = 128
    layers: int = 2
    bound: float = 0.95
    """Of the slopes of hidden layers; 0: none."""
    features: int = 1024
    """Of the Gaussian process; 0: a linear last layer."""
    ridge: float = 1e-3
    length: float | None = None
    """Of the kernel, behind the layer norm; by default half the length of what comes out of that. Published: 1."""
    l2: float = 1e-3
    members: int = 1
    """Networks from different seeds whose mean is the answer."""
    laplace: bool = False
    """Whether a linear last layer has a Laplace approximation: variances as the Gaussian process has them."""
    steps: int = 1_000
    """That a training has about, whatever its number of windows, unless it stops early."""
    patience: int = 6
    by_default: bool = False
    tasks = frozenset({"node"})
    needs = frozenset({WINDOWS})
    libraries = frozenset({"torch"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        windows = _windows(inputs)
        _network_module()
        rows = known_rows(known)
        if len(rows) < 2:
            raise AnalysisError(f"{len(rows)} labelled cells to train on; wanted 2 or more")
        nodes, label = inputs.source[rows], known[rows]
        at, _ = windows.rows(nodes)
        scale = Scaling.of(windows.vectors[at].astype(np.float64))
        shape = self._shape(windows.width, classes)
        with one_torch_thread():
            networks = [
                self._trained(windows, scale, shape, nodes, label, inputs.group, [seed, member], journal)
                for member in range(self.members)
            ]
        return FittedHead(self, scale, networks)

    def restore(self, state: State) -> Fitted:
        network_module = _network_module()
        import torch

        from gpu_embed.training.random_state import own_random_state

        mean, spread = (array(state, name, np.float64, 1) for name in ("mean", "spread"))
        require(len(mean) == len(spread), "scales are missing")
        classes, networks = number(state, "classes"), []
        for member in range(number(state, "members")):
            values = without_prefix(state, f"member {member}")
            # Sizes are those of the arrays, not of today's settings.
            sizes = {name: number(state, name) for name in ("hidden", "layers", "features")}
            shape = replace(self._shape(len(mean), classes), **sizes)
            with own_random_state():
                network = network_module.WindowNetwork(shape)
                if self.laplace:
                    network_module.add_laplace(network)
            try:
                network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in values.items()})
            except RuntimeError as error:
                require(False, str(error).splitlines()[-1].strip())
            networks.append(network.eval())
        require(bool(networks), "it has no networks")
        return FittedHead(self, Scaling(mean, spread), networks)

    def sentence(self) -> str:
        if not self.layers:
            what = "a linear model"
        else:
            slopes = f", slopes bounded by {self.bound:g}" if self.bound else ""
            what = f"a residual network of {self.layers} layers, {self.hidden} wide{slopes}"
        if self.features:
            what += f", a Gaussian process of {self.features} random features as last layer"
        if self.laplace:
            what += f", {LAPLACE}"
        if self.members > 1:
            what = f"the mean of {self.members} times {what}"
        return f"{what} on every window; a cell has the mean of its windows"

    def _shape(self, width: int, classes: int) -> NetworkShape:
        hidden = self.hidden if self.layers else width
        shape: NetworkShape = _network_module().NetworkShape(
            width, classes, self.hidden, self.layers, self.bound, self.features, self.ridge,
            self.length or float(np.sqrt(hidden)) / 2,
        )  # fmt: skip
        return shape

    def _trained(
        self,
        windows: Windows,
        scale: Scaling,
        shape: NetworkShape,
        nodes: Ints,
        label: Ints,
        group: Ints,
        seed: list[int],
        journal: TrainingJournal | None,
    ) -> WindowNetwork:
        import torch

        from graphlab.predict.learners.training import loop

        network_module = _network_module()
        out = loop.held_out_classes(group[nodes], VALIDATION, np.random.default_rng(seed))
        taught, asked = np.flatnonzero(~out), np.flatnonzero(out)
        weights = class_weights(label, shape.classes)
        drawn = int(np.minimum(np.diff(windows.first)[nodes[taught]], A_CELL).sum())
        epochs = max(2, round(self.steps * BATCH / max(drawn, BATCH)))
        some = _draw(windows, nodes[asked], np.random.default_rng(seed)) if len(asked) else None

        def steps(network: torch.nn.Module, generator: torch.Generator) -> Iterator[Any]:
            rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
            at, place = _draw(windows, nodes[taught], rng)
            order = rng.permutation(len(at))
            for start in range(0, len(order), BATCH):
                part = order[start : start + BATCH]
                x = torch.from_numpy(_scaled(windows, scale, at[part]))
                y = torch.from_numpy(label[taught[place[part]]])
                weight = torch.from_numpy(weights[y.numpy()].astype(np.float32))
                yield partial(_loss, network, x, y, weight, self.l2)

        def likelihood(network: torch.nn.Module) -> float:
            assert some is not None
            at, place = some
            logits = network(torch.from_numpy(_scaled(windows, scale, at)))
            return -float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(label[asked[place]])))

        trained = loop.train(
            partial(network_module.WindowNetwork, shape),
            steps,
            loop.Training(
                epochs,
                RATE,
                0.0,
                self.patience if len(asked) else None,
                max(1, epochs // VALIDATIONS),
                seed[0] * 1_000 + seed[1],
            ),
            score=likelihood if len(asked) else None,
            device=torch.device("cpu"),
            run=f"member {seed[1]}",
            journal=journal,
        )
        network: WindowNetwork = trained.network  # type: ignore[assignment]
        if self.laplace:
            network_module.add_laplace(network)
        rows, _ = windows.rows(nodes)
        network.see(torch.from_numpy(_scaled(windows, scale, part)) for part in _parts(rows))
        return network.eval()


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A trained head; ``doubt`` and ``window_logits`` beside what every fitted predictor has."""

    settings: WindowHead
    scale: Scaling
    networks: list[WindowNetwork]

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return self._said(inputs, rows)[0]

    def doubt(self, inputs: Inputs, rows: Ints) -> Floats:
        """[k] Dempster-Shafer doubt of the adjusted logits, mean over windows and members."""
        return self._said(inputs, rows)[1]

    def members(self, inputs: Inputs, rows: Ints) -> Floats:
        """Probabilities [members, k, classes] of every member; see ``uncertainty``."""
        return self._said(inputs, rows)[2]

    def window_logits(self, windows: Windows, at: Ints) -> Floats:
        """Adjusted logits [members, windows, classes] of rows of windows.

        Raises:
            VersionError: windows of another width than those trained on.
        """
        import torch

        if windows.width != len(self.scale.mean):
            raise VersionError(
                f"this classifier was trained on windows of {len(self.scale.mean)} numbers, these have "
                f"{windows.width}: they are of another encoder. Ask about its own embeddings, or train again"
            )
        said = np.empty((len(self.networks), len(at), self.networks[0].shape.classes))
        done = 0
        with one_torch_thread():
            for part in _parts(at):
                x = torch.from_numpy(_scaled(windows, self.scale, part))
                for member, network in enumerate(self.networks):
                    logits, variance = (one.double().numpy() for one in network.said(x))
                    said[member, done : done + len(part)] = doubts.mean_field(logits, variance)
                done += len(part)
        return said

    def state(self) -> dict[str, Array]:
        shape = self.networks[0].shape
        sizes = {name: integer_array(getattr(shape, name)) for name in ("classes", "hidden", "layers", "features")}
        arrays = {"mean": self.scale.mean, "spread": self.scale.spread, "members": integer_array(len(self.networks))}
        for member, network in enumerate(self.networks):
            values = {name: value.detach().numpy() for name, value in network.state_dict().items()}
            arrays |= with_prefix(f"member {member}", values)
        return {**arrays, **sizes}

    def _said(self, inputs: Inputs, rows: Ints) -> tuple[Floats, Floats, Floats]:
        """(probability, doubt, probability of members) of cells; the windows of a cell vote with what they say."""
        windows = _windows(inputs)
        nodes = inputs.source[rows]
        classes, members = self.networks[0].shape.classes, len(self.networks)
        probability, doubt = np.empty((members, len(nodes), classes)), np.empty(len(nodes))
        done = 0
        for some in _cells(windows, nodes):
            at, place = windows.rows(some)
            logits = self.window_logits(windows, at)
            end = done + len(some)
            for member in range(members):
                probability[member, done:end] = vote(doubts.softmax(logits[member]), place, len(some))
            doubt[done:end] = vote(np.mean([doubts.dempster_shafer(one) for one in logits], axis=0), place, len(some))
            done = end
        mean = probability.mean(axis=0)
        return mean / mean.sum(axis=1, keepdims=True), doubt, probability


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Small products on one thread: on a busy machine two that wait for each other take ten times as long."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _network_module() -> Any:
    try:
        from graphlab.predict.learners.windows import network
    except ImportError:
        raise MissingExtraError("torch", "gnn") from None
    return network


def _windows(inputs: Inputs) -> Windows:
    if inputs.windows is None:
        raise AnalysisError(
            "this predictor looks at windows of embeddings, and this task has none; it goes with the tasks classifier "
            "and subcompartment (graphlab train classifier GRAPH)"
        )
    return inputs.windows


def _scaled(windows: Windows, scale: Scaling, at: Ints) -> np.ndarray:
    return np.asarray(scale(windows.vectors[at].astype(np.float64)), dtype=np.float32)


def _parts(rows: Ints) -> Iterator[Ints]:
    for start in range(0, len(rows), AT_A_TIME):
        yield rows[start : start + AT_A_TIME]


def _cells(windows: Windows, nodes: Ints) -> Iterator[Ints]:
    """Parts of ``nodes`` that have about AT_A_TIME windows each."""
    count = np.cumsum(windows.first[nodes + 1] - windows.first[nodes])
    start = 0
    while start < len(nodes):
        before = count[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(count, before + AT_A_TIME, side="right")))
        yield nodes[start:end]
        start = end


def _draw(windows: Windows, things: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """(rows, places) of at most A_CELL windows of each thing, at random."""
    at, place = windows.rows(things)
    if np.bincount(place, minlength=1).max() <= A_CELL:
        return at, place
    order = np.lexsort((rng.random(len(at)), place))
    start = np.searchsorted(place, np.arange(len(things)))
    kept = np.sort(order[np.arange(len(at)) - start[place] < A_CELL])
    return at[kept], place[kept]


def _loss(
    network: torch.nn.Module, x: torch.Tensor, label: torch.Tensor, weight: torch.Tensor, l2: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted cross entropy with the penalty of the kernels, and the share of windows that are right."""
    import torch

    logits = network(x)
    loss = torch.nn.functional.cross_entropy(logits, label, reduction="none")
    right = (logits.argmax(dim=1) == label).float().mean()
    penalty: torch.Tensor = network.penalty()  # type: ignore[operator]
    return (loss * weight).sum() / weight.sum() + l2 * penalty, right
