"""Is a motif count unusual: ratio to the null first, then z, empirical p and q, each with its doubts.

Significance is of induced counts. Classes the null cannot change are "fixed by the null"; rare and skewed
classes keep their z but greyed; a null that cannot mix gives neither z nor p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.census import unmeasured
from graphlab.motifs.census.codes import CONNECTED_TRIADS, TRIAD_LABELS, triad_class_codes
from graphlab.motifs.nulls.analytic import dyad_class_codes
from graphlab.motifs.nulls.ensembles import Count, SampleFolder, content_hash, options_hash, sample_counts
from graphlab.motifs.nulls.models import TRIADS, NullModel, NullOptions, Sampler, default_null, observable_part
from graphlab.motifs.nulls.registered import null_model, null_sentence, null_version
from graphlab.motifs.significance.against_null import FIXED, UNMIXED
from graphlab.motifs.significance.mixing import Mixing, diagnose
from graphlab.statistics import p_values
from graphlab.statistics.intervals import tail_interval
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError
from queries.result import html_table
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VIEW = ("kind", "min_weight", "compartment", "unobservable")
"""What ``meta`` of a snapshot says of what was counted."""
RARE_MEAN = 5.0
SKEWED = 1.0
RARE = "rare: read the ratio and p, not z"
SKEWED_NOTE = "skewed: read the median ratio and p, not z"
ABSENT = "never in the null"
FOUR_CAVEAT = (
    "not corrected for triads: an over-represented tetrad may only reflect the triads in it "
    "(use the null 'triads' on a small graph to keep all 13 triad counts)"
)


@dataclass(frozen=True, eq=False)
class Significance:
    """Every class of one size against one null; arrays are [classes]."""

    size: int
    null: str
    classes: tuple[str, ...]
    observed: Ints
    mean: Floats
    std: Floats
    median: Floats
    low: Floats
    """2.5 % quantile of the null."""
    high: Floats
    """97.5 % quantile of the null."""
    ratio: Floats
    """observed / mean; inf where only the null has none, NaN where both have none."""
    ratio_low: Floats
    """Lower end of the 95 % interval of the ratio, from the error of the null mean."""
    ratio_high: Floats
    ratio_median: Floats
    """observed / median."""
    z: Floats
    """NaN where the null has no spread or cannot mix."""
    z_trusted: npt.NDArray[np.bool_]
    """False where the null is rare or skewed: show it greyed."""
    p: Floats
    """NaN for a class that the null fixes, and where the null cannot mix."""
    p_low: Floats
    """95 % interval of p from the number of samples (Clopper & Pearson)."""
    p_high: Floats
    q: Floats
    """Over the tested classes; NaN for the others."""
    tested: npt.NDArray[np.bool_]
    notes: tuple[str, ...]
    """What to know about a class; empty for most."""
    samples: int
    samples_needed: int
    """For one class alone to reach q .05."""
    seed: int
    sentence: str
    """The null in a sentence, for a methods paragraph."""
    caveats: tuple[str, ...]
    """What to know about the whole table."""
    mixing: Mixing | None
    counts: Ints
    """[samples, classes] of the null."""
    noninduced: Ints | None = None
    """Copies of each class as a subgraph; not part of any test."""
    edges: tuple[tuple[tuple[int, int], ...], ...] | None = None
    """Connections of each class between its roles."""
    view_meta: dict[str, Any] | None = None
    """What was counted: kind, min_weight, compartment, connections outside the observable pairs."""

    def _repr_html_(self) -> str:
        """Every tested class, and the doubts, for a notebook."""
        rows = [
            [name, f"{self.observed[k]:,}", *(f"{of[k]:,.4g}" for of in (self.mean, self.std, self.ratio)),
             f"{self.z[k]:.3g}" if self.z_trusted[k] else f"({self.z[k]:.3g})", f"{self.p[k]:.3g}",
             f"{self.q[k]:.3g}", self.notes[k]]
            for k, name in enumerate(self.classes)
            if self.tested[k]
        ]  # fmt: skip
        columns = ["motif", "count", "null mean", "null sd", "ratio", "z", "p", "q", ""]
        return html_table(columns, rows, [self.sentence, f"{self.samples:,} samples, seed {self.seed}", *self.caveats])

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a class, in the words of the command line."""
        table: dict[str, Any] = {
            "motif": self.classes,
            **({} if self.edges is None else {"edges": [[list(edge) for edge in one] for one in self.edges]}),
            "count": self.observed,
            **({} if self.noninduced is None else {"count_noninduced": self.noninduced}),
            "null_mean": self.mean,
            "null_std": self.std,
            "null_median": self.median,
            "null_low": self.low,
            "null_high": self.high,
            "ratio": self.ratio,
            "ratio_low": self.ratio_low,
            "ratio_high": self.ratio_high,
            "ratio_median": self.ratio_median,
            "z": self.z,
            "z_trusted": self.z_trusted,
            "p": self.p,
            "p_low": self.p_low,
            "p_high": self.p_high,
            "q": self.q,
            "note": self.notes,
        }
        lists = {
            name: value.tolist() if isinstance(value, np.ndarray) else list(value) for name, value in table.items()
        }
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]

    def to_arrow(self) -> pa.Table:
        """The rows as one table; an undefined number is NaN."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.rows())


def motif_significance(snapshot: Snapshot, size: int, **settings: Any) -> Significance:
    """``significance`` with the package's own census; q over the classes in which a path joins all neurons.

    Args:
        settings: those of ``significance`` from ``null`` on.
    """
    from graphlab.motifs.census.classes import classes, noninduced_matrix
    from graphlab.motifs.census.dyads import DYADS, dyad_counts

    if size not in (2, 3, 4):
        raise AnalysisError(f"motifs of {size} neurons are not counted; the sizes are 2, 3 and 4")
    own: dict[str, Any] = {}
    count: Count
    names: tuple[str, ...]
    if size == 2:
        count, names = dyad_counts, DYADS
        own = {"class_of_code": dyad_class_codes(), "tested": np.array([name != "null" for name in DYADS])}
    elif size == 3:
        from graphlab.motifs.census.triads import triad_counts

        count, names = triad_counts, TRIAD_LABELS
        connected = np.array([label in CONNECTED_TRIADS for label in TRIAD_LABELS])
        own = {"class_of_code": triad_class_codes(), "tested": connected}
    else:
        from graphlab.motifs.census.tetrads import TETRADS, tetrad_counts

        count, names = tetrad_counts, TETRADS
    result = significance(snapshot, count, names, size, **{**own, **settings})
    copies = noninduced_matrix(size).astype(object) @ result.observed.astype(object)
    return replace(result, noninduced=copies.astype(np.int64), edges=tuple(one.edges for one in classes(size)))


def significance(
    snapshot: Snapshot,
    count: Count,
    classes: Sequence[str],
    size: int,
    *,
    null: str | None = None,
    samples: int = 1000,
    seed: int = 0,
    options: NullOptions | None = None,
    tested: npt.NDArray[np.bool_] | None = None,
    class_of_code: Ints | None = None,
    workers: Workers = 1,
    folder: Path | None = None,
    sequential: int = 0,
    check_mixing: bool = True,
    progress: Progress | None = None,
    mixing_progress: Progress | None = None,
) -> Significance:
    """Compare a census with a null.

    Args:
        count: the census, Snapshot -> int64 [classes]. classes: their names. size: neurons in a motif.
        null: a name of ``null_names()``; by size when absent.
        samples: at most so many. seed: of everything random; the result does not depend on ``workers``.
        tested: which classes share the false discovery correction; all when absent.
        class_of_code: int64 [4^dyads] class of every code, for nulls with closed forms.
        folder: finished samples are saved under it, and a run that was cut continues.
        sequential: stop when every tested class has so many samples as extreme in both tails; 0 never.
        check_mixing: diagnose the chain.
        progress: told (done, total) samples. mixing_progress: told (done, total) readings of the diagnosis.

    Raises:
        AnalysisError: a size other than 2, 3, 4, options that do not fit, no connections.
        UnknownNameError: no such null.
        InterruptedSamples: on Ctrl-C.
    """
    if size not in (2, 3, 4):
        raise AnalysisError(f"motifs of {size} neurons are not counted; the sizes are 2, 3 and 4")
    options = options or NullOptions()
    name = null or default_null(size)
    model = null_model(name)
    graph = observable_part(snapshot, options)
    if graph.m == 0:
        raise AnalysisError("the graph has no connections, so every null is the graph itself; lower min_weight")
    observed = np.asarray(count(graph), dtype=np.int64)
    if len(observed) != len(classes):
        raise AnalysisError(f"the census has {len(observed)} classes, {len(classes)} names were given")
    chosen = np.ones(len(classes), dtype=np.bool_) if tested is None else np.asarray(tested)
    sampler = model.prepare(graph, options, seed)
    walk = sampler.walk()
    every = walk.all_graphs() if walk is not None and not sequential else None
    if every is not None:
        return _exactly(
            graph, count, every, chosen, model,
            size=size, null=name, classes=tuple(classes), seed=seed, sentence=null_sentence(model, options),
        )  # fmt: skip
    kept = None
    if folder is not None:
        recipe = {
            "graph": content_hash(graph), "null": name, "size": size, "seed": seed,
            "options": options_hash(options), "classes": list(classes), "version": null_version(name),
        }  # fmt: skip
        kept = SampleFolder.of(folder, recipe)
    stop = p_values.SequentialStop(observed, chosen, sequential) if sequential else None
    counts = sample_counts(
        sampler, count, samples=samples, seed=seed, workers=workers, folder=kept, progress=progress, stop=stop
    )
    # After the samples: where they are divided over many machines, only the one that has them all gets here.
    mixing = diagnose(walk, count, seed, progress=mixing_progress) if check_mixing and walk is not None else None
    exact = None if class_of_code is None else sampler.closed_form(class_of_code)
    mean = counts.mean(axis=0) if exact is None else exact.mean
    std = counts.std(axis=0, ddof=1) if len(counts) > 1 else np.full(len(classes), np.nan)
    if exact is not None:
        std = np.where(np.isnan(exact.std), std, exact.std)
    caveats = _caveats(size, model, len(counts), samples, int(chosen.sum()), mixing, options, sampler)
    caveats += unmeasured(graph)
    return summarise(
        observed, counts, mean, std, exact is not None, chosen, mixing, stop,
        size=size, null=name, classes=tuple(classes), seed=seed, sentence=null_sentence(model, options),
        caveats=caveats,
        view_meta={key: graph.meta[key] for key in VIEW if key in graph.meta},
    )  # fmt: skip


def _exactly(
    graph: Snapshot, count: Count, every: Sequence[Snapshot], tested: npt.NDArray[np.bool_], model: NullModel, *,
    size: int, **named: Any,
) -> Significance:  # fmt: skip
    """All graphs of the null instead of samples: moments and p are exact."""
    counts = np.array([count(one) for one in every], dtype=np.int64)
    alone = len(counts) == 1
    caveats = _four_caveat(size, model)
    caveats.append(
        "the null has no other graph than the observed one: everything is fixed"
        if alone
        else f"all {len(counts):,} graphs of the null were counted, none drawn: moments and p are exact, and p is not "
        f"below {1 / len(counts):.3g}"
    )
    # The observed graph is one of them and comes first; p adds it to the others.
    return summarise(
        counts[0], counts if alone else counts[1:], counts.mean(axis=0), counts.std(axis=0), True, tested, None, None,
        size=size, caveats=(*caveats, *unmeasured(graph)),
        view_meta={key: graph.meta[key] for key in VIEW if key in graph.meta},
        **named,
    )  # fmt: skip


def summarise(
    observed: Ints,
    counts: Ints,
    mean: Floats,
    std: Floats,
    exact: bool,
    tested: npt.NDArray[np.bool_],
    mixing: Mixing | None,
    stop: p_values.SequentialStop | None,
    **named: Any,
) -> Significance:
    """All statistics of observed counts [k] and null counts [samples, k]."""
    samples = len(counts)
    # A closed form leaves rounding where nothing varies.
    flat = (counts == counts[0]).all(axis=0) & ~(std > 1e-6 * np.maximum(mean, 1.0))
    fixed = flat & (counts[0] == observed)
    unmixed = mixing is not None and not mixing.mixes
    median = np.median(counts, axis=0)
    error = np.zeros(len(mean)) if exact else 1.96 * std / np.sqrt(samples)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, ratio_median = observed / mean, observed / median
        ratio_low = observed / (mean + error)
        ratio_high = np.where(mean > error, observed / (mean - error), np.where(observed > 0, np.inf, np.nan))
        z = np.where(std > 0, (observed - mean) / std, np.nan)
        skew = ((counts - counts.mean(axis=0)) ** 3).mean(axis=0) / counts.std(axis=0) ** 3
    p = p_values.two_sided_p(observed, counts) if stop is None else stop.p()
    tail = np.minimum((counts >= observed).sum(axis=0), (counts <= observed).sum(axis=0))
    p_low, p_high = (np.minimum(1.0, 2.0 * bound) for bound in tail_interval(tail, samples))
    rare, skewed = mean < RARE_MEAN, np.abs(skew) > SKEWED
    for values in (z, p, p_low, p_high):
        values[fixed | unmixed] = np.nan
    q = np.full(len(p), np.nan)
    in_question = tested & ~fixed
    q[in_question] = p_values.benjamini_hochberg(p[in_question])
    notes = []
    for k in range(len(observed)):
        if fixed[k]:
            notes.append(FIXED)
        elif unmixed:
            notes.append(UNMIXED)
        elif flat[k] and counts[0, k] == 0:
            notes.append(ABSENT)
        else:
            notes.append(RARE if rare[k] else SKEWED_NOTE if skewed[k] else "")
    return Significance(
        observed=observed, mean=mean, std=std, median=median,
        low=np.quantile(counts, 0.025, axis=0), high=np.quantile(counts, 0.975, axis=0),
        ratio=ratio, ratio_low=ratio_low, ratio_high=ratio_high, ratio_median=ratio_median,
        z=z, z_trusted=~(rare | skewed | np.isnan(z)), p=p, p_low=p_low, p_high=p_high, q=q, tested=in_question,
        notes=tuple(notes), samples=samples, mixing=mixing, counts=counts,
        samples_needed=p_values.samples_needed(max(1, int(in_question.sum()))), **named,
    )  # fmt: skip


def _four_caveat(size: int, model: NullModel) -> list[str]:
    return [FOUR_CAVEAT] if size == 4 and TRIADS not in model.keeps else []


def _caveats(
    size: int,
    model: NullModel,
    used: int,
    asked: int,
    tested: int,
    mixing: Mixing | None,
    options: NullOptions,
    sampler: Sampler,
) -> tuple[str, ...]:
    caveats = _four_caveat(size, model)
    needed, one_sided = p_values.samples_needed(tested), p_values.samples_needed(tested, tails=1)
    if used < needed and used == asked:
        caveats.append(
            f"{used} samples cannot bring a single class among {tested} to q .05 by its two-sided p "
            f"(smallest p {2 / (used + 1):.3g}); {needed:,} are needed, or {one_sided:,} "
            "if the direction was stated in advance"
        )
    if used < asked:
        caveats.append(f"stopped after {used} of {asked} samples: every class was decided (Besag & Clifford 1991)")
    if mixing is not None and mixing.trouble:
        caveats.append(mixing.trouble)
    elif mixing is not None and mixing.recommended_steps_per_edge > options.steps_per_edge:
        caveats.append(
            f"the census still remembers itself after {options.steps_per_edge:g} steps per connection; "
            f"use {mixing.recommended_steps_per_edge:.3g} or more"
            if np.isfinite(mixing.recommended_steps_per_edge)
            else f"the census remembers itself over {mixing.readings // 3 * mixing.steps_per_edge:.3g} steps per "
            f"connection and more; raise steps_per_edge above {options.steps_per_edge:g}"
        )
    if told := sampler.caveat():
        caveats.append(told)
    return tuple(caveats)
