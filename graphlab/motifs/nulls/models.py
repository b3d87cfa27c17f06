"""Null models of wiring: the seam, the registry, and the nulls that run the swap chain.

``configuration`` keeps every neuron's in- and out-degree; ``reciprocal`` also how many mutual partners it has
(the default for motifs of three and four); ``block`` keeps degrees and the matrix of connections between
cell types; ``spatial`` keeps degrees and the number of connections in every distance bin (or neuropil or
proximity class). ``er`` and ``dyad`` have closed forms and stand in ``analytic``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ingest.registry import Registry
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NullOptions:
    """What a null may need beside the graph; arrays are per neuron, in the order of the snapshot."""

    steps_per_edge: float = 10.0
    """Steps of the chain for each edge, refused ones included, from one sample's start to its end."""
    labels: Sequence[str | None] | None = None
    """Cell type (or neuropil) of each neuron, for ``block``."""
    position_nm: npt.ArrayLike | None = None
    """[n, 3] for ``spatial``."""
    position_of: str = "soma"
    """What the positions are of, for the sentence in the report."""
    distance_bins: int = 20
    neuropils: Sequence[Sequence[str]] | None = None
    """Neuropils each neuron enters, for ``spatial`` by shared neuropils."""
    close_pairs: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike] | None = None
    """pre, post (node numbers) and class of pairs, for ``spatial`` by arbor proximity."""
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


class Sampler(Protocol):
    """Independent draws from one null of one graph."""

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        """One random graph; the same seed gives the same graph on any thread."""
        ...


class NullModel(Protocol):
    """The seam: what a null keeps, how to draw from it, and its closed form if it has one."""

    @property
    def name(self) -> str:
        """The word people type."""
        ...

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> Sampler:
        """Check the options against the graph (observable part only) and make a sampler."""
        ...

    def closed_form(
        self, snapshot: Snapshot, class_of_code: npt.NDArray[np.int64], options: NullOptions
    ) -> ClosedForm | None:
        """Exact moments of the induced counts of the classes of ``class_of_code``, or None."""
        ...

    def sentence(self, options: NullOptions) -> str:
        """What is kept and what is random, for a methods paragraph."""
        ...


NULL_MODELS: Registry[NullModel] = Registry("null model", "graphlab.null_models")


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
    source = snapshot.sources()
    keep = pre[source] & post[snapshot.out_target]
    if snapshot.m and not keep.any():
        raise AnalysisError(
            f"none of the {snapshot.m:,} connections runs from a neuron with a seen axon ({int(pre.sum())}) "
            f"to one with a seen dendrite ({int(post.sum())}); check status_axon and status_dendrite"
        )
    if keep.all():
        return snapshot
    meta = {**snapshot.meta, "unobservable": int((~keep).sum())}
    return Snapshot.from_edges(snapshot.root_ids, source[keep], snapshot.out_target[keep], snapshot.weight[keep], meta)


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


@dataclass(frozen=True, eq=False)
class SwapSampler:
    """Draws by the parallel method of Besag & Clifford (1989).

    One run of the chain leads from the observed graph to a hub, and every sample is a run of the same length
    from the hub. The chain is reversible, so the observed graph is one more run from the hub: under the null it
    is exchangeable with the samples however well the chain mixes, and empirical p values are valid.
    """

    null: str
    prepared: Any
    """graphlab.motifs.nulls.chains.Prepared at the observed graph."""
    steps: int
    hub: Any
    """graphlab.motifs.kernels.swaps.Chain."""
    accepted: float
    """Share of the steps to the hub that changed the graph."""

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        from graphlab.motifs.kernels.swaps import copy_chain
        from graphlab.motifs.nulls.chains import snapshot_of

        chain = copy_chain(self.hub)
        _run(chain, self.prepared.classes, self.steps, seed)
        return snapshot_of(self.prepared.snapshot, chain.ends, self.prepared.weight, self.null)


def _run(chain: Any, classes: Any, steps: int, seed: np.random.SeedSequence) -> float:
    """Run the chain in place; the share of steps that changed it."""
    from graphlab.motifs.kernels.swaps import run_chain

    tally = np.zeros((3, 2), dtype=np.int64)
    run_chain(chain, classes, steps, seed.generate_state(4, np.uint64), tally)
    return float(tally[:, 1].sum() / max(steps, 1))


