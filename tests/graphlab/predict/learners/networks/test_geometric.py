"""SAGE and GINE against arithmetic written out: both directions, attributes where a layer reads them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch_geometric")

from graphlab.predict.inputs.examples import Examples  # noqa: E402
from graphlab.predict.inputs.features import Inputs  # noqa: E402
from graphlab.predict.learners.networks.geometric import EdgeLists, GeometricNetwork  # noqa: E402

CPU = torch.device("cpu")


def test_edges_in_both_directions(nodes: Examples, make_inputs: Callable[..., Inputs]) -> None:
    inputs = make_inputs(nodes)
    lists = EdgeLists(inputs)
    there, back = lists.whole(CPU)
    pre, post = inputs.layers["chemical"].nonzero()
    assert set(zip(*there.index.tolist(), strict=True)) == set(zip(pre.tolist(), post.tolist(), strict=True))
    assert set(zip(*back.index.tolist(), strict=True)) == set(zip(post.tolist(), pre.tolist(), strict=True))
    weight = inputs.layers["chemical"].toarray()
    np.testing.assert_allclose(there.attributes[:, 0], np.log1p(weight)[tuple(there.index)], rtol=1e-6)
    np.testing.assert_allclose(back.attributes[:, 0], np.log1p(weight)[tuple(back.index.flip(0))], rtol=1e-6)
    for edges, rows in zip((there, back), lists.rows(), strict=True):
        assert np.array_equal(np.repeat(np.arange(len(rows.pointer) - 1), np.diff(rows.pointer)), edges.index[1])
        assert np.array_equal(rows.sender, edges.index[0])


@pytest.mark.parametrize("layers", ["sage", "gine"])
def test_one_layer_is_means_of_partners(layers: str, nodes: Examples, make_inputs: Callable[..., Inputs]) -> None:
    inputs = make_inputs(nodes)
    lists = EdgeLists(inputs)
    torch.manual_seed(0)
    network = GeometricNetwork(layers, 5, 4, 3, 2, 1, 0.0).eval()
    values = torch.randn(len(inputs.root_ids), 5)
    expected = network.own[0](values)
    for layer, edges in zip(network.layers[0], lists.whole(CPU), strict=True):
        rows = []
        for node in range(len(values)):
            into = edges.index[1] == node
            sent = values[edges.index[0, into]]
            if layers == "gine":
                sent = torch.relu(sent + layer.lin(edges.attributes[into]))
            mean = sent.mean(dim=0) if into.any() else torch.zeros(5)
            rows.append(layer.lin_l(mean) if layers == "sage" else layer.nn(values[node] + mean))
        expected = expected + torch.stack(rows)
    expected = network.answer(torch.cat([values, torch.relu(expected)], dim=1))
    torch.testing.assert_close(network(values, lists.whole(CPU)), expected, atol=1e-4, rtol=1e-4)
