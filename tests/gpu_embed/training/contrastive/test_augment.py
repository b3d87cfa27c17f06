"""The two sets of augmentations as wholes; their parts against Google's own are in test_oracle.py."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gpu_embed.training.contrastive.augment import AUGMENTATIONS, augment, order  # noqa: E402
from ingest.schema.errors import UnknownNameError  # noqa: E402

EM = torch.arange(1, 28, dtype=torch.uint8).view(1, 3, 3, 3).expand(64, -1, -1, -1)
INSIDE = EM > 5


def placed(name: str, sides: tuple[float, float, float], seed: int = 0) -> torch.Tensor:
    """Whose corner each crop shows where the first corner was, without grey values."""
    how = AUGMENTATIONS.get(name)
    how = type(how)(False, how.flipped, how.turned, how.only_equal)
    crops = augment(EM, torch.ones_like(INSIDE), how, torch.Generator().manual_seed(seed), sides)
    return (crops * 255).round().to(torch.int64)[:, 0]


def test_published_never_flips_z_and_corrected_does() -> None:
    z_runs = {name: set() for name in ("published", "corrected")}
    for name, runs in z_runs.items():
        crops = placed(name, (1, 1, 1))
        for crop in crops:  # the axis along which voxels are 9 apart is what was z
            steps = [int((crop.select(axis, 1) - crop.select(axis, 0))[0, 0]) for axis in range(3)]
            runs.add(next(step for step in steps if abs(step) == 9))
            assert sorted(map(abs, steps)) == [1, 3, 9]
    assert z_runs == {"published": {9}, "corrected": {9, -9}}
    assert torch.equal(placed("none", (1, 1, 1))[0], EM[0].long())


def test_corrected_turns_only_axes_of_one_size() -> None:
    crops = placed("corrected", (40, 32, 32))
    assert {abs(int((crop[1] - crop[0])[0, 0])) for crop in crops} == {9}
    assert {abs(int((crop[0, 1] - crop[0, 0])[0])) for crop in crops} == {1, 3}
    published = placed("published", (40, 32, 32))
    assert {abs(int((crop[1] - crop[0])[0, 0])) for crop in published} == {1, 3, 9}
    rng = np.random.default_rng(0)
    how = AUGMENTATIONS.get("corrected")
    counts = np.unique([order(rng.random(3).astype(np.float32), (1, 1, 1), how) for _ in range(600)], axis=0)
    assert len(counts) == 6


def test_the_outside_stays_zero_and_seeds_tell_all() -> None:
    how = AUGMENTATIONS.get("published")
    one, again, other = (augment(EM, INSIDE, how, torch.Generator().manual_seed(seed), (1, 1, 1)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == (64, 1, 3, 3, 3)
    assert one.min() >= 0
    assert one.max() <= 1
    assert (one == 0).sum(dim=(1, 2, 3, 4)).min() >= 5
    assert torch.isfinite(one).all()
    with pytest.raises(UnknownNameError, match="published"):
        AUGMENTATIONS.get("publish")
