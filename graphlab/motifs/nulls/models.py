"""The seam of null models: what one is told, what it gives, what it says it keeps and needs.

Ours are entered in ``registered``; other packages offer theirs in the entry-point group ``graphlab.null_models``.
``graphlab.testing.null_models`` holds the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ingest.registry import Registry
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LABELS, POSITIONS, NEARNESS = "labels", "positions", "nearness"
NEEDS = {
    LABELS: "a label per neuron",
    POSITIONS: "a position (nm) per neuron",
    NEARNESS: "positions (nm), the neuropils of each neuron, or a table of close pairs",
}
"""What a null may need beside the wiring; ``NullOptions`` then has it."""
CONNECTIONS, DEGREES, DYADS, RECIPROCITY = "connections", "degrees", "dyads", "reciprocity"
TYPES, DISTANCES, TRIADS, WIRING = "types", "distances", "triads", "wiring"
KEEPS = {
    CONNECTIONS: "the number of connections",
    DEGREES: "the in- and out-degree of every neuron",
    DYADS: "the numbers of mutual and one-way dyads",
    RECIPROCITY: "the number of mutual partners of every neuron",
    TYPES: "the number of connections between every two labels",
    DISTANCES: "the number of connections in every bin of distance, where it is told positions",
    TRIADS: "the counts of all triads, nearly",
    WIRING: "every connection; weights move",
}
"""What a null may say it keeps; the contract test counts it."""


@dataclass(frozen=True, eq=False)
class NullOptions:
    """What a null may need beside the graph; arrays are per neuron, in the order of the snapshot."""

    steps_per_edge: float = 10.0
    """Steps of the chain for each edge, refused ones included, from one sample's start to its end."""
    labels: Sequence[str | None] | None = None
    """Cell type (or neuropil) of each neuron."""
    position_nm: npt.ArrayLike | None = None
    """[n, 3]"""
    position_of: str = "soma"
    """What the positions are of, for the sentence in the report."""
    distance_bins: int = 20
    neuropils: Sequence[Sequence[str]] | None = None
    """Neuropils each neuron enters."""
    close_pairs: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike] | None = None
    """pre, post (node numbers) and class of pairs: arbor proximity."""
    keep_reciprocity: bool = False
    """Whether ``block`` and ``spatial`` also leave mutual dyads as many as they are, neuron by neuron."""
    observable_pre: Booleans | None = None
    """[n] whose outputs are seen (axon proofread); all of them when absent."""
    observable_post: Booleans | None = None
    """[n] whose inputs are seen (dendrite proofread)."""


@dataclass(frozen=True)
class ClosedForm:
    """Exact mean and standard deviation of every class; ``std`` is NaN where no closed form is offered."""

    mean: Floats
    std: Floats


class Walk(Protocol):
    """A Markov chain of graphs, for the diagnosis whether it mixes; it stands where samples begin."""

    @property
    def null(self) -> str:
        """The name of the null, for messages."""
        ...

    @property
    def observed(self) -> Snapshot:
        """The graph that the chain is about."""
        ...

    @property
    def steps(self) -> int:
        """From one sample's start to its end."""
        ...

    @property
    def constrained(self) -> bool:
        """Whether more than degrees and mutual partners is kept, so that parts may be hard to reach."""
        ...

    def copy(self) -> Walk:
        """Another one that stands at the same graph."""
        ...

    def run(self, steps: int, state: npt.NDArray[np.uint64]) -> int:
        """Go on by so many steps, refused ones included; how many changed the graph.

        Args:
            state: uint64 [4], of the random numbers; moved on in place.
        """
        ...

    def graph(self) -> Snapshot:
        """Where it stands."""
        ...

    def all_graphs(self) -> Sequence[Snapshot] | None:
        """Every graph of the null, the observed one first, where they are few; None where they are not."""
        ...


class Sampler(Protocol):
    """Draws from one null of one graph. Subclasses have to write ``draw`` only."""

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        """One random graph; the same seed gives the same graph on any thread."""
        ...

    def closed_form(self, class_of_code: Ints) -> ClosedForm | None:
        """Exact moments of the induced counts of the classes of int64 [4^dyads]; None where there are none."""
        return None

    def walk(self) -> Walk | None:
        """The chain behind the draws; None where they are independent of each other."""
        return None

    def caveat(self) -> str:
        """What to know about the draws so far; empty for most."""
        return ""


class NullModel(Protocol):
    """What a null keeps, what it needs to be told, and how to draw from it."""

    @property
    def name(self) -> str:
        """The word people type."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Of ``NEEDS``: what it takes from its options and refuses to do without."""
        ...

    @property
    def keeps(self) -> frozenset[str]:
        """Of ``KEEPS``: what every draw has in common with the observed graph."""
        ...

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> Sampler:
        """Check the options against the graph (observable part only) and make a sampler."""
        ...

    def sentence(self, options: NullOptions) -> str:
        """What is kept and what is random, for a methods paragraph."""
        ...


NULL_MODELS: Registry[NullModel] = Registry("null model", "graphlab.null_models", NullModel)


def default_null(size: int) -> str:
    """``configuration`` for dyads, which kept reciprocity would fix; ``reciprocal`` for three and four."""
    return "configuration" if size == 2 else "reciprocal"


def observable_part(snapshot: Snapshot, options: NullOptions) -> Snapshot:
    """The connections from neurons whose outputs are seen to neurons whose inputs are seen.

    Raises:
        AnalysisError: masks of a wrong length, or none of the connections observable.
    """
    if options.observable_pre is None and options.observable_post is None:
        return snapshot
    pre, post = observable_masks(snapshot, options)
    keep = pre[snapshot.sources()] & post[snapshot.out_target]
    if snapshot.m and not keep.any():
        raise AnalysisError(
            f"none of the {snapshot.m:,} connections runs from a neuron with a seen axon ({int(pre.sum())}) "
            f"to one with a seen dendrite ({int(post.sum())}); check status_axon and status_dendrite"
        )
    if keep.all():
        return snapshot
    part = snapshot.subset(edges=keep)
    return replace(part, meta={**part.meta, "unobservable": int((~keep).sum())})


def observable_masks(snapshot: Snapshot, options: NullOptions) -> tuple[Booleans, Booleans]:
    """Both masks, all true where not given."""
    masks = []
    for name, mask in (("observable_pre", options.observable_pre), ("observable_post", options.observable_post)):
        whole = np.ones(snapshot.n, dtype=np.bool_) if mask is None else np.asarray(mask)
        if whole.dtype != np.bool_ or whole.shape != (snapshot.n,):
            raise AnalysisError(
                f"{name} is {whole.dtype} of shape {whole.shape}; wanted one true or false for each of "
                f"{snapshot.n} neurons"
            )
        masks.append(whole)
    return masks[0], masks[1]


def hub_seed(seed: int) -> np.random.SeedSequence:
    """The child that leads to the hub; sample i has child i + 1."""
    return np.random.SeedSequence(seed, spawn_key=(0,))


def sample_seed(seed: int, index: int) -> np.random.SeedSequence:
    """The child of sample ``index``."""
    return np.random.SeedSequence(seed, spawn_key=(index + 1,))


def random_state(seed: np.random.SeedSequence) -> npt.NDArray[np.uint64]:
    """uint64 [4], the state of a kernel's generator."""
    return np.asarray(seed.generate_state(4, np.uint64), dtype=np.uint64)
