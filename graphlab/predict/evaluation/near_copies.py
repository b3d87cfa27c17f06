"""Neurons that stand on both sides of a split under two names: rows that nearly repeat where no twin is declared.

A near copy of a test neuron is a training neuron that is far nearer to it than the next ones are, in features, in
partners, or in embeddings. The nearest of ten neighbours of a cloud of points is hardly nearer than the tenth when the
cloud has many directions; a copy is. Neurons of one homologue class are declared twins and not counted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.statistics.folds import Fold

NEIGHBOURS = 10
FEWEST_PARTNERS = 3
"""Neurons with fewer say too little by their partners."""
MOST_NEURONS = 4_000
"""Of either side of a split; of more a random part is looked at."""
SHOWN = 5
FEATURES, PARTNERS, EMBEDDINGS = "features", "partners", "embeddings"
GAP = {FEATURES: 0.25, PARTNERS: 0.5, EMBEDDINGS: 0.25}
"""A near copy is at most this share of the way to the tenth nearest training neuron. Partners lie in so many directions
that half of the way is never chance; partners of a copy may differ by those that were copied too."""
FeatureRows = Floats | sparse.csr_array


@dataclass(frozen=True)
class NearCopies:
    """What was found in all folds of a split."""

    looked_at: int
    """Test neurons, over all folds."""
    share: dict[str, float] = field(default_factory=dict)
    """``features``, ``partners``, ``embeddings`` -> share of test neurons with a near copy among the training ones."""
    pairs: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """The first pairs of each kind: (test, training) root_ids, the closest first."""
    note: str = ""
    """What was left out of the search."""

    def lines(self) -> list[str]:
        """Sentences for people; none where no copy was found."""
        sentences = []
        for kind, share in self.share.items():
            if share > 0:
                some = ", ".join(f"{a} and {b}" for a, b in self.pairs[kind][:2])
                sentences.append(
                    f"{share:.1%} of test neurons have a near copy in training by {kind}, and no twin is declared "
                    f"({some}): scores may be too good. Name twins with --homologues, or remove copies"
                )
        return [*sentences, *([self.note] if self.note else [])]


def near_copies(inputs: Inputs, examples: Examples, folds: Iterable[Fold], seed: int = 0) -> NearCopies:
    """Look for them in every fold of a split; the first features that all rows share are those of ``inputs``."""
    rng = np.random.default_rng(seed)
    spaces = _spaces(inputs)
    hits: dict[str, int] = dict.fromkeys(spaces, 0)
    pairs: dict[str, list[tuple[float, int, int]]] = {kind: [] for kind in spaces}
    looked, cut = 0, False
    for fold in folds:
        train, test = (_neurons(examples, rows) for rows in (fold.train, fold.test))
        test = np.setdiff1d(test, train)
        cut |= max(len(train), len(test)) > MOST_NEURONS
        train, test = (_some(nodes, rng) for nodes in (train, test))
        looked += len(test)
        for kind, rows in spaces.items():
            for ratio, one, other in _copies(rows, test, train, examples.group, GAP[kind]):
                hits[kind] += 1
                pairs[kind].append((ratio, int(inputs.root_ids[one]), int(inputs.root_ids[other])))
    note = f"near copies were looked for among {MOST_NEURONS:,} neurons of each side of a fold" if cut else ""
    return NearCopies(
        looked,
        {kind: count / looked if looked else 0.0 for kind, count in hits.items()},
        {kind: [(a, b) for _, a, b in sorted(set(copies))[:SHOWN]] for kind, copies in pairs.items()},
        note,
    )


def _spaces(inputs: Inputs) -> Mapping[str, FeatureRows]:
    """What neurons are compared by: standardised columns, and unit vectors of partners, inputs beside outputs."""
    spaces: dict[str, FeatureRows] = {}
    for kind, columns in ((FEATURES, inputs.node.without(EMBEDDINGS)), (EMBEDDINGS, inputs.node.of(EMBEDDINGS))):
        spread = columns.values.std(axis=0)
        varied = spread > 0
        if varied.sum() > 1:
            spaces[kind] = (columns.values[:, varied] - columns.values[:, varied].mean(axis=0)) / spread[varied]
    if not inputs.layers:
        return spaces
    logs = [weight.astype(np.float64).log1p() for weight in inputs.layers.values()]
    profile = sparse.csr_array(sparse.hstack([part for log in logs for part in (log, log.T)]))
    profile.eliminate_zeros()
    length = np.sqrt(np.asarray(profile.multiply(profile).sum(axis=1)).ravel())
    enough = np.diff(profile.indptr) >= FEWEST_PARTNERS
    scale = np.divide(1.0, length, out=np.zeros(len(length)), where=enough & (length > 0))
    spaces[PARTNERS] = sparse.csr_array(sparse.diags_array(scale) @ profile)
    return spaces


def _copies(rows: FeatureRows, test: Ints, train: Ints, group: Ints, gap: float) -> list[tuple[float, int, int]]:
    """(how near, test node, training node) of the test nodes that have a near copy."""
    if len(train) <= NEIGHBOURS or not len(test):
        return []
    apart = _apart(rows, test, train)
    apart[group[test][:, None] == group[train][None]] = np.inf
    near = np.argpartition(apart, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    there = np.take_along_axis(apart, near, axis=1)
    first = there.argmin(axis=1)
    nearest, tenth = there.min(axis=1), there.max(axis=1)
    ratio = np.divide(nearest, tenth, out=np.ones(len(test)), where=np.isfinite(tenth) & (tenth > 0))
    copied = np.flatnonzero(ratio <= gap)
    return [(float(ratio[k]), int(test[k]), int(train[near[k, first[k]]])) for k in copied.tolist()]


def _apart(rows: FeatureRows, test: Ints, train: Ints) -> Floats:
    """Distances [test, train]; rows of nothing are far from everything."""
    if isinstance(rows, np.ndarray):
        return _between(rows[test], rows[train])
    one, other = (sparse.csr_array(rows[nodes]) for nodes in (test, train))
    likeness = np.asarray((one @ other.T).toarray(), dtype=np.float64)
    distance = np.sqrt(np.maximum(2.0 - 2.0 * likeness, 0.0))
    distance[likeness > 1 - 1e-12] = 0.0
    distance[np.diff(one.indptr) == 0] = np.inf
    distance[:, np.diff(other.indptr) == 0] = np.inf
    return np.asarray(distance)


def _between(one: Floats, other: Floats) -> Floats:
    length = (one**2).sum(axis=1)[:, None]
    squares = length + (other**2).sum(axis=1)[None] - 2 * one @ other.T
    # Differences of large squares leave crumbs where rows are equal.
    squares[squares < 1e-9 * (1 + length)] = 0.0
    return np.asarray(np.sqrt(squares))


def _neurons(examples: Examples, rows: Ints) -> Ints:
    return np.unique(np.concatenate([examples.source[rows], examples.target[rows]]))


def _some(nodes: Ints, rng: np.random.Generator) -> Ints:
    return nodes if len(nodes) <= MOST_NEURONS else np.sort(rng.choice(nodes, MOST_NEURONS, replace=False))