def hub_seed(seed: int) -> np.random.SeedSequence:
    """The child that leads to the hub; sample i has child i + 1."""
    return np.random.SeedSequence(seed, spawn_key=(0,))


def sample_seed(seed: int, index: int) -> np.random.SeedSequence:
    """The child of sample ``index``."""
    return np.random.SeedSequence(seed, spawn_key=(index + 1,))


@dataclass(frozen=True)
class SwapNull:
    """A null that runs the swap chain: which pairs it may not tell apart, and whether mutual dyads stay."""

    name: str
    constraint: str = ""
    """"", "block" or "spatial"."""
    reciprocal: bool = False
    kept: str = field(default="", compare=False)

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> SwapSampler:
        from graphlab.motifs.kernels.swaps import copy_chain
        from graphlab.motifs.nulls.chains import prepare_chain

        if not options.steps_per_edge > 0:
            raise AnalysisError(f"steps_per_edge is {options.steps_per_edge}; wanted a positive number, like 10")
        prepared = prepare_chain(snapshot, self._classes(snapshot, options), self._reciprocal(options))
        steps = max(1, round(options.steps_per_edge * snapshot.m))
        hub = copy_chain(prepared.chain)
        accepted = _run(hub, prepared.classes, steps, hub_seed(seed))
        return SwapSampler(self.name, prepared, steps, hub, accepted)

    def closed_form(
        self, snapshot: Snapshot, class_of_code: npt.NDArray[np.int64], options: NullOptions
    ) -> ClosedForm | None:
        return None

    def sentence(self, options: NullOptions) -> str:
        kept = self.kept
        if self.constraint == "spatial":
            kept += _spatial_sentence(options)
        if self.constraint and self._reciprocal(options):
            kept += " and the number of mutual partners of every neuron"
        return (
            f"Null '{self.name}': random graphs with {kept} of the observed graph, drawn by "
            f"{options.steps_per_edge:g} steps per connection of a swap chain (two-edge swaps, turned 3-cycles, "
            "excursions; refused proposals count) from a common hub (Besag & Clifford 1989)."
        )

    def _reciprocal(self, options: NullOptions) -> bool:
        return self.reciprocal or (bool(self.constraint) and options.keep_reciprocity)

    def _classes(self, snapshot: Snapshot, options: NullOptions) -> Any:
        from graphlab.motifs.kernels import pair_classes

        if self.constraint == "block":
            if options.labels is None:
                raise AnalysisError(
                    "the block null needs a label per neuron (cell_type, super_class, side or neuropil); "
                    "name one with by=, or use the null 'reciprocal'"
                )
            return pair_classes.block_classes(options.labels, snapshot.n)
        if self.constraint == "spatial":
            if options.close_pairs is not None:
                return pair_classes.table_classes(snapshot, *options.close_pairs)
            if options.neuropils is not None:
                return pair_classes.neuropil_classes(snapshot, options.neuropils)
            if options.position_nm is None:
                raise AnalysisError(
                    "the spatial null needs positions (nm), the neuropils of each neuron, or a table of close "
                    "pairs, and got none of them; or use the null 'reciprocal'"
                )
            return pair_classes.distance_classes(snapshot, options.position_nm, options.distance_bins)
        return pair_classes.free_classes()


def _spatial_sentence(options: NullOptions) -> str:
    if options.close_pairs is not None:
        return "the number of connections in every class of a table of close pairs"
    if options.neuropils is not None:
        return "the number of connections between neurons that share 0, 1, 2, ... neuropils"
    return f"the number of connections in each of {options.distance_bins} bins of {options.position_of} distance"


_DEGREES = "the in- and out-degree of every neuron"

RECIPROCAL = SwapNull(
    "reciprocal",
    reciprocal=True,
    kept="the numbers of one-way outputs, one-way inputs and mutual partners of every neuron",
)
NULLS = (
    SwapNull("configuration", kept=_DEGREES),
    RECIPROCAL,
    SwapNull("block", "block", kept=f"{_DEGREES} and the number of connections between every two types"),
    SwapNull("spatial", "spatial", kept=f"{_DEGREES} and "),
)
