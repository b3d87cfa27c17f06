"""The nulls that run the swap chain.

``configuration`` keeps every neuron's in- and out-degree; ``reciprocal`` also how many mutual partners it has
(the default for motifs of three and four); ``block`` keeps degrees and the matrix of connections between
cell types; ``spatial`` keeps degrees and the number of connections in every distance bin (or neuropil or
proximity class).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphlab.motifs.kernels import pair_classes
from graphlab.motifs.kernels.pair_classes import FREE, PairClasses
from graphlab.motifs.kernels.swaps import Chain, copy_chain, run_chain
from graphlab.motifs.nulls.chains import Prepared, prepare_chain, snapshot_of
from graphlab.motifs.nulls.enumeration import all_graphs
from graphlab.motifs.nulls.models import (
    DEGREES,
    DISTANCES,
    KEEPS,
    LABELS,
    NEARNESS,
    NEEDS,
    RECIPROCITY,
    TYPES,
    NullOptions,
    Sampler,
    hub_seed,
    random_state,
)
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class SwapWalk:
    """A swap chain, the graph it began at, and how far a sample goes."""

    null: str
    prepared: Prepared
    steps: int
    chain: Chain

    @property
    def observed(self) -> Snapshot:
        return self.prepared.snapshot

    @property
    def constrained(self) -> bool:
        return self.prepared.classes.kind != FREE

    def copy(self) -> SwapWalk:
        return SwapWalk(self.null, self.prepared, self.steps, copy_chain(self.chain))

    def run(self, steps: int, state: npt.NDArray[np.uint64]) -> int:
        tally = np.zeros((3, 2), dtype=np.int64)
        run_chain(self.chain, self.prepared.classes, steps, state, tally)
        return int(tally[:, 1].sum())

    def graph(self) -> Snapshot:
        return snapshot_of(self.observed, self.chain.ends, self.prepared.weight, self.null)

    def all_graphs(self) -> Sequence[Snapshot] | None:
        return all_graphs(self.observed, self.prepared.chain.reciprocal, self.prepared.classes)


@dataclass(frozen=True, eq=False)
class SwapSampler(Sampler):
    """Draws by the parallel method of Besag & Clifford (1989).

    One run of the chain leads from the observed graph to a hub, and every sample is a run of the same length
    from the hub. The chain is reversible, so the observed graph is one more run from the hub: under the null it
    is exchangeable with the samples however well the chain mixes, and empirical p values are valid.
    """

    hub: SwapWalk

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        walk = self.hub.copy()
        walk.run(walk.steps, random_state(seed))
        return walk.graph()

    def walk(self) -> SwapWalk:
        return self.hub


Classes = Callable[[Snapshot, NullOptions], PairClasses]


def _free(snapshot: Snapshot, options: NullOptions) -> PairClasses:
    return pair_classes.free_classes()


def _types(snapshot: Snapshot, options: NullOptions) -> PairClasses:
    if options.labels is None:
        raise AnalysisError(
            f"the block null needs {NEEDS[LABELS]} (cell_type, super_class, side or neuropil); "
            "name one with by=, or use the null 'reciprocal'"
        )
    return pair_classes.block_classes(options.labels, snapshot.n)


def _near(snapshot: Snapshot, options: NullOptions) -> PairClasses:
    if options.close_pairs is not None:
        return pair_classes.table_classes(snapshot, *options.close_pairs)
    if options.neuropils is not None:
        return pair_classes.neuropil_classes(snapshot, options.neuropils)
    if options.position_nm is None:
        raise AnalysisError(
            f"the spatial null needs {NEEDS[NEARNESS]}, and got none of them; or use the null 'reciprocal'"
        )
    return pair_classes.distance_classes(snapshot, options.position_nm, options.distance_bins)


def _nearness(options: NullOptions) -> str:
    if options.close_pairs is not None:
        return "the number of connections in every class of a table of close pairs"
    if options.neuropils is not None:
        return "the number of connections between neurons that share 0, 1, 2, ... neuropils"
    return f"the number of connections in each of {options.distance_bins} bins of {options.position_of} distance"


@dataclass(frozen=True)
class SwapNull:
    """A null that runs the swap chain: which pairs it may not tell apart, and whether mutual dyads stay."""

    name: str
    kept: Callable[[NullOptions], str]
    """In words."""
    keeps: frozenset[str] = frozenset({DEGREES})
    needs: frozenset[str] = frozenset()
    classes: Classes = _free

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> SwapSampler:
        if not options.steps_per_edge > 0:
            raise AnalysisError(f"steps_per_edge is {options.steps_per_edge}; wanted a positive number, like 10")
        prepared = prepare_chain(snapshot, self.classes(snapshot, options), self._reciprocal(options))
        steps = max(1, round(options.steps_per_edge * snapshot.m))
        hub = SwapWalk(self.name, prepared, steps, copy_chain(prepared.chain))
        hub.run(steps, random_state(hub_seed(seed)))
        return SwapSampler(hub)

    def sentence(self, options: NullOptions) -> str:
        kept = self.kept(options)
        if self._reciprocal(options) and RECIPROCITY not in self.keeps:
            kept += f" and {KEEPS[RECIPROCITY]}"
        return (
            f"Null '{self.name}': random graphs with {kept} of the observed graph, drawn by "
            f"{options.steps_per_edge:g} steps per connection of a swap chain (two-edge swaps, turned 3-cycles, "
            "excursions; refused proposals count) from a common hub (Besag & Clifford 1989)."
        )

    def _reciprocal(self, options: NullOptions) -> bool:
        return RECIPROCITY in self.keeps or (bool(self.needs) and options.keep_reciprocity)


CONFIGURATION = SwapNull("configuration", lambda options: KEEPS[DEGREES])
RECIPROCAL = SwapNull(
    "reciprocal",
    lambda options: "the numbers of one-way outputs, one-way inputs and mutual partners of every neuron",
    frozenset({DEGREES, RECIPROCITY}),
)
BLOCK = SwapNull(
    "block",
    lambda options: f"{KEEPS[DEGREES]} and the number of connections between every two types",
    frozenset({DEGREES, TYPES}),
    frozenset({LABELS}),
    _types,
)
SPATIAL = SwapNull(
    "spatial",
    lambda options: f"{KEEPS[DEGREES]} and {_nearness(options)}",
    frozenset({DEGREES, DISTANCES}),
    needs=frozenset({NEARNESS}),
    classes=_near,
)
NULLS = (CONFIGURATION, RECIPROCAL, BLOCK, SPATIAL)
