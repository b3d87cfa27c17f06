"""An epoch on a graph as large as the fly's brain: ours beside torch_geometric, whole and sampled, on two cores."""

from __future__ import annotations

import resource
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("torch_geometric")

from torch_geometric.nn import SAGEConv  # noqa: E402

from gpu_embed.training.devices import kept_memory  # noqa: E402
from graphlab.predict.learners.networks import graph as networks  # noqa: E402
from graphlab.predict.learners.networks.label_inputs import Labelled, batches  # noqa: E402
from graphlab.predict.learners.networks.wirings import Matrices  # noqa: E402
from graphlab.predict.learners.training.sampling import CSREdges, batch_key, sample  # noqa: E402

NEURONS, EDGES, WIDTH, KINDS = 139_255, 2_700_000, 64, 16
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def wiring() -> Matrices:
    """Partners at random, which no order of neurons helps: real graphs are kinder to caches."""
    rng = np.random.default_rng(0)
    places = np.unique(rng.integers(0, NEURONS**2, EDGES + EDGES // 500))
    places = np.sort(rng.permutation(places)[:EDGES])
    weight = rng.integers(5, 50, EDGES).astype(float)
    chemical = sparse.csr_array((weight, (places // NEURONS, places % NEURONS)), shape=(NEURONS, NEURONS))
    return Matrices({"chemical": chemical})


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(NEURONS, WIDTH, generator=generator), torch.randint(KINDS, (NEURONS,), generator=generator)


class Peer(torch.nn.Module):
    """Two layers of SAGEConv on an edge list, or on two for both directions."""

    def __init__(self, directions: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(
            [torch.nn.ModuleList([SAGEConv(WIDTH, WIDTH) for _ in range(directions)]) for _ in range(2)]
        )
        self.answer = torch.nn.Linear(3 * WIDTH, KINDS)

    def forward(self, values: torch.Tensor, edges: list[torch.Tensor]) -> torch.Tensor:
        seen = [values]
        for layers in self.layers:
            seen.append(torch.relu(sum(layer(seen[-1], index) for layer, index in zip(layers, edges, strict=True))))
        found: torch.Tensor = self.answer(torch.cat(seen, dim=1))
        return found


def epoch(network: torch.nn.Module, values: torch.Tensor, graph: Any, label: torch.Tensor) -> Callable[[], float]:
    """Forward, backward and one step of Adam on every neuron."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)

    def run() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(values, graph), label)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return run


def test_an_epoch_of_a_whole_brain(
    wiring: Matrices, data: tuple[torch.Tensor, torch.Tensor], side_by_side: Any
) -> None:
    values, label = data
    torch.set_num_threads(2)
    pairs = wiring.whole(CPU)
    error = np.abs((pairs[0][0] @ values).numpy() - wiring.matrices[0] @ values.numpy().astype(float)).max()
    assert error < 1e-5
    receiver = np.repeat(np.arange(NEURONS), np.diff(wiring.matrices[0].indptr))
    index = torch.from_numpy(np.stack([wiring.matrices[0].indices, receiver]).astype(np.int64))
    torch.manual_seed(0)
    ours = epoch(networks.GraphNetwork(WIDTH, WIDTH, KINDS, 2, 2, 0.0), values, pairs, label)
    one = epoch(Peer(1), values, [index], label)
    both = epoch(Peer(2), values, [index, index.flip(0)], label)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    with kept_memory():
        side_by_side(
            "epoch, 139k neurons, 2.7 M edges, 2 layers of 64", {"graphlab, in and out": ours}, rounds=9, warmup=2
        )
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    side_by_side(
        "the same, C library as it is",
        {"graphlab, in and out": ours, "SAGEConv, edge list, one way": one, "SAGEConv, edge list, both ways": both},
        rounds=3,
    )
    side_by_side.note(
        f"epochs: float32, {torch.get_num_threads()} threads; largest resident memory {before:.2f} GB before the first "
        f"epoch, {after:.2f} GB after ours; our product is scipy's within {error:.1e}"
    )


def test_a_sampled_epoch(wiring: Matrices, data: tuple[torch.Tensor, torch.Tensor], side_by_side: Any) -> None:
    values, label = data
    torch.set_num_threads(2)
    order, rows, size = np.random.default_rng(0).permutation(NEURONS), wiring.rows(), 1_024

    def draw(kinds: list[CSREdges], fanouts: tuple[int, int]) -> int:
        parts = np.array_split(order, -(-NEURONS // size))
        return sum(len(sample(kinds, part, fanouts, batch_key(part, 0)).node) for part in parts)

    side_by_side(
        "sampling [10, 5] around all neurons, batches of 1,024",
        {"graphlab, one way": partial(draw, rows[:1], (10, 5)), "graphlab, in and out": partial(draw, rows, (10, 5))},
        rounds=3,
        work=NEURONS,
        unit="neurons",
    )
    torch.manual_seed(0)
    network = networks.GraphNetwork(WIDTH, WIDTH, KINDS, 2, 2, 0.0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    taught = Labelled(values, KINDS, torch.from_numpy(order[:20_480]), label[order[:20_480]])

    def train() -> int:
        hidden, count = torch.arange(20_480), 0
        for some, nodes, part in batches(wiring, taught, hidden, size, (10, 5), torch.Generator().manual_seed(0)):
            optimizer.zero_grad()
            logits = network(values[nodes], part)[: len(some)]
            torch.nn.functional.cross_entropy(logits, taught.label[some]).backward()
            optimizer.step()
            count += len(nodes)
        return count

    with kept_memory():
        found = side_by_side(
            "sampled epoch [10, 5], in and out, of 20,480 labelled neurons in batches of 1,024",
            {"graphlab": train}, rounds=3, work=20_480, unit="neurons",
        )  # fmt: skip
    side_by_side.note(f"sampled epoch: {found['graphlab'].result / 20:,.0f} neurons in the mean sample of 1,024")


@pytest.mark.gpu
def test_an_epoch_on_a_gpu(wiring: Matrices, data: tuple[torch.Tensor, torch.Tensor], side_by_side: Any) -> None:
    values, label = data
    torch.manual_seed(0)
    network = networks.GraphNetwork(WIDTH, WIDTH, KINDS, 2, 2, 0.0)
    on_cpu = epoch(network, values, wiring.whole(CPU), label)
    device = torch.device("cuda")
    there = networks.GraphNetwork(WIDTH, WIDTH, KINDS, 2, 2, 0.0).to(device)
    on_gpu = epoch(there, values.to(device), wiring.whole(device), label.to(device))

    def gpu() -> float:
        found = on_gpu()
        torch.cuda.synchronize()
        return found

    with kept_memory():
        side_by_side(
            f"epoch on {torch.cuda.get_device_name()}", {"graphlab, GPU": gpu, "graphlab, CPU": on_cpu}, rounds=5
        )
