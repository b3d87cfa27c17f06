"""Communities by a named method from several starts: the best of them, and how far the starts agree.

Tests: tests/graphlab/circuits/communities/test_found.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from graphlab.circuits.communities.infomap import infomap
from graphlab.circuits.communities.leiden import leiden, modularity
from graphlab.statistics.partitions import adjusted_mutual_information, adjusted_rand_index, contingency
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
QUALITY = {"leiden": "modularity", "infomap": "codelength", "block-model": "log_likelihood"}
"""Method -> what says how good its division is; of codelengths the least is best."""
NONE = -1


@dataclass(frozen=True, eq=False)
class Communities:
    """The best division of several starts."""

    method: str
    resolution: float | None
    blocks: int | None
    community: Ints
    """[n] from 0, the largest first; ``NONE`` for neurons without connections."""
    stability: Floats
    """[n] mean overlap (neurons in both over neurons in either) of a neuron's community with that of other starts."""
    quality: Floats
    """[starts]"""
    counts: Ints
    """[starts] communities."""
    best: int
    """Which start."""
    rand: float
    """Mean adjusted Rand index of two starts; NaN with one."""
    mutual: float
    """Mean adjusted mutual information of two starts; NaN with one."""

    @property
    def sizes(self) -> Ints:
        """Neurons of each community."""
        return np.bincount(self.community[self.community != NONE])

    @property
    def sentence(self) -> str:
        """What was done and found."""
        what = {
            "leiden": f"Leiden on directed modularity at resolution {self.resolution:g}" if self.resolution else "",
            "infomap": "Infomap, the two-level map equation of directed wiring (bits a step)",
            "block-model": f"the directed degree-corrected block model with {self.blocks} blocks",
        }[self.method]
        name = QUALITY[self.method].replace("_", " ")
        starts = len(self.quality)
        said = f"{what}: {len(self.sizes):,} communities, the largest of {int(self.sizes[0]):,} neurons; {name} "
        said += f"{self.quality[self.best]:.6g}"
        if starts == 1:
            return f"{said}, one start, so nothing is known of its stability"
        return (
            f"{said}, the best of {starts} starts ({self.quality.min():.6g} to {self.quality.max():.6g}); two starts "
            f"agree with an ARI of {self.rand:.3f} and an AMI of {self.mutual:.3f} on average"
        )


