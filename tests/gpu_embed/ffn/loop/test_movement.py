from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.loop.movement import Restrictor, Trail, best_of_faces, faces_of
from ingest.schema.errors import SchemaError


@given(
    st.tuples(*[st.integers(1, 4)] * 3),
    st.tuples(*[st.integers(0, 4)] * 3).filter(any),
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
)
def test_best_voxels_of_faces(half: Zyx, deltas: Zyx, seed: int, values: int) -> None:
    """Against a look at every voxel; few values, so that several are as high and the first must be taken."""
    z, y, x = (min(d, h) for d, h in zip(deltas, half, strict=True))
    if not any((z, y, x)):
        return
    a = FfnArchitecture(1, 1, tuple(2 * h + 1 for h in half), (z, y, x))  # type: ignore[arg-type]
    logits = np.random.default_rng(seed).integers(0, values, a.fov).astype(np.float32)
    scores, offsets = best_of_faces(faces_of(a), logits)
    wanted = []
    for axis in range(3):
        for step in (-a.deltas[axis], a.deltas[axis]):
            if not step:
                continue
            best = None
            for offset in np.ndindex(*(2 * d + 1 for d in a.deltas)):
                place = tuple(o - d for o, d in zip(offset, a.deltas, strict=True))
                score = logits[tuple(p + m for p, m in zip(place, a.margin, strict=True))]
                if place[axis] == step and (best is None or score > best[0]):
                    best = score, place
            wanted.append(best)
    assert [(s, tuple(o)) for s, o in zip(scores, offsets, strict=True)] == wanted


def test_a_trail_takes_each_cell_once_and_the_highest_first() -> None:
    trail = Trail((4, 4, 4), (20, 20, 20))
    assert trail.take() == (20, 20, 20)
    trail.looked_at((20, 20, 20))
    offsets = np.array([[4, 0, 0], [-4, 1, 0], [4, 0, 0], [0, 4, 2], [0, 0, 4]])
    trail.add((20, 20, 20), np.array([3, 5, 3, 5, 1], dtype=np.float32), offsets, np.float32(2))
    assert trail.waiting(9) == [(20, 24, 22), (16, 21, 20), (24, 20, 20)]  # as high: the larger offset first
    trail.looked_at((25, 21, 18))  # in the cell of the last
    assert [trail.take() for _ in range(3)] == [(20, 24, 22), (16, 21, 20), None]


def test_masks_and_shifts() -> None:
    mask = np.zeros((6, 8, 8))
    mask[2] = 1
    seed_mask = np.zeros((6, 8, 8))
    seed_mask[3] = 1
    restrictor = Restrictor(mask, seed_mask)
    assert [restrictor.enters((z, 4, 4)) for z in (1, 2, 3)] == [True, False, True]
    assert [restrictor.starts((z, 4, 4)) for z in (1, 2, 3)] == [True, False, False]
    assert restrictor.excluded((6, 8, 8))[2:4].all()
    assert restrictor.excluded((6, 8, 8)).sum() == 128
    restrictor.fits((6, 8, 8))
    with pytest.raises(SchemaError, match=r"mask is \[6, 8, 8\], the image \[6, 8, 9\]"):
        restrictor.fits((6, 8, 9))
    shifts = np.zeros((2, 6, 4, 4))
    shifts[1, 3, 2, 1] = -5  # voxels 4 and 5 along y, 2 and 3 along x
    shifted = Restrictor(shifts=shifts, window=((0, -1, -1), (1, 1, 1)), scale=2)
    assert [shifted.enters((z, 5, 3)) for z in (1, 2, 3, 4)] == [True, False, False, True]
    assert [shifted.enters((3, 5, x)) for x in (0, 1, 2, 4, 5)] == [True, False, False, False, True]
    assert Restrictor(shifts=shifts, window=((0, -1, -1), (1, 1, 1)), scale=2, most_shift=6).enters((3, 5, 3))
    with pytest.raises(SchemaError, match="shifts need the window"):
        Restrictor(shifts=shifts)
