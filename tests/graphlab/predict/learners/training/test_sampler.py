"""Our sampler behind torch_geometric's NodeLoader, against its own k_hop_subgraph; same batches from any worker."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch_geometric")

from torch_geometric.data import Data, HeteroData  # noqa: E402
from torch_geometric.loader import NodeLoader  # noqa: E402
from torch_geometric.nn import SAGEConv  # noqa: E402
from torch_geometric.utils import k_hop_subgraph  # noqa: E402

from graphlab.predict.inputs.examples import Examples  # noqa: E402
from graphlab.predict.inputs.features import Inputs, hetero_data  # noqa: E402
from graphlab.predict.learners.training.sampler import CsrSampler  # noqa: E402
from ingest.schema.errors import AnalysisError  # noqa: E402


def made(n: int = 80, seed: int = 0) -> Data:
    """Edges in no order, some from a neuron to itself."""
    rng = np.random.default_rng(seed)
    edges = np.argwhere(rng.random((n, n)) < 0.06)
    edges = torch.from_numpy(rng.permutation(edges).T.copy())
    return Data(x=torch.arange(n)[:, None].float(), edge_index=edges, edge_attr=torch.rand(edges.shape[1], 2))


def test_all_neighbours_are_those_of_k_hop_subgraph() -> None:
    data = made()
    loader = NodeLoader(data, CsrSampler(data, [-1, -1]), input_nodes=torch.arange(20, 50), batch_size=7)
    assert len(list(loader)) == 5
    for batch in loader:
        asked = batch.n_id[: batch.batch_size]
        assert torch.equal(asked, torch.arange(20, 50)[batch.input_id])
        nodes, _, _, _ = k_hop_subgraph(asked, 2, data.edge_index)
        assert torch.equal(batch.n_id.sort().values, nodes)
        inner, _, _, _ = k_hop_subgraph(asked, 1, data.edge_index)
        into = torch.isin(data.edge_index[1], inner).nonzero().flatten()
        assert torch.equal(batch.e_id.sort().values, into), "every edge into what the answer needs, each once"
        assert torch.equal(data.edge_index[:, batch.e_id], batch.n_id[batch.edge_index])
        assert torch.equal(batch.edge_attr, data.edge_attr[batch.e_id])
        assert torch.equal(batch.x.flatten().long(), batch.n_id)


def test_answers_about_a_batch_are_those_of_the_whole_graph() -> None:
    torch.manual_seed(0)
    data = made()
    one, two = SAGEConv(1, 4), SAGEConv(4, 3)
    whole = two(one(data.x, data.edge_index).relu(), data.edge_index)
    for batch in NodeLoader(data, CsrSampler(data, [-1, -1]), batch_size=11):
        part = two(one(batch.x, batch.edge_index).relu(), batch.edge_index)[: batch.batch_size]
        torch.testing.assert_close(part, whole[batch.n_id[: batch.batch_size]])


BESIDE = """
import pickle, sys, torch
from pathlib import Path
from torch_geometric.loader import NodeLoader
from graphlab.predict.learners.training.sampler import CsrSampler

data = pickle.loads(Path(sys.argv[1]).read_bytes())
sampler = CsrSampler(data, [3, 2], seed=4)

def batches(workers):
    order = torch.Generator().manual_seed(1)
    return list(NodeLoader(data, sampler, "neuron", batch_size=9, shuffle=True, generator=order, num_workers=workers))

kind = ("neuron", "chemical", "neuron")
for one, other in zip(batches(0), batches(2), strict=True):
    assert torch.equal(one["neuron"].n_id, other["neuron"].n_id)
    assert torch.equal(one[kind].edge_index, other[kind].edge_index)
    assert torch.equal(data[kind].edge_attr[one[kind].e_id], other[kind].edge_attr)
    sent = torch.bincount(one[kind].edge_index[1], minlength=one.num_nodes)
    assert int(sent[: one["neuron"].batch_size].max()) <= 3
    assert int(sent.max()) <= 3
first = batches(0)[0][kind].e_id
sampler.epoch = 1
assert not torch.equal(first, batches(0)[0][kind].e_id)
print(len(batches(2)), "batches")
"""


@pytest.mark.slow
def test_same_batches_whatever_the_workers(
    make_pairs: Callable[..., Examples], make_inputs: Callable[..., Inputs], tmp_path: Path
) -> None:
    """In a process of its own: workers are forked, and tests before this one may have left threads in this process."""
    data = hetero_data(make_inputs(make_pairs()))
    (tmp_path / "data").write_bytes(pickle.dumps(data))
    done = subprocess.run(
        [sys.executable, "-c", BESIDE, tmp_path / "data"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{-(-data.num_nodes // 9)} batches\n"


def test_what_it_does_not_do() -> None:
    data = HeteroData({"neuron": {"x": torch.ones(2, 1)}, "muscle": {"x": torch.ones(2, 1)}})
    with pytest.raises(AnalysisError, match="one type of node; found neuron, muscle"):
        CsrSampler(data, [2])
    with pytest.raises(AnalysisError, match="draws around nodes"):
        CsrSampler(made(), [2]).sample_from_edges(None)