def find_communities(
    graph: Snapshot,
    method: str = "leiden",
    *,
    resolution: float | None = None,
    blocks: int | None = None,
    starts: int = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> Communities:
    """Divide a wiring.

    Args:
        resolution: of leiden (1 when None), higher for more communities. blocks: of the block model; as many as Leiden
            finds communities when None.
        starts: divisions that are made, each from its own random start.

    Raises:
        UnknownNameError: no such method. AnalysisError: nothing to divide, or settings of another method.
        MissingExtraError: infomap is not installed.
    """
    check_settings(method, resolution, blocks, starts)
    connected = np.flatnonzero(np.bincount(graph.sources(), graph.weight, minlength=graph.n)
                               + np.bincount(graph.out_target, graph.weight, minlength=graph.n))  # fmt: skip
    if not len(connected):
        raise AnalysisError(
            f"no connection with a weight above 0 is left among {graph.n:,} neurons, so nothing keeps neurons "
            "together; ingest connections, or take a smaller min_weight or other settings of weights"
        )
    part = graph if len(connected) == graph.n else graph.subset(neurons=connected)
    if method == "block-model" and blocks is None:
        blocks = int(leiden(part, 1.0, np.random.default_rng([seed, 0])).max()) + 1
    found, quality = [], []
    gamma = 1.0 if resolution is None else float(resolution)
    for start in range(starts):
        division, value = _divide(part, method, gamma, blocks, np.random.default_rng([seed, start]))
        found.append(numbered(division))
        quality.append(value)
        if progress:
            progress(start + 1, starts)
    values = np.array(quality)
    best = int(values.argmin() if method == "infomap" else values.argmax())
    rand, mutual = agreement(found)
    community, stability = np.full(graph.n, NONE, np.int64), np.full(graph.n, np.nan)
    community[connected], stability[connected] = found[best], overlap(found, best)
    return Communities(
        method, gamma if method == "leiden" else None, blocks, community, stability, values,
        np.array([int(one.max()) + 1 for one in found]), best, rand, mutual,
    )  # fmt: skip


def check_settings(method: str, resolution: float | None, blocks: int | None, starts: int) -> None:
    """Refuse what does not fit before any work."""
    if method not in QUALITY:
        raise UnknownNameError("method of communities", str(method), QUALITY)
    if resolution is not None and method != "leiden":
        raise AnalysisError(f"resolution is a setting of leiden, not of {method}; leave it out")
    if resolution is not None and not 0 < resolution < np.inf:
        raise AnalysisError(f"resolution is {resolution}; wanted a number above 0, higher for more communities")
    if blocks is not None and method != "block-model":
        raise AnalysisError(f"blocks is a setting of block-model, not of {method}; leave it out")
    if blocks is not None and blocks < 1:
        raise AnalysisError(f"blocks is {blocks}; wanted 1 or more")
    if starts < 1:
        raise AnalysisError(f"seeds is {starts}; wanted the number of starts, 1 or more")


def _divide(
    graph: Snapshot, method: str, resolution: float, blocks: int | None, rng: np.random.Generator
) -> tuple[Ints, float]:
    if method == "leiden":
        found = leiden(graph, resolution, rng)
        return found, modularity(graph, found, resolution)
    if method == "infomap":
        return infomap(graph, rng)
    from graphlab.circuits.communities.block_model import block_model, likelihood

    assert blocks is not None
    found = block_model(graph, blocks, rng)
    return found, likelihood(graph, found)


def numbered(division: npt.NDArray[np.integer]) -> Ints:
    """The same parts numbered by size, the largest 0, ties by their first member."""
    _, first, place, count = np.unique(division, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(count), np.int64)
    rank[np.lexsort([first, -count])] = np.arange(len(count))
    return rank[place]


def agreement(divisions: Sequence[Ints]) -> tuple[float, float]:
    """Mean ARI and AMI of every two divisions; NaN of one."""
    pairs = list(combinations(divisions, 2))
    if not pairs:
        return np.nan, np.nan
    rand = np.mean([adjusted_rand_index(one, other) for one, other in pairs])
    mutual = np.mean([adjusted_mutual_information(one, other) for one, other in pairs])
    return float(rand), float(mutual)


def overlap(divisions: Sequence[Ints], best: int) -> Floats:
    """[n] mean Jaccard overlap of each thing's part in one division with its part in each of the others; NaN alone."""
    ours = divisions[best]
    total = np.zeros(len(ours))
    for k, other in enumerate(divisions):
        if k == best:
            continue
        a, b, both = contingency(ours, other)
        shares = both / (np.bincount(ours)[a] + np.bincount(other)[b] - both)
        width = int(other.max()) + 1
        total += shares[np.searchsorted(a * width + b, ours * width + other)]
    return total / (len(divisions) - 1) if len(divisions) > 1 else np.full(len(ours), np.nan)


@dataclass(frozen=True)
class Agreement:
    """How a division agrees with what is known of neurons."""

    column: str
    rand: float
    mutual: float
    neurons: int
    """That have both."""
    labels: int
    lacking: int
    """In a community, without a label."""

    @property
    def sentence(self) -> str:
        return (
            f"with {self.column} ({self.labels:,} labels) communities agree with an ARI of {self.rand:.3f} and an AMI "
            f"of {self.mutual:.3f} over {self.neurons:,} neurons; {self.lacking:,} without one are left out"
        )


def agreement_with(column: str, labels: Sequence[str | None], community: Ints) -> Agreement:
    """ARI and AMI of communities and labels, over the neurons that have both.

    Raises:
        AnalysisError: no neuron in a community has a label.
    """
    there = np.array([label is not None for label in labels], dtype=np.bool_) & (community != NONE)
    if not there.any():
        raise AnalysisError(
            f"no neuron with connections has a value in the column {column!r}, so communities cannot be held against "
            f'it; ingest neurons with it (columns="{column}=THEIRS"), or name another column'
        )
    names, part = np.unique([str(labels[k]) for k in np.flatnonzero(there).tolist()], return_inverse=True)
    ours = numbered(community[there])
    lacking = int((community != NONE).sum() - there.sum())
    return Agreement(
        column, adjusted_rand_index(ours, part), adjusted_mutual_information(ours, part), len(ours), len(names), lacking
    )
