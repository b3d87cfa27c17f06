"""Sparse layers agree with dense arithmetic and with torch_geometric; gradients with finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

torch = pytest.importorskip("torch")

from graphlab.predict.inputs.directed import directed_matrices, row_shares  # noqa: E402
from graphlab.predict.learners.networks import graph  # noqa: E402

N = 12


def dense(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((N, N)) < 0.3, rng.integers(1, 9, (N, N)), 0).astype(float)


def test_a_layer_is_dense_arithmetic() -> None:
    torch.manual_seed(0)
    weight = sparse.csr_array(dense())
    matrices = directed_matrices({"chemical": weight})
    assert list(matrices) == ["chemical_out", "chemical_in"]
    values = torch.randn(N, 5)
    for width in (3, 8):  # before and after the product, whichever is narrower
        layer = graph.Layer(5, width, 2)
        found = layer(values, graph.with_transposes(matrices))
        logs = np.log1p(dense())
        expected = values.numpy() @ layer.own.weight.detach().numpy().T + layer.own.bias.detach().numpy()
        for matrix, w in zip((logs, logs.T), layer.weight.detach().numpy(), strict=True):
            total = matrix.sum(axis=1, keepdims=True)
            shares = np.divide(matrix, total, out=np.zeros_like(matrix), where=total > 0)
            expected = expected + shares @ values.numpy() @ w
        np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-5)


def test_a_layer_is_torch_geometrics_weighted_convolution() -> None:
    geometric = pytest.importorskip("torch_geometric.nn")
    torch.manual_seed(0)
    matrix = row_shares(sparse.csr_array(dense()))
    layer = graph.Layer(5, 3, 1)
    peer = geometric.GraphConv(5, 3, aggr="add")
    with torch.no_grad():
        peer.lin_rel.weight.copy_(layer.weight[0].T)
        peer.lin_rel.bias.zero_()
        peer.lin_root.weight.copy_(layer.own.weight)
    values = torch.randn(N, 5)
    rows, columns = matrix.nonzero()
    edges = torch.from_numpy(np.stack([columns, rows]).astype(np.int64))  # row i gathers from its columns
    expected = peer(values, edges, torch.from_numpy(matrix.toarray()[rows, columns].astype(np.float32)))
    found = layer(values, graph.with_transposes({"a": matrix})) - layer.own.bias
    np.testing.assert_allclose(found.detach(), expected.detach(), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 70), st.sampled_from([0.0, 0.1, 0.6]), st.integers(0, 99))
def test_a_product_is_scipys(rows: int, columns: int, width: int, share: float, seed: int) -> None:
    """Also without entries, with entries given twice, and with values that are a part of something wider."""
    rng = np.random.default_rng(seed)
    count = rng.binomial(rows * columns, share)
    places = rng.integers(0, rows, count), rng.integers(0, columns, count)
    matrix = sparse.csr_array(sparse.coo_array((rng.normal(size=count), places), shape=(rows, columns)))
    wide = torch.from_numpy(rng.normal(size=(columns, 2 * width)).astype(np.float32))
    ours = graph.SparseMatrix.of(matrix)
    expected = matrix @ wide.numpy().astype(float)
    np.testing.assert_allclose(ours @ wide, expected, atol=1e-4)
    np.testing.assert_allclose(ours.tensor() @ wide, expected, atol=1e-4)
    turned = graph.SparseMatrix.of(sparse.csr_array(matrix.T))
    np.testing.assert_allclose(graph.product(ours, turned, wide[:, :width]), expected[:, :width], atol=1e-4)


def test_threads_change_no_byte() -> None:
    rng = np.random.default_rng(0)
    matrix = graph.SparseMatrix.of(sparse.csr_array(sparse.random_array((3_000, 3_000), density=0.01, rng=rng)))
    values = torch.from_numpy(rng.normal(size=(3_000, 33)).astype(np.float32))
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(matrix @ values)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_gradients_through_the_product() -> None:
    matrix = sparse.csr_array(dense())
    ((forward, back),) = graph.with_transposes({"a": matrix})
    values = torch.randn(N, 4, requires_grad=True)
    (graph.product(forward, back, values) ** 2).sum().backward()
    m = torch.from_numpy(dense().astype(np.float32))
    np.testing.assert_allclose(values.grad, (2 * m.T @ (m @ values)).detach(), rtol=1e-4)


def test_matrices_of_layers_and_signs() -> None:
    weight = sparse.csr_array(dense())
    sign = np.array([1.0, -1.0, 0.0] * 4)
    found = directed_matrices({"chemical": weight, "electrical": weight, "extrasynaptic": weight}, sign)
    names = {f"chemical_{s}_{way}" for s in ("plus", "minus", "unknown") for way in ("out", "in")}
    assert set(found) == names | {"electrical", "extrasynaptic_out", "extrasynaptic_in"}
    assert not found["chemical_plus_out"].toarray()[sign != 1].any()
    assert not found["chemical_minus_in"].toarray()[:, sign != -1].any()
    gap = found["electrical"].toarray() > 0
    assert np.array_equal(gap, gap.T)
    for matrix in found.values():
        total = matrix.toarray().sum(axis=1)
        np.testing.assert_allclose(total[total > 0], 1)


def test_the_answer_sees_inputs_and_every_layer() -> None:
    network = graph.GraphNetwork(5, 4, 3, 2, 2, 0.0)
    matrices = graph.with_transposes(directed_matrices({"chemical": sparse.csr_array(dense())}))
    assert network(torch.randn(N, 5), matrices).shape == (N, 3)
    assert network.answer.in_features == 5 + 2 * 4
