import numpy as np
import pyarrow as pa
import pytest

from ingest.schema.errors import AnalysisError
from ingest.synthetic.connectome import Synthetic
from ingest.synthetic.embeddings import SyntheticEmbeddings
from ingest.synthetic.neurons import Seeds, make_neurons


def neuron_means(made: Synthetic) -> np.ndarray:
    table = pa.Table.from_batches(made.embeddings())
    vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
    return vectors.reshape(len(made.population), -1, vectors.shape[1]).mean(axis=1)


def held_out_r2(features: np.ndarray, target: np.ndarray) -> float:
    """Ridge on the even rows, judged on the odd ones."""
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    features = np.column_stack([features, np.ones(len(features))])
    train, test = features[::2], features[1::2]
    weights = np.linalg.solve(train.T @ train + 10.0 * np.eye(train.shape[1]), train.T @ target[::2])
    left = target[1::2] - test @ weights
    return float(1 - left.var() / target[1::2].var())


@pytest.fixture(scope="module")
def made() -> Synthetic:
    return Synthetic(1_500, seed=3)


def test_rows_have_segclrs_shape(made: Synthetic) -> None:
    table = pa.Table.from_batches(made.embeddings())
    assert table.num_rows == 1_500 * 6
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 64)
    assert table["node_id"].to_pylist()[:7] == [0, 1, 2, 3, 4, 5, 0]
    assert np.array_equal(table["root_id"].to_numpy(), np.repeat(made.population.root_ids, 6))


def test_types_are_told_apart_by_the_nearest_centroid(made: Synthetic) -> None:
    means, types = neuron_means(made), made.population.type_of
    centroids = np.stack([means[::2][types[::2] == kind].mean(axis=0) for kind in range(12)])
    nearest = np.linalg.norm(means[1::2, None] - centroids[None], axis=2).argmin(axis=1)
    assert (nearest == types[1::2]).mean() > 0.95


def test_the_trait_is_read_from_embeddings_and_not_from_wiring(made: Synthetic) -> None:
    people = made.population
    assert held_out_r2(neuron_means(made), people.trait) > 0.6
    wired = np.zeros((2, len(people), 12))
    for block in range(made.wiring.blocks()):
        pre, post, weight = made.wiring.connections(block)
        np.add.at(wired[0], (pre, people.type_of[post]), weight)
        np.add.at(wired[1], (post, people.type_of[pre]), weight)
    own_type = np.eye(12)[people.type_of]
    features = np.column_stack([np.log1p(wired[0]), np.log1p(wired[1]), people.position_nm, own_type])
    assert held_out_r2(features, people.trait) < 0.03
    # The same features do tell what wiring carries.
    assert held_out_r2(features, np.log(people.out_propensity)) > 0.5


def test_too_few_dimensions_are_refused() -> None:
    seeds = Seeds.of(0)
    with pytest.raises(AnalysisError, match="wanted at least 13"):
        SyntheticEmbeddings.of(make_neurons(100, 12, seeds), 12, 3, seeds)
