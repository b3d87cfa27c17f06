"""Census: exact counts of every motif class of a size, induced and not, for the whole graph and by group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphlab.motifs.census.classes import MotifClass, classes, igraph_isoclasses, noninduced_matrix
from graphlab.motifs.census.dyads import dyad_counts
from graphlab.motifs.census.larger import Room
from graphlab.motifs.census.parts import among_labels, numbered
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError
from queries.result import html_table
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd


MOST_SHOWN = 20
"""Classes that a notebook shows whether or not the graph has one."""


@dataclass(frozen=True)
class Census:
    """Counts of every class; ``counts`` are induced counts of the whole graph."""

    size: int
    names: tuple[str, ...]
    counts: dict[str, int]
    noninduced: dict[str, int]
    """Copies of each class as a subgraph, whatever else connects its neurons (connected classes only for tetrads)."""
    groups: dict[str, dict[str, int]] = field(default_factory=dict)
    """Group of neurons -> induced counts among its own neurons."""
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[MotifClass, ...]:
        """What each class is: edges, ids, symmetries, orbits; in the order of ``names``."""
        return classes(self.size)

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a class (and group): the rows of ``to_arrow``."""
        return list(self.to_arrow().to_pylist())

    def to_arrow(self, described: bool = False) -> pa.Table:
        """Rows: group (null for the whole graph), motif, edges, count, count_noninduced; zeros included.

        Args:
            described: further columns say what each class is: code, mfinder_id, igraph_isoclass, mutual, asymmetric,
                null, automorphisms, orbits.
        """
        rows: list[dict[str, Any]] = []
        for group, counts in [(None, self.counts), *self.groups.items()]:
            other = self.noninduced if group is None else noninduced_of(self.size, counts)
            for one in self.classes:
                shape = {"group": group, "motif": one.name, "edges": [list(edge) for edge in one.edges]}
                rows.append({**shape, "count": counts[one.name], "count_noninduced": other[one.name]})
        schema = pa.schema(
            [
                ("group", pa.string()),
                ("motif", pa.string()),
                ("edges", pa.list_(pa.list_(pa.int32()))),
                ("count", pa.int64()),
                ("count_noninduced", pa.int64()),
            ]
        )
        table = pa.Table.from_pylist(rows, schema=schema)
        if described:
            about = class_table(self.size)
            repeated = np.tile(np.arange(len(self.names)), 1 + len(self.groups))
            for name in about.schema.names:
                if name not in table.schema.names:
                    table = table.append_column(name, about[name].take(pa.array(repeated)))
        return table

    def to_pandas(self) -> pd.DataFrame:
        """The rows of ``to_arrow`` as a frame."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def __repr__(self) -> str:
        filled = {name: count for name, count in self.counts.items() if count}
        shown = ", ".join(f"{name} {count:,}" for name, count in list(filled.items())[:16])
        more = f", and {len(filled) - 16} more" if len(filled) > 16 else ""
        return f"<Census of size {self.size}: {shown}{more}>"

    def _repr_html_(self) -> str:
        """Every class, of the whole graph and of each group, for a notebook."""
        columns = ["motif", "count", "non-induced", *self.groups]
        rows = [
            [name, f"{self.counts[name]:,}", f"{self.noninduced[name]:,}" if name in self.noninduced else "-",
             *(f"{counts[name]:,}" for counts in self.groups.values())]
            for name in self.names
            if len(self.names) <= MOST_SHOWN or self.counts[name]
        ]  # fmt: skip
        left = [f"{len(self.names) - len(rows):,} classes have no instance"] if len(rows) < len(self.names) else []
        return html_table(columns, rows, [f"census of size {self.size}, induced counts", *left, *self.notes])


def unmeasured(snapshot: Snapshot) -> tuple[str, ...]:
    """What to know about a graph of functional edges of which not all pairs were measured; nothing for others."""
    pairs = snapshot.meta.get("unmeasured")
    return (f"{pairs:,} ordered pairs were never measured and count as not connected",) if pairs else ()


def census(
    snapshot: Snapshot,
    size: int,
    *,
    by: Sequence[str | None] | None = None,
    workers: Workers = 1,
    progress: Progress | None = None,
    room: Room | None = None,
) -> Census:
    """Count every class of ``size`` neurons exactly.

    Args:
        snapshot: autapses are out already.
        size: 2 (dyads), 3 (triads) or 4 (the connected tetrads).
        by: a label for each neuron, None where unknown; each label's own subgraph is counted, too.
        workers: threads; the counts are the same for any number.
        progress: told (done, total) steps; graphs where there are groups.
        room: what triads of the whole graph may take; without, they are counted in memory, as all else is.

    Raises:
        AnalysisError: another size, labels that do not fit the neurons.
    """
    notes = [f"{snapshot.meta['autapses']:,} autapses left out"] if snapshot.meta.get("autapses") else []
    notes += unmeasured(snapshot)
    parts: Iterable[tuple[str, Snapshot]] = ()
    if by is not None:
        parts = among_labels(snapshot, by)
        known, group = numbered(by)
        notes.append(f"{len(known):,} groups, each counted among its own neurons")
        unknown = int(np.count_nonzero(group < 0))
        if unknown:
            notes.append(f"{unknown:,} neurons without a label are in no group")
    total = 1 + (0 if by is None else len(known))
    if size == 3 and room is not None and not room.holds(snapshot.m):
        notes.append(room.note(snapshot.m))
    counts = class_counts(snapshot, size, workers, progress if by is None else None, room)
    if progress and by is not None:
        progress(1, total)
    groups: dict[str, dict[str, int]] = {}
    for label, part in parts:
        groups[label] = class_counts(part, size, workers)
        if progress:
            progress(1 + len(groups), total)
    names = tuple(one.name for one in classes(size))
    return Census(size, names, counts, noninduced_of(size, counts), groups, tuple(notes))


def census_of_parts(
    parts: Iterable[tuple[str, Snapshot]],
    size: int,
    workers: Workers = 1,
    progress: Progress | None = None,
    total: int = 0,
) -> pa.Table:
    """The census of several graphs, such as those of ``parts.per_neuropil``.

    Args:
        progress: told (done, ``total``) graphs.

    Returns:
        Rows: group, neurons, connections, motif, edges, count, count_noninduced.
    """
    tables = []
    for name, part in parts:
        table = census(part, size, workers=workers).to_arrow().drop_columns(["group"])
        for place, (column, value) in enumerate([("group", name), ("neurons", part.n), ("connections", part.m)]):
            table = table.add_column(place, column, pa.array([value] * len(table)))
        tables.append(table)
        if progress:
            progress(len(tables), total)
    return pa.concat_tables(tables) if tables else pa.table({})


def threshold_sweep(
    snapshot: Snapshot,
    size: int,
    thresholds: Sequence[float],
    workers: Workers = 1,
    progress: Progress | None = None,
) -> pa.Table:
    """The census at each least weight of a connection, on the same neurons.

    Returns:
        Rows: min_weight, connections, motif, edges, count, count_noninduced.

    Raises:
        AnalysisError: no thresholds, or one that is no number.
    """
    values = [float(value) for value in thresholds]
    if not values or any(np.isnan(value) for value in values):
        raise AnalysisError(f"thresholds are {list(thresholds)}; wanted one weight or more")
    tables = []
    for done, value in enumerate(values):
        part = snapshot.subset(min_weight=value)
        table = census(part, size, workers=workers).to_arrow().drop_columns(["group"])
        table = table.add_column(0, "connections", pa.array([part.m] * len(table)))
        tables.append(table.add_column(0, "min_weight", pa.array([value] * len(table))))
        if progress:
            progress(done + 1, len(values))
    return pa.concat_tables(tables)


def class_table(size: int) -> pa.Table:
    """What every class of a size is, one row each; orbits are null where a class is not connected."""
    rows = [
        {
            "motif": one.name,
            "edges": [list(edge) for edge in one.edges],
            "code": one.code,
            "mfinder_id": one.mfinder_id,
            "mutual": one.man[0],
            "asymmetric": one.man[1],
            "null": one.man[2],
            "automorphisms": one.automorphisms,
            "orbits": list(one.orbits) if one.connected else None,
        }
        for one in classes(size)
    ]
    table = pa.Table.from_pylist(rows)
    numbers = igraph_isoclasses(size) if size > 2 else [None] * len(rows)
    return table.add_column(4, "igraph_isoclass", pa.array(numbers, type=pa.int64()))


def class_counts(
    snapshot: Snapshot,
    size: int,
    workers: Workers = 1,
    progress: Progress | None = None,
    room: Room | None = None,
) -> dict[str, int]:
    """Induced count of every class; triads that do not fit into ``room`` are counted from a file.

    Raises:
        AnalysisError: a size other than 2, 3, 4.
    """
    if size == 2:
        counts = dyad_counts(snapshot)
    elif size == 3:
        from graphlab.motifs.census.triads import triad_counts

        counts = triad_counts(snapshot, workers, progress, room)
    elif size == 4:
        from graphlab.motifs.census.tetrads import tetrad_counts

        counts = tetrad_counts(snapshot, workers, progress)
    else:
        raise AnalysisError(f"motifs of size {size} are not counted; sizes are 2 (dyads), 3 (triads), 4 (tetrads)")
    return {one.name: int(count) for one, count in zip(classes(size), counts, strict=True)}


def noninduced_of(size: int, counts: dict[str, int]) -> dict[str, int]:
    """Counts as subgraphs from induced counts."""
    # Python integers: a fly brain has 4.5e14 triads, and a class may hold several copies of another.
    induced = [counts[one.name] for one in classes(size)]
    return {
        one.name: sum(int(copies) * count for copies, count in zip(row, induced, strict=True) if copies)
        for one, row in zip(classes(size), noninduced_matrix(size), strict=True)
    }
