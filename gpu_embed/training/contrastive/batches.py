"""Batches of pairs of crops, each block of the volumes read once for a window of steps.

The order of pairs is a new permutation every epoch, which follows from the seed; a window cuts the crops of several
steps together, and how many is no more than a matter of memory: the batches are the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from gpu_embed.cutouts.crops import MEMORY_BYTES, Cutouts
from gpu_embed.cutouts.stages import prefetch
from gpu_embed.training.contrastive.augment import shifts
from gpu_embed.training.pairs.table import Pairs
from gpu_embed.training.workers import ALONE, Workers
from ingest.schema.errors import AnalysisError, ReadError, SchemaError
from ingest.volumes.volume import Volume

WINDOW_BYTES, WINDOW_STEPS = 1 << 30, 16
"""Of crops cut together, at most: more steps would keep the first one waiting."""
GROUP = 16
Batch = Mapping[str, Tensor]


class PairBatches:
    """``em`` and ``inside`` uint8 [2 B, S, S, S] (pair i is rows i and B + i), ``root`` int64 [B] (an id's bits).

    Args:
        side: voxels of a crop. batch: pairs of one process.
        shift: centres are moved by up to so many voxels on each axis, kept inside of the volume.
        window_bytes: of the crops that are cut together, at least one step's.

    Raises:
        AnalysisError: fewer pairs than all processes take in one step; numbers out of range.
    """

    def __init__(
        self,
        em: Volume,
        segmentation: Volume,
        pairs: Pairs,
        side: int,
        batch: int,
        *,
        seed: int = 0,
        workers: Workers = ALONE,
        shift: int = 0,
        window_bytes: int = WINDOW_BYTES,
        readers: int = 4,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        if batch < 2 or shift < 0:
            raise AnalysisError(
                f"a batch of {batch} pairs, shifted by {shift}; wanted 2 pairs or more, 0 or more voxels"
            )
        if batch * workers.world > len(pairs):
            raise AnalysisError(
                f"{len(pairs)} pairs for steps of {batch * workers.world} ({workers.world} processes): a pair would be "
                "its own negative. Draw more pairs, or take smaller batches"
            )
        self.em, self.segmentation, self.pairs = em, segmentation, pairs
        self.side, self.batch, self.seed, self.workers, self.shift = side, batch, seed, workers, shift
        self.window = max(1, min(WINDOW_STEPS, window_bytes // (4 * batch * side**3)))
        self.readers, self.memory_bytes = readers, memory_bytes

    def from_step(self, step: int) -> Iterator[Batch]:
        """Endless; the next window is read while this one is used."""
        yield from prefetch(self._from(step), self.window)

    def rows(self, step: int) -> npt.NDArray[np.int64]:
        """Which pairs [B] this process takes at a step; what is left at the end of an epoch is not used in it."""
        together = self.batch * self.workers.world
        epoch, at = divmod(step, len(self.pairs) // together)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.pairs))
        first = at * together + self.workers.rank * self.batch
        return order[first : first + self.batch]

    def _from(self, step: int) -> Iterator[Batch]:
        while True:
            steps = range(step, (step // self.window + 1) * self.window)
            crops = self._cut(np.concatenate([self._places(one) for one in steps]), self._ids(steps))
            for at, one in enumerate(steps):
                part = torch.from_numpy(crops[at * 2 * self.batch : (at + 1) * 2 * self.batch])
                bits = torch.from_numpy(self.pairs.root_ids[self.rows(one), 0].view(np.int64))
                yield {"em": part[:, 0], "inside": part[:, 1], "root": bits}
            step = steps.stop

    def _ids(self, steps: range) -> npt.NDArray[np.uint64]:
        return np.concatenate([self.pairs.root_ids[self.rows(step)].T.reshape(-1) for step in steps])

    def _places(self, step: int) -> npt.NDArray[np.float64]:
        """nm [2 B, 3], first places first, moved."""
        places = self.pairs.points_nm[self.rows(step)].transpose(1, 0, 2).reshape(-1, 3)
        if not self.shift:
            return places
        rng = np.random.default_rng([self.seed, self.workers.rank, step, 1])
        size = np.array(self.em.resolution.xyz)
        moved = places + shifts(rng, len(places), self.shift) * size
        low, high = (np.array(edge[::-1]) for edge in (self.em.start, self.em.stop))
        kept: npt.NDArray[np.float64] = np.clip(moved, (low + 0.5) * size, (high - 0.5) * size)
        return kept

    def _cut(self, places: npt.NDArray[np.float64], ids: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
        columns: dict[str, Any] = {"root_id": ids, **{f"{axis}_nm": places[:, i] for i, axis in enumerate("xyz")}}
        cutouts = Cutouts(
            self.em, self.segmentation, pa.table(columns), self.side, group=GROUP, readers=self.readers,
            memory_bytes=self.memory_bytes, anywhere=True,
        )  # fmt: skip
        crops = np.empty((len(ids), 2, *(self.side,) * 3), dtype=np.uint8)
        failures = list(cutouts.failures)
        for rows, some, failed in cutouts.cut(cutouts.read(), split=True):
            crops[rows] = some
            failures += failed
        if failures:
            row = failures[0].row
            raise ReadError(
                f"a crop of {ids[row]} at {places[row].tolist()} nm (XYZ) cannot be cut, {failures[0].reason}: "
                f"{failures[0].message}"
            )
        empty = ~crops[:, 1].any(axis=(1, 2, 3))
        if empty.any():
            row = int(np.argmax(empty))
            raise SchemaError(
                f"segment {ids[row]} has no voxel in the crop around {places[row].tolist()} nm (XYZ): the pairs are of "
                "another segmentation, or the shift is too large"
            )
        return crops
