"""Features agree with dense arithmetic, line up by root_id, and refuse what would poison a fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from graphlab.predict.inputs import features
from graphlab.predict.inputs.features import FeatureColumns, Inputs
from ingest.schema.errors import AnalysisError, SchemaError
from queries.snapshot import Snapshot

N = 30


def wired(seed: int = 0) -> Snapshot:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((N, N)) < 0.2)
    ids = np.sort(rng.choice(10_000, N, replace=False)).astype(np.uint64)
    return Snapshot.from_edges(ids, pre, post, rng.integers(1, 20, len(pre)))


def inputs() -> Inputs:
    snapshot = wired()
    weight = features.layer(snapshot, snapshot.root_ids)
    layers = {"chemical": weight, "electrical": sparse.csr_array(weight + weight.T)}
    node = features.wiring_columns(layers, 3)
    pairs = np.arange(5)
    rng = np.random.default_rng(1)
    return Inputs(
        snapshot.root_ids, layers, node, features.no_columns(5), pairs, pairs + 1, np.arange(N),
        np.asarray(weight.sum(axis=0)), rng.random((N, 3)) * 1e4, rng.choice([-1.0, 0.0, 1.0], N),
    )  # fmt: skip


def test_layer_lines_up_by_root_id() -> None:
    snapshot = wired()
    fewer = snapshot.root_ids[5:20]
    dense = np.zeros((N, N))
    dense[snapshot.sources(), snapshot.out_target] = snapshot.weight
    assert np.array_equal(features.layer(snapshot, fewer).toarray(), dense[5:20, 5:20])
    more = np.append(snapshot.root_ids, np.uint64(99_999))
    assert np.array_equal(features.layer(snapshot, more).toarray()[:N, :N], dense)


def test_input_fractions_are_shares_of_stored_totals() -> None:
    weight = features.layer(wired(), wired().root_ids)
    total = np.asarray(weight.sum(axis=0)) * 2
    total[3] = 0
    share = features.input_fractions(weight, total).toarray()
    expected = np.where(np.arange(N) == 3, 0.0, 0.5 * (weight.toarray().sum(axis=0) > 0))
    np.testing.assert_allclose(share.sum(axis=0), expected)


def test_hetero_data_holds_the_layers_edge_by_edge() -> None:
    pytest.importorskip("torch_geometric")
    made = inputs()
    data = features.hetero_data(made)
    assert data.node_types == ["neuron"]
    assert data["neuron"].x.shape == made.node.values.shape
    assert made.position_nm is not None
    assert made.sign is not None
    for kind, weight in made.layers.items():
        edges = data["neuron", kind, "neuron"]
        assert data.validate()
        dense = weight.toarray()
        for edge in range(0, edges.edge_index.shape[1], 17):
            pre, post = edges.edge_index[:, edge].tolist()
            apart = np.linalg.norm(made.position_nm[pre] - made.position_nm[post]) / 1e3
            expected = [np.log1p(dense[pre, post]), dense[pre, post] / made.total_in[post], apart, made.sign[pre]]
            np.testing.assert_allclose(edges.edge_attr[edge], expected, rtol=1e-5)
        assert edges.edge_index.shape[1] == np.count_nonzero(dense)


def test_families_can_be_left_out() -> None:
    both = FeatureColumns(np.ones((4, 2)), ("a", "b"), ("wiring", "distance"))
    assert both.of("distance").names == ("b",)
    assert both.without("distance").names == ("a",)
    assert both.beside(both.of("wiring")).names == ("a", "b", "a")
    assert features.no_columns(4).values.shape == (4, 0)


def test_a_neuron_without_an_embedding_gets_the_mean_and_says_so() -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 3))
    assert features.embedding_columns(vectors).names == ("embedding_0", "embedding_1", "embedding_2")
    vectors[2] = np.nan
    found = features.embedding_columns(vectors)
    assert found.values[2].tolist() == [0, 0, 0, 0]
    assert found.names[-1] == "has_embedding"
    np.testing.assert_allclose(found.values[[0, 1, 3, 4, 5], :3].std(axis=0), 1)
    with pytest.raises(AnalysisError, match="no neuron of this graph has an embedding"):
        features.embedding_columns(np.full((6, 3), np.nan))
    vectors[0, 1] = np.nan
    with pytest.raises(SchemaError, match="feature 'embedding_"):
        features.embedding_columns(vectors)


def test_not_a_number_is_named() -> None:
    with pytest.raises(SchemaError, match=r"feature 'b' is nan in row 1 \(1 such"):
        FeatureColumns(np.array([[1.0, 2.0], [3.0, np.nan]]), ("a", "b"), ("wiring", "wiring"))
