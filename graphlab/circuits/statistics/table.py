"""The statistics of one graph as a table: chosen by name, with N beside each number, against a null where asked for.

Tests: tests/graphlab/circuits/statistics/test_table.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.circuits.statistics.registered import STATISTICS
from graphlab.circuits.statistics.statistic import Floats, Measured, Told, Value, require_connections
from graphlab.motifs.census.dyads import dyad_counts
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import SampleFolder, content_hash, options_hash, sample_arrays
from graphlab.motifs.nulls.models import NULL_MODELS, NullModel, NullOptions, Walk, observable_part
from graphlab.motifs.nulls.registered import null_model, null_sentence, null_version
from graphlab.motifs.significance.against_null import null_columns
from graphlab.motifs.significance.mixing import FEWEST_GRAPHS, Mixing, diagnose
from graphlab.statistics.p_values import benjamini_hochberg, samples_needed
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

TESTED = ("reciprocity", "clustering", "components", "assortativity", "rich-club")
"""What goes against a null when nobody names statistics: the others take long, or a null of degrees fixes them."""
FEW_READINGS = FEWEST_GRAPHS + 2
SKEWED = 1.0
SKEWED_NOTE = "skewed null: read p, not z"
NULL_COLUMNS = ("null_mean", "null_std", "ratio", "z", "p", "q")


@dataclass(frozen=True, eq=False)
class AgainstNull:
    """What a null says of some rows."""

    null: str
    samples: int
    sentence: str
    notes: tuple[str, ...]
    columns: Mapping[tuple[Any, ...], Mapping[str, Any]]
    """Key of a value -> null_mean, null_std, ratio, z, p, q, note."""


@dataclass(frozen=True, eq=False)
class GraphStatistics:
    """The numbers of one graph."""

    n: int
    m: int
    measured: Mapping[str, Measured]
    """Statistic -> what it says."""
    sentences: tuple[str, ...] = ()
    """The definition of each, in order."""
    against: AgainstNull | None = None
    notes: tuple[str, ...] = ()
    left_right: tuple[Mapping[tuple[Any, ...], float], ...] = field(default=())
    """The same numbers of the left and of the right side alone, by key; empty where nobody asked."""

    @property
    def values(self) -> tuple[Value, ...]:
        return tuple(value for one in self.measured.values() for value in one.values)

    def value(self, name: str, at: float | None = None, group: str = "") -> float:
        """One number by its name; UnknownNameError with the nearest ones for another."""
        found = {value.key: value.value for value in self.values}
        if (name, group, at) not in found:
            raise UnknownNameError("number of these statistics", name, [key[0] for key in found])
        return found[name, group, at]

    def to_arrow(self) -> pa.Table:
        """A row a number; what does not apply is null."""
        import pyarrow as pa

        rows = []
        for name, one in self.measured.items():
            for value in one.values:
                row: dict[str, Any] = {
                    "statistic": name, "name": value.name, "label": value.group or None, "threshold": value.at,
                    "value": value.value, "error": value.error, "n": value.over, "unit": value.unit,
                }  # fmt: skip
                for side, numbers in zip(("left_value", "right_value"), self.left_right, strict=False):
                    row[side] = numbers.get(value.key)
                if self.against is not None and value.key in self.against.columns:
                    row |= {"null_model": self.against.null, "samples": self.against.samples}
                    row |= self.against.columns[value.key]
                rows.append({key: None if _is_nan(cell) else cell for key, cell in row.items()})
        return pa.Table.from_pylist(
            [{**row, "neurons": self.n, "connections": self.m} for row in rows], schema=_schema(pa)
        )

    def neurons_to_arrow(self, root_ids: Any) -> pa.Table:
        """root_id, measure, value, label: what the statistics say of every neuron; undefined ones are left out."""
        import pyarrow as pa

        columns: list[tuple[Any, str, Any, Any]] = []
        for one in self.measured.values():
            for name, values in one.neurons.items():
                there = np.flatnonzero(~np.isnan(values))
                columns.append((root_ids[there], name, values[there], [None] * len(there)))
            for name, labels in one.labels.items():
                there = np.flatnonzero([label is not None for label in labels])
                columns.append(
                    (root_ids[there], name, np.full(len(there), np.nan), [labels[k] for k in there.tolist()])
                )
        ids = np.concatenate([np.empty(0, np.uint64), *(one[0] for one in columns)])
        value = np.concatenate([np.empty(0), *(one[2] for one in columns)])
        names = [one[1] for one in columns]
        lengths = [len(one[0]) for one in columns]
        measure = pa.DictionaryArray.from_arrays(
            pa.array(np.repeat(np.arange(len(names), dtype=np.int32), lengths)), pa.array(names, pa.string())
        ).cast(pa.string())
        return pa.table(
            {
                "root_id": pa.array(ids, pa.uint64()),
                "measure": measure,
                "value": pa.array(value, pa.float64(), mask=np.isnan(value)),
                "label": pa.array([label for one in columns for label in one[3]], pa.string()),
            }
        )


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float) and cell != cell


def _schema(pa: Any) -> pa.Schema:
    text, number, whole = pa.string(), pa.float64(), pa.int64()
    kinds = {
        "statistic": text, "name": text, "label": text, "threshold": number, "value": number, "error": number,
        "n": whole, "unit": text, "neurons": whole, "connections": whole, "left_value": number, "right_value": number,
        "null_model": text,
        "samples": whole, **dict.fromkeys(NULL_COLUMNS, number), "note": text,
    }  # fmt: skip
    return pa.schema(list(kinds.items()))


def chosen(names: Sequence[str] | None, columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """(statistics to measure, what to say): those named, or the default ones whose columns are there.

    Args:
        columns: of ``neurons`` in which some neuron has a value.

    Raises:
        UnknownNameError: no such statistic. AnalysisError: one that is named lacks its column.
    """
    if names is None:
        every = [(name, one) for name, one in STATISTICS if one.by_default]
        notes = [
            f"{name} is left out: no neuron has a value in {', '.join(sorted(one.needs - set(columns)))}"
            for name, one in every
            if one.needs - set(columns)
        ]
        return [name for name, one in every if not one.needs - set(columns)], notes
    wanted = list(dict.fromkeys(names))
    if not wanted:
        raise AnalysisError(f"no statistic was named; there are {', '.join(STATISTICS.names())}")
    for name in wanted:
        missing = sorted(STATISTICS.get(name).needs - set(columns))
        if missing:
            raise AnalysisError(
                f"the statistic {name!r} reads the column {missing[0]!r} of neurons, in which no neuron has a value; "
                f'ingest neurons with it (columns="{missing[0]}=THEIRS"), or name other statistics'
            )
    return wanted, []


def measure_all(
    graph: Snapshot, names: Sequence[str], told: Told, progress: Progress | None = None, *, lenient: bool = False
) -> GraphStatistics:
    """Each of the named statistics, in order.

    Args:
        lenient: leave out, with a note, what a graph has no answer for, as where nobody named what is measured.

    Raises:
        AnalysisError: a graph without connections, or all of whose weights are 0. UnknownNameError: no such statistic.
    """
    require_connections(graph)
    measured: dict[str, Measured] = {}
    sentences, notes = [], []
    for done, name in enumerate(names, 1):
        one = STATISTICS.get(name)
        try:
            measured[name] = one.measure(graph, told)
        except AnalysisError as error:
            if not lenient:
                raise
            notes.append(f"{name} is left out: {error}")
            continue
        origin = STATISTICS.origin(name)
        sentences.append(one.sentence(told) + (f" From {origin}." if origin else ""))
        if progress:
            progress(done, len(names))
    return GraphStatistics(graph.n, graph.m, measured, tuple(sentences), notes=tuple(notes))


def against_null(
    graph: Snapshot,
    observed: GraphStatistics,
    names: Sequence[str],
    told: Told,
    null: str,
    *,
    samples: int = 100,
    seed: int = 0,
    options: NullOptions | None = None,
    workers: Workers = 1,
    folder: Path | None = None,
    progress: Progress | None = None,
    mixing_progress: Progress | None = None,
) -> AgainstNull:
    """The named statistics, measured already, against random graphs.

    Args:
        names: of ``observed``.
        samples: random graphs. seed: of everything random; the result does not depend on ``workers``.
        options: what the null needs to be told. folder: finished samples are saved under it.

    Raises:
        UnknownNameError: no such null. AnalysisError: options that do not fit, pairs that nobody could have seen among
            the connections. InterruptedSamples: on Ctrl-C.
    """
    options = options or NullOptions()
    model = any_null(null)
    part = observable_part(graph, options)
    if part.m != graph.m:
        raise AnalysisError(
            f"{graph.m - part.m:,} of {graph.m:,} connections leave an axon or reach a dendrite that nobody proofread, "
            "and a null only rewires what could be seen; take the same connections for both (proofread=True), or "
            "observable=False for a null over all pairs"
        )
    keys = [value.key for name in names for value in observed.measured[name].values]
    first = np.array([value.value for name in names for value in observed.measured[name].values], dtype=np.float64)
    asked = replace(told, workers=1)
    count = _Numbers(tuple((name, STATISTICS.origin(name)) for name in names), tuple(keys), asked)
    sampler = model.prepare(graph, options, seed)
    walk = sampler.walk()
    every = walk.all_graphs() if walk is not None else None
    trouble, notes = "", []
    if every is not None:
        counted = np.array([count(one) for one in every])
        drawn = counted if len(counted) == 1 else counted[1:]
        notes.append(f"all {len(counted):,} graphs of the null were measured, none drawn")
    else:
        mixing = None if walk is None else _diagnosed(walk, seed, mixing_progress)
        trouble = "" if mixing is None else mixing.trouble
        kept = None if folder is None else _kept(folder, graph, null, seed, options, names, keys, asked)
        rows = sample_arrays(
            sampler, _Bits(count), samples=samples, seed=seed, workers=workers, folder=kept, progress=progress
        )
        drawn = np.array(rows, dtype=np.int64).view(np.float64)
        counted = drawn
    columns = null_columns(first, drawn, bool(trouble))
    if every is not None and len(counted) > 1:
        columns["null_mean"], columns["null_std"] = counted.mean(axis=0), counted.std(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (first - columns["null_mean"]) / columns["null_std"]
        columns["z"] = np.where(np.isnan(columns["p"]) | ~np.isfinite(z), np.nan, z)
    columns["q"] = benjamini_hochberg(columns["p"])
    with np.errstate(divide="ignore", invalid="ignore"):
        columns["ratio"] = first / columns["null_mean"]
        skew = ((drawn - drawn.mean(axis=0)) ** 3).mean(axis=0) / drawn.std(axis=0) ** 3
    columns["note"] = [
        note or (SKEWED_NOTE if not np.isnan(z) and abs(s) > SKEWED else "")
        for note, z, s in zip(columns["note"], columns["z"], skew, strict=True)
    ]
    tested = int((~np.isnan(columns["p"])).sum())
    if trouble:
        notes.append(trouble)
    elif tested and every is None:
        notes.append(
            f"{tested} numbers tested with {len(drawn)} samples: p is at least {2 / (len(drawn) + 1):.2g}; for one of "
            f"them alone to reach q .05 takes {samples_needed(tested):,} samples"
        )
    if sampler.caveat():
        notes.append(sampler.caveat())
    by_key = {key: {name: _plain(column[k]) for name, column in columns.items()} for k, key in enumerate(keys)}
    return AgainstNull(null, len(drawn), null_sentence(model, options), tuple(notes), by_key)


def any_null(name: str) -> NullModel:
    """A registered null: one that moves connections, or one that moves their weights (weights, weights-pre, ...)."""
    return NULL_MODELS.get(name) if name in NULL_MODELS.names() else null_model(name)


def _plain(cell: Any) -> Any:
    return cell if isinstance(cell, str) else float(cell)


@dataclass(frozen=True)
class _Numbers:
    """Graph -> float64 [k], the numbers of the keys; NaN where it has none of that key."""

    statistics: tuple[tuple[str, str], ...]
    """Names, and whose they are: other processes find them by these."""
    keys: tuple[tuple[Any, ...], ...]
    told: Told

    def __call__(self, graph: Snapshot) -> Floats:
        measured = (STATISTICS.get(name).measure(graph, self.told) for name, _ in self.statistics)
        found = {value.key: value.value for one in measured for value in one.values}
        return np.array([found.get(key, np.nan) for key in self.keys], dtype=np.float64)


@dataclass(frozen=True)
class _Bits:
    """Numbers as the bits that samples are kept in."""

    count: _Numbers

    def __call__(self, graph: Snapshot) -> Any:
        return self.count(graph).view(np.int64)


def _diagnosed(walk: Walk, seed: int, progress: Progress | None) -> Mixing:
    """Whether a chain mixes, read from a census: whole numbers, which the rules of mixing are made for.

    A chain that keeps degrees and mutual partners alone is asked whether it moves, for which a few readings do; a
    constrained one has to forget where it began, too.
    """
    if walk.constrained:
        return diagnose(walk, triad_counts, seed, progress=progress)
    return diagnose(walk, dyad_counts, seed, readings=FEW_READINGS, progress=progress)


def _kept(
    folder: Path, graph: Snapshot, null: str, seed: int, options: NullOptions, names: Sequence[str],
    keys: Sequence[tuple[Any, ...]], told: Told,
) -> SampleFolder:  # fmt: skip
    read = {need for name in names for need in STATISTICS.get(name).needs}
    recipe = {
        "graph": content_hash(graph), "null": null, "seed": seed, "options": options_hash(options),
        "version": null_version(null), "statistics": [(name, STATISTICS.origin(name)) for name in names],
        "keys": [list(key) for key in keys], "told": [told.seed, told.pivots, told.exact_up_to, told.club_degree],
        "columns": {name: _digest(told.columns[name]) for name in sorted(read) if name in told.columns},
    }  # fmt: skip
    return SampleFolder.of(folder, recipe)


def _digest(values: Sequence[str | None]) -> str:
    return hashlib.blake2b(json.dumps(list(values)).encode(), digest_size=16).hexdigest()
