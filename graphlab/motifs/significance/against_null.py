"""Statistics of a graph beside the same statistics of null graphs: means, z, p and q, and what the null fixes.

Signed triads keep every neuron's sign and take new wiring; orbits are those of every group of neurons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.nulls.models import NullOptions, observable_part, sample_seed
from graphlab.motifs.nulls.registered import null_model
from graphlab.motifs.significance.mixing import Mixing, diagnose
from graphlab.statistics.p_values import benjamini_hochberg, two_sided_p
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
FIXED = "fixed by the null"
UNMIXED = "null cannot mix"
SAME = 1e-9
"""Relative differences this small are rounding, not spread."""


def is_fixed(observed: Floats, drawn: Floats) -> npt.NDArray[np.bool_]:
    """[k] whether every null value of [samples, k] is the observed one; NaN equals NaN."""
    room = SAME * np.maximum(np.abs(observed), 1.0)
    with np.errstate(invalid="ignore"):
        equal = (np.abs(drawn - observed) <= room) | (np.isnan(drawn) & np.isnan(observed))
    return np.asarray(equal.all(axis=0) & ~np.isnan(observed))


def null_columns(observed: Floats, drawn: Floats, unmixed: bool = False) -> dict[str, Any]:
    """Columns null_mean, null_std, z, p, note [k] of ``observed`` [k] and ``drawn`` [samples, k].

    A statistic that the null fixes has neither z nor p; nor has any where the null cannot mix.
    """
    fixed = is_fixed(observed, drawn)
    known = ~np.isnan(observed) & ~np.isnan(drawn).any(axis=0)
    mean = np.where(known, np.where(known, drawn, 0.0).mean(axis=0), np.nan)
    std = np.where(known, np.where(known, drawn, 0.0).std(axis=0, ddof=1 if len(drawn) > 1 else 0), np.nan)
    std[fixed] = 0.0
    testable = known & ~fixed & (not unmixed)
    # Ties that rounding breaks are ties.
    near = np.where(np.abs(drawn - observed) <= SAME * np.maximum(np.abs(observed), 1.0), observed, drawn)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(testable & (std > 0), (observed - mean) / std, np.nan)
    p = np.where(testable, two_sided_p(observed, near), np.nan)
    note = [FIXED if f else UNMIXED if unmixed and k else "" for f, k in zip(fixed, known, strict=True)]
    return {"null_mean": mean, "null_std": std, "z": z, "p": p, "note": note}


def null_counts(
    snapshot: Snapshot,
    count: Callable[[Snapshot], npt.NDArray[np.int64]],
    null: str,
    samples: int,
    seed: int,
    options: NullOptions,
    progress: Progress | None = None,
) -> tuple[Floats, Floats, Mixing | None]:
    """(observed [k], drawn [samples, k], how the chain mixes) of any statistic of a graph."""
    graph = observable_part(snapshot, options)
    sampler = null_model(null).prepare(graph, options, seed)
    observed = np.asarray(count(graph), dtype=np.float64)
    walk = sampler.walk()
    mixing = None if walk is None else diagnose(walk, count, seed)
    drawn = np.empty((samples, len(observed)))
    for number in range(samples):
        drawn[number] = count(sampler.draw(sample_seed(seed, number)))
        if progress:
            progress(number + 1, samples)
    return observed, drawn, mixing


def with_null(
    table: pa.Table,
    snapshot: Snapshot,
    count: Callable[[Snapshot], npt.NDArray[np.int64]],
    null: str,
    samples: int,
    seed: int,
    options: NullOptions | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """``table``, whose rows are the statistics of ``count``, with columns of a null; q is over all rows with p.

    Raises:
        UnknownNameError: no such null. AnalysisError: options that it needs.
    """
    import pyarrow as pa

    observed, drawn, mixing = null_counts(snapshot, count, null, samples, seed, options or NullOptions(), progress)
    columns = null_columns(observed, drawn, mixing is not None and not mixing.mixes)
    columns["q"] = benjamini_hochberg(columns["p"])
    for name in ("null_mean", "null_std", "z", "p", "q"):
        table = table.append_column(name, pa.array(columns[name], pa.float64(), from_pandas=True))
    return table.append_column("note", pa.array(columns["note"], pa.string()))


def signed_against_null(
    snapshot: Snapshot,
    sign: Sequence[int | None],
    null: str = "reciprocal",
    samples: int = 100,
    seed: int = 0,
    options: NullOptions | None = None,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> pa.Table:
    """``signed_triads`` beside null graphs: wiring is drawn, every neuron keeps its sign."""
    from graphlab.motifs.census.signed import signed_triads

    def count(graph: Snapshot) -> npt.NDArray[np.int64]:
        return np.asarray(signed_triads(graph, sign, workers=workers)["count"].to_numpy())

    table = signed_triads(snapshot, sign, workers=workers)
    return with_null(table, snapshot, count, null, samples, seed, options, progress)


def roles_against_null(
    snapshot: Snapshot,
    size: int,
    by: Sequence[str | None],
    null: str = "reciprocal",
    samples: int = 100,
    seed: int = 0,
    options: NullOptions | None = None,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> pa.Table:
    """The orbits of every group of neurons beside null graphs; a neuron is a group of its own under its id."""
    from graphlab.motifs.census.orbits import orbits

    def count(graph: Snapshot) -> npt.NDArray[np.int64]:
        return np.asarray(orbits(graph, size, workers=workers).by_label(by)["count"].to_numpy())

    table = orbits(snapshot, size, workers=workers).by_label(by)
    return with_null(table, snapshot, count, null, samples, seed, options, progress)
