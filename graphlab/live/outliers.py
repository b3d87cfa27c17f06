"""Merges whose parts are unlike each other by their embeddings: candidates for merge errors, as merges happen.

Of every neuron that has embeddings are kept how many there are and the sum of their directions (vectors of length 1, as
cosines compare them). Where a merge joins neurons, the squared distance of their means is set against what it would be
if both were samples of one cloud: 1 on average then, whatever their numbers. Windows of one neuron are no independent
samples, so the ratio orders merges and proves nothing; the share of the latest merges that are as unlike says where one
stands.

Tests: tests/graphlab/live/test_outliers.py.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.live.applied import Applied
from graphlab.store.embeddings.files import EmbeddingSet
from ingest.schema.errors import SchemaError

LEAST = 3
"""Embeddings that a neuron has before it is compared."""
RECENT = 1_000
NEURONS_AT_ONCE = 1_024
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cloud:
    """Directions of one neuron's embeddings."""

    count: int
    total: Floats

    @property
    def mean(self) -> Floats:
        return self.total / self.count

    @property
    def scatter(self) -> float:
        """Mean squared distance from the mean, of a sample."""
        return max(0.0, self.count - float(self.total @ self.total) / self.count) / (self.count - 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A merge, and how unlike its two most unlike parts are."""

    position: int
    root_id: int
    part: int
    other: int
    ratio: float
    share: float
    """Of the latest merges that were compared, those as unlike or more, this one among them."""


class MergeCandidates:
    """Merges by how unlike their parts are.

    Args:
        recent: merges that one is compared with. most: candidates that are kept, the most unlike ones.
    """

    def __init__(self, recent: int = RECENT, most: int = RECENT) -> None:
        if recent < 1 or most < 1:
            raise SchemaError(f"{recent} merges to compare with, {most} to keep; wanted 1 or more of both")
        self._clouds: dict[int, Cloud] = {}
        self._order: deque[float] = deque()
        self._ranked: list[float] = []
        self._recent, self._most = recent, most
        self.candidates: list[Candidate] = []
        """The most unlike first."""
        self.unknown = 0
        """Merges with too few embeddings on a side to be compared."""

    def stored(self, embeddings: EmbeddingSet) -> None:
        """Take the embeddings that a graph has of its neurons."""
        for start in range(0, len(embeddings.root_ids), NEURONS_AT_ONCE):
            ids = embeddings.root_ids[start : start + NEURONS_AT_ONCE]
            vectors, offsets = embeddings.lookup(ids)
            for root_id, first, last in zip(ids.tolist(), offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
                self.embedded(root_id, vectors[first:last])

    def embedded(self, root_id: int, vectors: npt.ArrayLike) -> None:
        """The embeddings of a neuron as they are now; none forgets it.

        Raises:
            SchemaError: no table of finite numbers, or a vector of length 0.
        """
        values = np.asarray(vectors, np.float64)
        if values.size == 0:
            self._clouds.pop(root_id, None)
            return
        if values.ndim != 2 or not np.isfinite(values).all():
            raise SchemaError(f"neuron {root_id}: embeddings {list(values.shape)}; wanted [k, width] of finite numbers")
        length = np.linalg.norm(values, axis=1)
        if not length.all():
            raise SchemaError(f"neuron {root_id}: an embedding of length 0 has no direction")
        self._clouds[root_id] = Cloud(len(values), (values / length[:, None]).sum(axis=0))

    def update(self, done: Applied) -> list[Candidate]:
        """Take a batch of events; the merges of it that could be compared, in their order."""
        joined: dict[tuple[int, int], list[int]] = {}
        for root_id, position, became in done.gone:
            if became.isdigit():
                joined.setdefault((position, int(became)), []).append(root_id)
            else:
                self._clouds.pop(root_id, None)  # a split: its pieces are embedded anew
        found = [one for (position, new), olds in joined.items() if (one := self._join(position, new, olds))]
        for one in found:
            at = bisect_left(self.candidates, -one.ratio, key=lambda other: -other.ratio)
            self.candidates.insert(at, one)
        del self.candidates[self._most :]
        return found

    def _join(self, position: int, new: int, olds: list[int]) -> Candidate | None:
        parts = sorted({*olds, new} & set(self._clouds))
        clouds = [(root_id, self._clouds.pop(root_id)) for root_id in parts]
        if clouds:
            total = np.sum([cloud.total for _, cloud in clouds], axis=0)
            self._clouds[new] = Cloud(sum(cloud.count for _, cloud in clouds), total)
        known = [(root_id, cloud) for root_id, cloud in clouds if cloud.count >= LEAST]
        if len(known) < 2:
            self.unknown += len(olds) > 1 or new in parts
            return None
        ratio, part, other = max(
            (_ratio(a, b), one, two) for k, (one, a) in enumerate(known) for two, b in known[k + 1 :]
        )
        return Candidate(position, new, part, other, ratio, self._rank(ratio))

    def _rank(self, ratio: float) -> float:
        insort(self._ranked, ratio)
        self._order.append(ratio)
        if len(self._order) > self._recent:
            del self._ranked[bisect_left(self._ranked, self._order.popleft())]
        return (len(self._ranked) - bisect_left(self._ranked, ratio)) / len(self._ranked)

    def to_arrow(self) -> pa.Table:
        """position, root_id, part, other_part, ratio, share; the most unlike first."""
        rows = self.candidates
        return pa.table(
            {
                "position": pa.array([one.position for one in rows], pa.int64()),
                "root_id": pa.array([one.root_id for one in rows], pa.uint64()),
                "part": pa.array([one.part for one in rows], pa.uint64()),
                "other_part": pa.array([one.other for one in rows], pa.uint64()),
                "ratio": pa.array([one.ratio for one in rows], pa.float64()),
                "share": pa.array([one.share for one in rows], pa.float64()),
            }
        )


def _ratio(a: Cloud, b: Cloud) -> float:
    """Squared distance of two means over what samples of one cloud would have; infinite where nothing scatters."""
    apart = float(((a.mean - b.mean) ** 2).sum())
    expected = a.scatter / a.count + b.scatter / b.count
    return apart / expected if expected > 0 else (float("inf") if apart > 0 else 0.0)
