from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from ingest.schema.errors import AnalysisError
from ingest.schema.words import SYNAPSES
from ingest.synthetic.neurons import Seeds, make_neurons
from ingest.synthetic.wiring import (
    LARGEST_WEIGHT,
    LOG_MEAN,
    LOG_SD,
    PLANTED_WEIGHT,
    SyntheticWiring,
    mean_weight,
    strength,
)


def wiring(
    neurons: int = 1_200, synapses: int = 180_000, reciprocity: float = 0.15, planted: int = 8
) -> SyntheticWiring:
    seeds = Seeds.of(5)
    return SyntheticWiring.of(make_neurons(neurons, 8, seeds), synapses, reciprocity, planted, seeds)


def matrix(made: SyntheticWiring) -> np.ndarray:
    """Synapse counts, pre x post."""
    counts = np.zeros((len(made.neurons), len(made.neurons)), dtype=np.int64)
    for block in range(made.blocks()):
        pre, post, weight = made.connections(block)
        np.add.at(counts, (pre, post), weight)
    return counts


def chances(made: SyntheticWiring) -> np.ndarray:
    """The closed form: own draw or answer, autapses never."""
    pre, post = np.divmod(np.arange(len(made.neurons) ** 2), len(made.neurons))
    drawn = -np.expm1(-made.rate * strength(made.neurons, pre, post)).reshape(len(made.neurons), -1)
    np.fill_diagonal(drawn, 0.0)
    return 1 - (1 - drawn) * (1 - made.reciprocity * drawn.T)


def test_batches_are_synapses_and_add_up_to_the_connections() -> None:
    made = wiring(300, 40_000)
    table = pa.Table.from_batches(made.synapses())
    for field in table.schema:
        assert field.type == SYNAPSES.column(field.name).type
    assert table["synapse_id"].to_pylist() == list(range(1, table.num_rows + 1))
    assert abs(table.num_rows / 40_000 - 1) < 0.1
    counts = matrix(made)
    seen: defaultdict[tuple[int, int], int] = defaultdict(int)
    for pair in zip(table["pre_root_id"].to_pylist(), table["post_root_id"].to_pylist(), strict=True):
        seen[pair] += 1
    ids = made.neurons.root_ids
    assert seen == {(int(ids[i]), int(ids[j])): counts[i, j] for i, j in np.argwhere(counts)}


def test_block_densities_follow_types_as_the_closed_form_says() -> None:
    made = wiring(planted=0)
    present, chance = matrix(made) > 0, chances(made)
    types = made.neurons.type_of
    spread = []
    for a in range(8):
        for b in range(8):
            block = np.ix_(types == a, types == b)
            wanted, deviation = chance[block].sum(), np.sqrt((chance[block] * (1 - chance[block])).sum())
            assert abs(present[block].sum() - wanted) < 5 * deviation + 1
            spread.append(chance[block].mean())
    assert max(spread) > 10 * min(spread)


def test_connections_thin_out_with_distance() -> None:
    made = wiring(planted=0)
    present, chance = matrix(made) > 0, chances(made)
    position = made.neurons.position_nm
    apart = np.linalg.norm(position[:, None] - position[None], axis=2)
    shares = []
    for low, high in ((0, 40_000), (40_000, 80_000), (80_000, 160_000), (160_000, 400_000)):
        ring = (apart > low) & (apart <= high)
        wanted, deviation = chance[ring].sum(), np.sqrt((chance[ring] * (1 - chance[ring])).sum())
        assert abs(present[ring].sum() - wanted) < 5 * deviation
        shares.append(present[ring].mean())
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 4 * shares[-1]


def test_reciprocity_is_the_one_asked_for() -> None:
    def found(present: np.ndarray) -> float:
        return float((present & present.T).sum() / present.sum())

    none, some = (matrix(wiring(reciprocity=share, planted=0)) > 0 for share in (0.0, 0.4))
    made = wiring(reciprocity=0.4, planted=0)
    pre, post = np.divmod(np.arange(len(made.neurons) ** 2), len(made.neurons))
    p = -np.expm1(-made.rate * strength(made.neurons, pre, post)).reshape(len(made.neurons), -1)
    np.fill_diagonal(p, 0.0)
    # Both ways: both drawn, or one drawn and answered.
    both = p * p.T + 0.4 * (p * (1 - p.T) + p.T * (1 - p))
    wanted = both.sum() / (1 - (1 - p) * (1 - 0.4 * p.T)).sum()
    assert abs(found(some) - wanted) < 0.02
    assert found(some) > 2 * found(none)


def test_weights_are_rounded_log_normals() -> None:
    made = wiring(2_000, 400_000, planted=0)
    weights = np.concatenate([made.connections(block)[2] for block in range(made.blocks())])
    assert weights.min() == 1
    assert weights.max() <= LARGEST_WEIGHT
    assert abs(weights.mean() - mean_weight()) < 5 * weights.std() / np.sqrt(len(weights))
    # Above the rounding at 1 and below the cut, quantiles are the log-normal's.
    for share, z in ((0.7, 0.5244), (0.9, 1.2816), (0.975, 1.96)):
        assert abs(np.quantile(weights, share) - np.exp(LOG_MEAN + LOG_SD * z)) <= 1.0


def test_planted_loops_are_exactly_the_heavy_ones() -> None:
    made = wiring(planted=20)
    heavy = matrix(made) >= PLANTED_WEIGHT
    found = {(a, b, c) for a, b in np.argwhere(heavy) for c in np.flatnonzero(heavy[a] & heavy[b])}
    assert found == {tuple(row) for row in made.planted.tolist()}
    assert heavy.sum() == 60
    assert len(np.unique(made.planted)) == 60


@pytest.mark.parametrize("synapses", [1_000, 4_000_000_000])
def test_numbers_no_connectome_has_are_refused(synapses: int) -> None:
    with pytest.raises(AnalysisError, match="synapses: found"):
        wiring(synapses=synapses)
