"""Batches against crops cut voxel by voxel; the same from any step, for any window; ranks share an epoch's pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gpu_embed.training.contrastive.batches import PairBatches  # noqa: E402
from gpu_embed.training.pairs.sampling import sample_positives  # noqa: E402
from gpu_embed.training.pairs.table import Pairs  # noqa: E402
from gpu_embed.training.workers import Workers  # noqa: E402
from ingest.schema.errors import AnalysisError, ReadError, SchemaError  # noqa: E402
from ingest.skeletons.skeleton import Skeleton  # noqa: E402
from ingest.volumes.volume import Volume  # noqa: E402

Made = tuple[Volume, Volume, list[Skeleton]]
SIDE, BATCH = 9, 3


@pytest.fixture
def pairs(made: Made) -> Pairs:
    return sample_positives(made[2], 20, [0, 300], np.random.default_rng(0))


def batches_of(made: Made, pairs: Pairs, **named: object) -> PairBatches:
    return PairBatches(made[0], made[1], pairs, SIDE, BATCH, seed=5, **named)  # type: ignore[arg-type]


def test_crops_are_those_of_the_volumes(made: Made, pairs: Pairs) -> None:
    em, ids = (np.pad(v.read(v.start, v.stop), SIDE) for v in made[:2])
    batches = batches_of(made, pairs, shift=6)
    for step, batch in enumerate(itertools.islice(batches.from_step(0), 8)):
        rows = batches.rows(step)
        assert batch["root"].numpy().view(np.uint64).tolist() == pairs.root_ids[rows, 0].tolist()
        roots = np.concatenate([pairs.root_ids[rows, 0]] * 2)
        places = batches._places(step)
        meant = pairs.points_nm[rows].transpose(1, 0, 2).reshape(-1, 3)
        assert (np.abs(places - meant) <= 6 * 8).all()
        assert (np.abs(places - meant) > 0).any()
        for at, (place, root) in enumerate(zip(places, roots, strict=True)):
            low = np.floor(place / 8).astype(int)[::-1] + SIDE - SIDE // 2
            box = tuple(slice(a, a + SIDE) for a in low)
            np.testing.assert_array_equal(batch["em"][at], em[box])
            np.testing.assert_array_equal(batch["inside"][at], ids[box] == root)


def test_from_any_step_in_any_window(made: Made, pairs: Pairs) -> None:
    whole = list(itertools.islice(batches_of(made, pairs, shift=3).from_step(0), 10))
    for first, window in ((0, 1), (4, 1), (3, 4 * BATCH * SIDE**3 * 4)):
        some = itertools.islice(batches_of(made, pairs, shift=3, window_bytes=window).from_step(first), 10 - first)
        for one, other in zip(some, whole[first:], strict=True):
            assert all(torch.equal(one[name], other[name]) for name in ("em", "inside", "root"))


def test_an_epoch_takes_every_pair_at_most_once_over_all_processes(made: Made, pairs: Pairs) -> None:
    ranks = [batches_of(made, pairs, workers=Workers(rank, 3)) for rank in range(3)]
    epochs = [np.concatenate([b.rows(step) for step in (2 * e, 2 * e + 1) for b in ranks]) for e in (0, 1)]
    for rows in epochs:
        assert len(set(rows.tolist())) == 18
    assert epochs[0].tolist() != epochs[1].tolist()


def test_what_cannot_be_cut_is_an_error(made: Made, pairs: Pairs) -> None:
    with pytest.raises(AnalysisError, match="20 pairs for steps of 21"):
        batches_of(made, pairs, workers=Workers(0, 7))
    with pytest.raises(AnalysisError, match="a batch of 1 pairs"):
        PairBatches(made[0], made[1], pairs, SIDE, 1)
    outside = Pairs(pairs.root_ids, pairs.points_nm + 1e5, pairs.path_nm, pairs.radii_nm)
    with pytest.raises(ReadError, match="cannot be cut, outside the volume"):
        next(batches_of(made, outside).from_step(0))
    other = Pairs(pairs.root_ids - np.uint64(7), pairs.points_nm, pairs.path_nm, pairs.radii_nm)
    with pytest.raises(SchemaError, match="has no voxel in the crop around"):
        next(batches_of(made, other).from_step(0))
