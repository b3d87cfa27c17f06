"""The null ``triads``: degrees, mutual partners and all triad counts kept, by annealing; for small graphs.

Each sample starts from the ``reciprocal`` null and is annealed until its triad counts are those of the
observed graph, or nearly (Milo et al. 2002, for tetrads). The samples are not a uniform draw from all such
graphs, and what the annealing did not reach is told as the achieved error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.codes import triad_class_codes
from graphlab.motifs.kernels.anneal import anneal, triads_of
from graphlab.motifs.nulls.chains import snapshot_of
from graphlab.motifs.nulls.models import DEGREES, RECIPROCITY, TRIADS, NullOptions, Sampler, random_state
from graphlab.motifs.nulls.swap_nulls import RECIPROCAL
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

MOST_NEURONS = 1500
STEPS_PER_EDGE = 200
HOT, COLD = 2e-2, 2e-5
ENOUGH = 1e-3
"""Sum over the 16 classes of |have - want| / (have + want) at which a sample is good."""


@dataclass(frozen=True, eq=False)
class TriadSampler(Sampler):
    """Draws from ``reciprocal`` and anneals each draw to the observed triads."""

    start: Sampler
    wanted: npt.NDArray[np.int64]
    errors: list[float] = field(default_factory=list)
    """Largest relative error over the connected triads, of every draw so far."""

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        graph = self.start.draw(seed)
        code = dyad_codes(graph)
        source, target = graph.sources(), graph.out_target
        one_way = code[source, target] == 1
        half = ~one_way & (source < target)
        one = np.column_stack([source[one_way], target[one_way]]).astype(np.int32)
        mutual = np.column_stack([source[half], target[half]]).astype(np.int32)
        classes = triad_class_codes()
        counts = triads_of(code, classes)
        # A word of its own: the draw above used the seed's first four.
        state = random_state(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 0)))
        anneal(code, one, mutual, counts, self.wanted, classes, HOT, COLD, STEPS_PER_EDGE * graph.m, ENOUGH, state)
        connected = slice(3, None)
        scale = np.maximum(self.wanted[connected], 1)
        self.errors.append(float((np.abs(counts - self.wanted)[connected] / scale).max()))
        ends = np.concatenate([one, mutual, mutual[:, ::-1]])
        # One weight per edge in the order of the sources, as the swap nulls do it.
        order = np.argsort(ends[:, 0], kind="stable")
        return snapshot_of(graph, ends[order], graph.weight, "triads")

    def caveat(self) -> str:
        """What the annealing achieved."""
        if not self.errors:
            return "the triad counts of the samples were checked in an earlier run"
        return (
            f"annealed to the observed triads: the class furthest off is within {np.median(self.errors):.2%} "
            f"(median over samples; at worst {max(self.errors):.2%})"
        )


def dyad_codes(graph: Snapshot) -> npt.NDArray[np.uint8]:
    """uint8 [n, n]: bit 0 row to column, bit 1 column to row."""
    code = np.zeros((graph.n, graph.n), dtype=np.uint8)
    source, target = graph.sources(), graph.out_target
    code[source, target] |= 1
    code[target, source] |= 2
    return code


@dataclass(frozen=True)
class TriadNull:
    """Annealed null that keeps the 13 triad counts."""

    name: str = "triads"
    needs: frozenset[str] = frozenset()
    keeps: frozenset[str] = frozenset({DEGREES, RECIPROCITY, TRIADS})

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> TriadSampler:
        if snapshot.n > MOST_NEURONS:
            raise AnalysisError(
                f"the null 'triads' is annealed on a matrix and takes at most {MOST_NEURONS:,} neurons, this graph has "
                f"{snapshot.n:,}; use 'reciprocal' (and read size 4 as not corrected for triads) or a part of the graph"
            )
        start = RECIPROCAL.prepare(snapshot, options, seed)
        return TriadSampler(start, triads_of(dyad_codes(snapshot), triad_class_codes()))

    def sentence(self, options: NullOptions) -> str:
        return (
            "Null 'triads': random graphs with the one-way outputs, one-way inputs and mutual partners of every "
            "neuron, annealed until the 13 triad counts are those of the observed graph (Milo et al. 2002)."
        )
