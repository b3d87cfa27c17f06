"""Mining: which typed motifs occur more often than cell types and degrees explain.

Every connected set of three (or four) neurons is counted by its wiring and the cell types in it, and the typed
motifs are ranked by surprise under the block null, which keeps degrees, the matrix of connections between
types and, by default, mutual partners. Looking at thousands of typed motifs finds some by luck, so what is
mined is either tested on the other half of the neurons, or compared with the maximum of the same statistic over
all typed motifs in every random graph (Westfall & Young 1993). The number tried is part of the result.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.classes import mfinder_id
from graphlab.motifs.census.codes import man_label, pattern_text, role_orders, smallest_codes
from graphlab.motifs.kernels.pair_classes import number_labels
from graphlab.motifs.nulls.ensembles import SampleFolder, content_hash, options_hash, sample_arrays
from graphlab.motifs.nulls.models import NullOptions, observable_part
from graphlab.motifs.nulls.registered import null_model, null_sentence, null_version
from graphlab.statistics.p_values import benjamini_hochberg, samples_needed
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_SETS = 500_000_000
"""Upper bound of sets looked at in one graph, some ten to thirty seconds of it."""


@dataclass(frozen=True)
class TypedMotif:
    """One typed motif."""

    pattern: str
    """``L2 -> Mi1 -> T4a, L2 -> T4a``"""
    motif: str
    """MAN label of three, mfinder id of four."""
    code: int
    types: tuple[str, ...]
    """By role of the smallest code."""
    count: int
    null_mean: float
    ratio: float
    surprise: float
    """(count - mean) / sqrt(variance + 1) over the random graphs, the variance at least the mean."""
    p: float
    """Of the maximum statistic; or of the other half, if it was split."""
    q: float
    """Benjamini-Hochberg over the tested motifs of the other half; NaN without a split."""
    test_count: int
    """In the other half; -1 without a split."""
    test_ratio: float


@dataclass(frozen=True)
class Mined:
    """Typed motifs, most surprising first."""

    motifs: tuple[TypedMotif, ...]
    size: int
    null: str
    tried: int
    """Different typed motifs seen in the observed and the random graphs, all of them tried."""
    tested: int
    """Typed motifs taken to the other half; 0 without a split."""
    samples: int
    seed: int
    rule: str
    """How luck was dealt with, in a sentence."""
    sentence: str

    def to_arrow(self) -> pa.Table:
        """One row a typed motif; the columns are there even when no motif is."""
        import pyarrow as pa

        kinds = {
            "pattern": pa.string(), "motif": pa.string(), "code": pa.int64(), "types": pa.list_(pa.string()),
            "count": pa.int64(), "null_mean": pa.float64(), "ratio": pa.float64(), "surprise": pa.float64(),
            "p": pa.float64(), "q": pa.float64(), "test_count": pa.int64(), "test_ratio": pa.float64(),
        }  # fmt: skip
        rows = [{**vars(m), "types": list(m.types)} for m in self.motifs]
        return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))


def mine(
    snapshot: Snapshot,
    labels: Sequence[str | None],
    size: int = 3,
    *,
    null: str = "block",
    samples: int = 100,
    seed: int = 0,
    options: NullOptions | None = None,
    split: str | npt.NDArray[np.bool_] | None = None,
    split_rule: str = "",
    top: int = 100,
    min_count: int = 5,
    workers: Workers = 1,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Mined:
    """Rank typed motifs of ``size`` neurons by surprise under a null.

    Args:
        labels: cell type of each neuron; neurons without one are left out of the motifs.
        split: None for the maximum statistic; "random" for random halves of the neurons (by ``seed``); or bool
            [n], True for the half that is mined (a hemisphere), with ``split_rule`` saying how it was made.
        top: at most so many motifs are given back, or taken to the other half.
        min_count: rarer typed motifs are tried but not listed.

    Raises:
        AnalysisError: a size other than 3 and 4, no labels, too many sets to look at, an empty half.
    """
    if size not in (3, 4):
        raise AnalysisError(f"typed motifs have 3 or 4 neurons, not {size}")
    if options is None:
        options = NullOptions(keep_reciprocity=True)
    options = replace(options, labels=labels)
    whole = observable_part(snapshot, options)
    label, names = number_labels(labels, snapshot.n)
    known = np.array([bool(x) for x in labels])
    settings: dict[str, Any] = {
        "size": size, "null": null, "samples": samples, "workers": workers, "folder": folder,
        "progress": progress, "types": len(names),
    }  # fmt: skip
    sentence = null_sentence(null_model(null), options)
    if split is None:
        mined = _typed_ensemble(whole, label, known, seed=seed, options=options, **settings)
        chosen = mined.best(top, min_count)
        motifs = tuple(mined.row(k, size, names) for k in chosen)
        rule = (
            f"p is that of the largest surprise among all {len(mined.keys):,} typed motifs tried, in each of {samples} "
            f"random graphs; {reachable(samples)}"
        )
        return Mined(motifs, size, null, len(mined.keys), 0, samples, seed, rule, sentence)
    half, rule = _half(split, split_rule, snapshot.n, seed)
    mined = _typed_ensemble(_part(whole, half), label, known & half, seed=seed, options=options, **settings)
    chosen = mined.best(top, min_count)
    other = _typed_ensemble(_part(whole, ~half), label, known & ~half, seed=seed + 1, options=options, **settings)
    rows = _tested_rows(mined, other, chosen, size, names)
    rule = f"{rule}; {len(mined.keys):,} typed motifs tried on one half, {len(rows)} tested on the other"
    needed = samples_needed(max(len(rows), 1), tails=1)
    if samples < needed:
        rule += (
            f" ({samples} samples are too few for one of them alone to reach q .05; take {needed}, or a smaller top)"
        )
    return Mined(rows, size, null, len(mined.keys), len(rows), samples, seed, rule, sentence)


def reachable(samples: int) -> str:
    """The smallest p that so many random graphs allow when one statistic is tested, and how many p .05 and .01 take."""
    least = f"{samples} samples allow no p below {1 / (samples + 1):.2g}"
    wanted = [(level, needed) for level in (0.05, 0.01) if samples < (needed := samples_needed(1, level, tails=1))]
    if not wanted:
        return least
    return f"{least}: {' and '.join(f'p {level:g} takes {needed}' for level, needed in wanted)}"


@dataclass(frozen=True, eq=False)
class _Ensemble:
    """Typed counts of the observed and the random graphs, over all keys seen in any of them."""

    keys: Ints
    observed: Ints
    mean: Floats
    surprise: Floats
    largest: Floats
    """[samples] largest surprise of each random graph against all other graphs."""
    samples: list[Ints]
    types: int

    def best(self, top: int, min_count: int) -> Ints:
        """The most surprising over-represented motifs; ties by count."""
        frequent = np.flatnonzero((self.observed >= min_count) & (self.surprise > 0))
        order = np.lexsort((-self.observed[frequent], -self.surprise[frequent]))
        return frequent[order][:top]

    def row(self, k: int, size: int, names: list[str]) -> TypedMotif:
        """Motif ``k`` with the p value of the maximum statistic."""
        code, types = unpack(int(self.keys[k]), size, names)
        exceeded = int((self.largest >= self.surprise[k]).sum())
        return TypedMotif(
            pattern=pattern_text(code, types),
            motif=man_label(code) if size == 3 else str(mfinder_id(code, size)),
            code=code,
            types=types,
            count=int(self.observed[k]),
            null_mean=float(self.mean[k]),
            ratio=float(self.observed[k] / self.mean[k]) if self.mean[k] else float("inf"),
            surprise=float(self.surprise[k]),
            p=(exceeded + 1) / (len(self.largest) + 1),
            q=float("nan"),
            test_count=-1,
            test_ratio=float("nan"),
        )

    def counts_of(self, key: int) -> tuple[int, Ints]:
        """How often a key occurs in the observed graph and in each random one."""
        at = np.searchsorted(self.keys, key)
        there = at < len(self.keys) and self.keys[at] == key
        null = np.zeros(len(self.samples), dtype=np.int64)
        for k, sample in enumerate(self.samples):
            keys, counts = sample.reshape(2, -1)
            place = np.searchsorted(keys, key)
            if place < len(keys) and keys[place] == key:
                null[k] = counts[place]
        return (int(self.observed[at]) if there else 0), null


def unpack(key: int, size: int, names: list[str]) -> tuple[int, tuple[str, ...]]:
    """The code and the types by role of a typed key."""
    code, number = divmod(key, len(names) ** size)
    types = []
    for _ in range(size):
        number, label = divmod(number, len(names))
        types.append(names[label])
    return code, tuple(reversed(types))


def typed_census(
    snapshot: Snapshot, label: npt.NDArray[np.int32], types: int, size: int, known: npt.NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """Keys (ascending) and counts of the typed motifs among the neurons whose type is known."""
    from graphlab.motifs.kernels.subgraphs import adjacency_of, at_most, typed_counts

    if types**size * 4 ** (size * (size - 1) // 2) >= 2**62:
        raise AnalysisError(f"{types:,} types make more typed motifs of {size} than can be numbered; use coarser types")
    graph = adjacency_of(snapshot if known.all() else _part(snapshot, known))
    bound = at_most(graph, size)
    if bound > MOST_SETS:
        raise AnalysisError(
            f"up to {bound:,} sets of {size} connected neurons would have to be looked at in each graph, more than "
            f"{MOST_SETS:,}; raise min_weight, keep fewer neurons, or mine motifs of 3"
        )
    order, orders = role_orders(size)
    keys, counts = typed_counts(graph, size, label, types, smallest_codes(size), order, orders)
    return keys, counts


def _part(snapshot: Snapshot, keep: npt.NDArray[np.bool_]) -> Snapshot:
    """The same neurons with only the connections among the kept ones."""
    return snapshot.subset(edges=keep[snapshot.sources()] & keep[snapshot.out_target])


def _typed_counts(
    label: npt.NDArray[np.int32], types: int, size: int, known: npt.NDArray[np.bool_], drawn: Snapshot
) -> Ints:
    return np.concatenate(typed_census(drawn, label, types, size, known))


def _half(split: str | npt.NDArray[np.bool_], rule: str, n: int, seed: int) -> tuple[npt.NDArray[np.bool_], str]:
    if isinstance(split, str):
        if split != "random":
            raise AnalysisError(f"split {split!r} is unknown; give 'random' or one true or false per neuron")
        half = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 2))).permutation(n) < n // 2
        return half, f"neurons split at random into halves (seed {seed})"
    half = np.asarray(split)
    if half.dtype != np.bool_ or half.shape != (n,) or half.all() or not half.any():
        raise AnalysisError(f"a split needs one true or false for each of {n} neurons, with both halves filled")
    return half, rule or f"neurons split as given, {int(half.sum())} mined and {int((~half).sum())} held out"


def _typed_ensemble(
    graph: Snapshot, label: npt.NDArray[np.int32], known: npt.NDArray[np.bool_], *, size: int, null: str,
    samples: int, seed: int, options: NullOptions, types: int, workers: Workers, folder: Path | None,
    progress: Progress | None,
) -> _Ensemble:  # fmt: skip
    """Typed counts of one graph and its null, with the surprise of every key."""
    if graph.m == 0:
        raise AnalysisError("there are no connections to mine (in one of the halves, if split); lower min_weight")

    count = partial(_typed_counts, label, types, size, known)
    own_keys, own_counts = typed_census(graph, label, types, size, known)
    sampler = null_model(null).prepare(graph, options, seed)
    kept = None
    if folder is not None:
        recipe = {
            "mining": content_hash(graph), "null": null, "size": size, "seed": seed, "options": options_hash(options),
            "version": null_version(null),
        }  # fmt: skip
        kept = SampleFolder.of(folder, recipe)
    drawn = sample_arrays(sampler, count, samples=samples, seed=seed, workers=workers, folder=kept, progress=progress)
    tables = [(own_keys, own_counts), *((s.reshape(2, -1)[0], s.reshape(2, -1)[1]) for s in drawn)]
    keys, place = np.unique(np.concatenate([table[0] for table in tables]), return_inverse=True)
    values = np.concatenate([table[1] for table in tables]).astype(np.float64)
    # Each graph is scored against all others, the observed one among them: under the null all samples + 1 graphs
    # are treated alike, and one graph's own outlier does not hide it.
    total = np.bincount(place, values, minlength=len(keys))
    square = np.bincount(place, values**2, minlength=len(keys))
    score = _surprise(values, total[place], square[place], samples)
    ends = np.cumsum([len(table[0]) for table in tables])
    largest = np.array([score[a:b].max(initial=-np.inf) for a, b in itertools.pairwise(ends)])
    observed = np.zeros(len(keys), dtype=np.int64)
    observed[place[: len(own_keys)]] = own_counts
    surprise = _surprise(observed.astype(np.float64), total, square, samples)
    return _Ensemble(keys, observed, (total - observed) / samples, surprise, largest, drawn, types)


def _surprise(count: Floats, total: npt.NDArray[Any], square: npt.NDArray[Any], others: int) -> Floats:
    """(count - mean) / sqrt(variance + 1) against the other graphs, from sums that include the graph itself.

    Counts of rare things vary at least like Poisson numbers, whatever a few samples say, hence variance >= mean.
    """
    mean = (total - count) / others
    variance = np.maximum((square - count**2) / others - mean**2, mean)
    return np.asarray((count - mean) / np.sqrt(variance + 1.0))


def _tested_rows(
    mined: _Ensemble, other: _Ensemble, chosen: Ints, size: int, names: list[str]
) -> tuple[TypedMotif, ...]:
    """The mined motifs with one-sided p values (as surprising or more) on the other half."""
    rows, p = [], []
    for k in chosen:
        count, null = other.counts_of(int(mined.keys[k]))
        p.append((int((null >= count).sum()) + 1) / (len(null) + 1))
        mean = float(null.mean())
        rows.append(
            replace(
                mined.row(int(k), size, names),
                p=p[-1],
                test_count=count,
                test_ratio=count / mean if mean else float("inf") if count else float("nan"),
            )
        )
    q = benjamini_hochberg(np.array(p)) if p else np.empty(0)
    return tuple(replace(row, q=float(value)) for row, value in zip(rows, q, strict=True))
