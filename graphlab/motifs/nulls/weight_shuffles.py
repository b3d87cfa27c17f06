"""Weight shuffles on fixed wiring: nulls for statistics of weights (intensity, coherence), not of counts.

``weights`` deals all weights out again, ``weights-pre`` only among the outputs of each neuron (its total
output stays), ``weights-types`` only among connections between the same two cell types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from graphlab.motifs.kernels.pair_classes import number_labels
from graphlab.motifs.nulls.models import LABELS, WIRING, Ints, NullOptions, Sampler
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class ShuffleSampler(Sampler):
    """Shuffles weights within groups of edges."""

    null: str
    snapshot: Snapshot
    group: Ints
    """[m] group of every edge."""

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        rng = np.random.default_rng(seed)
        # Sorting by group and by a random number within it pairs every edge with one of its group.
        shuffled = np.lexsort((rng.random(len(self.group)), self.group))
        weight = np.empty_like(self.snapshot.weight)
        weight[np.argsort(self.group, kind="stable")] = self.snapshot.weight[shuffled]
        return replace(self.snapshot, weight=weight, meta={**self.snapshot.meta, "null": self.null})


def _one_group(snapshot: Snapshot, options: NullOptions) -> Ints:
    return np.zeros(snapshot.m, dtype=np.int64)


def _by_source(snapshot: Snapshot, options: NullOptions) -> Ints:
    return snapshot.sources().astype(np.int64)


def _by_types(snapshot: Snapshot, options: NullOptions) -> Ints:
    if options.labels is None:
        raise AnalysisError("a shuffle within type pairs needs a label per neuron; name one with by=")
    label, names = number_labels(options.labels, snapshot.n)
    return label[snapshot.sources()].astype(np.int64) * len(names) + label[snapshot.out_target]


@dataclass(frozen=True)
class ShuffleNull:
    """Weights dealt out again within groups of connections."""

    name: str
    where: str
    """In words."""
    groups: Callable[[Snapshot, NullOptions], Ints]
    needs: frozenset[str] = frozenset()
    keeps: frozenset[str] = frozenset({WIRING})

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> ShuffleSampler:
        if not np.isfinite(snapshot.weight).all():
            bad = int((~np.isfinite(snapshot.weight)).sum())
            raise AnalysisError(f"{bad} of {snapshot.m} connections have a weight that is no finite number")
        if snapshot.m and (snapshot.weight == snapshot.weight[0]).all():
            raise AnalysisError(
                f"all {snapshot.m} connections weigh {snapshot.weight[0]:g}, so a weight shuffle changes nothing"
            )
        return ShuffleSampler(self.name, snapshot, self.groups(snapshot, options))

    def sentence(self, options: NullOptions) -> str:
        return f"Null '{self.name}': the observed wiring with its weights shuffled {self.where}."


NULLS = (
    ShuffleNull("weights", "over all connections", _one_group),
    ShuffleNull("weights-pre", "among the outputs of each neuron", _by_source),
    ShuffleNull("weights-types", "among the connections between each two types", _by_types, frozenset({LABELS})),
)
