"""A made volume: square cables along z, each with a texture of its own, and skeletons through them."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.skeletons.skeleton import Skeleton
from ingest.volumes.volume import Volume, open_volume

SIDE, CABLES, WIDTH = 64, 4, 16


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Volume, Volume, list[Skeleton]]:
    """EM and ids of 64^3 voxels of 8 nm, and 4 x 4 skeletons; neuron 2^63 + i is cable i."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path_factory.mktemp("made") / "v.h5"
    rng = np.random.default_rng(0)
    ids = np.zeros((SIDE,) * 3, np.uint64)
    em = np.zeros((SIDE,) * 3, np.uint8)
    skeletons = []
    for number, (i, j) in enumerate(np.ndindex(CABLES, CABLES)):
        box = (slice(None), slice(i * WIDTH, (i + 1) * WIDTH), slice(j * WIDTH, (j + 1) * WIDTH))
        ids[box] = 2**63 + number
        level, spread = 40 + 10 * number, 3 + number % 4 * 8
        em[box] = np.clip(rng.normal(level, spread, em[box].shape), 1, 255)
        points = np.zeros((8, 3))
        points[:, 2] = np.arange(4, SIDE, 8)
        points[:, 0], points[:, 1] = j * WIDTH + WIDTH / 2, i * WIDTH + WIDTH / 2
        nodes = np.arange(8, dtype=np.uint64)
        skeletons.append(Skeleton(2**63 + number, nodes, (points + 0.5) * 8, np.arange(-1, 7), None, np.full(8, 60.0)))
    with h5py.File(path, "w") as file:
        file.create_dataset("em", data=em, chunks=(32, 32, 32))
        file.create_dataset("ids", data=ids, chunks=(32, 32, 32))
    named = {"resolution": "8,8,8", "offset": (0, 0, 0)}
    return open_volume(f"{path}:em", **named), open_volume(f"{path}:ids", **named), skeletons
