"""Census: exact counts of every motif class of a size, induced and not, for the whole graph and by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.motifs.dyads import DYADS, dyad_counts
from graphlab.motifs.triads import TRIADS, edges_of_class, noninduced_matrix, triad_counts
from ingest.errors import AnalysisError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

SIZES = (2, 3)


@dataclass(frozen=True)
class Census:
    """Counts of every class; ``counts`` are induced counts of the whole graph."""

    size: int
    names: tuple[str, ...]
    counts: dict[str, int]
    noninduced: dict[str, int]
    """Copies of each class as a subgraph, whatever else connects its neurons."""
    groups: dict[str, dict[str, int]] = field(default_factory=dict)
    """Group of neurons -> induced counts among its own neurons."""
    notes: tuple[str, ...] = ()

    def to_arrow(self) -> pa.Table:
        """Rows: group (null for the whole graph), motif, edges, count, count_noninduced; zeros included."""
        rows: list[dict[str, Any]] = []
        for group, counts in [(None, self.counts), *self.groups.items()]:
            other = self.noninduced if group is None else _noninduced(self.size, self.names, counts)
            for name in self.names:
                edges = [list(edge) for edge in edges_of(self.size, name)]
                row = {"motif": name, "edges": edges, "count": counts[name], "count_noninduced": other[name]}
                rows.append({"group": group, **row})
        schema = pa.schema(
            [
                ("group", pa.string()),
                ("motif", pa.string()),
                ("edges", pa.list_(pa.list_(pa.int32()))),
                ("count", pa.int64()),
                ("count_noninduced", pa.int64()),
            ]
        )
        return pa.Table.from_pylist(rows, schema=schema)

    def to_pandas(self) -> pd.DataFrame:
        return self.to_arrow().to_pandas()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return f"<Census of size {self.size}: {shown}>"


def census(snapshot: Snapshot, size: int, *, by: Sequence[str | None] | None = None, workers: int = 1) -> Census:
    """Count every class of ``size`` neurons exactly.

    Args:
        snapshot: autapses are out already.
        size: 2 (dyads) or 3 (triads).
        by: a label for each neuron, None where unknown; each label's own subgraph is counted, too.
        workers: threads; the counts are the same for any number.

    Raises:
        AnalysisError: another size, labels that do not fit the neurons.
    """
    if size not in SIZES:
        raise AnalysisError(f"motifs of size {size} are not counted; sizes are {' and '.join(map(str, SIZES))}")
    names = DYADS if size == 2 else TRIADS
    counts = _counts(snapshot, size, workers)
    groups: dict[str, dict[str, int]] = {}
    notes = []
    if snapshot.meta.get("autapses"):
        notes.append(f"{snapshot.meta['autapses']:,} autapses left out")
    if by is not None:
        if len(by) != snapshot.n:
            raise AnalysisError(f"found {len(by)} labels for {snapshot.n} neurons; wanted one each, None where unknown")
        labels = np.array(["" if label is None else str(label) for label in by], dtype=object)
        groups = {
            str(label): _counts(_part(snapshot, labels == label), size, workers)
            for label in sorted(set(labels.tolist()) - {""})
        }
        unknown = int((labels == "").sum())
        notes.append(f"{len(groups):,} groups, each counted among its own neurons")
        if unknown:
            notes.append(f"{unknown:,} neurons without a label are in no group")
    return Census(size, names, counts, _noninduced(size, names, counts), groups, tuple(notes))


def edges_of(size: int, name: str) -> tuple[tuple[int, int], ...]:
    """Connections of one example of a class."""
    if size == 2:
        return {"null": (), "asymmetric": ((0, 1),), "mutual": ((0, 1), (1, 0))}[name]
    return edges_of_class(name)


def _counts(snapshot: Snapshot, size: int, workers: int) -> dict[str, int]:
    if size == 2:
        return dict(zip(DYADS, map(int, dyad_counts(snapshot)), strict=True))
    return dict(zip(TRIADS, map(int, triad_counts(snapshot, workers)), strict=True))


def _noninduced(size: int, names: tuple[str, ...], counts: dict[str, int]) -> dict[str, int]:
    matrix = np.array([[1, 1, 1], [0, 1, 2], [0, 0, 1]]) if size == 2 else noninduced_matrix()
    # Python integers: a fly brain has 4.5e14 triads, and a class may hold several copies of another.
    induced = [counts[name] for name in names]
    return {
        name: sum(int(copies) * count for copies, count in zip(matrix[i], induced, strict=True))
        for i, name in enumerate(names)
    }


def _part(snapshot: Snapshot, inside: npt.NDArray[np.bool_]) -> Snapshot:
    """The subgraph of the neurons where ``inside`` is true."""
    number = np.cumsum(inside) - 1
    source, target = snapshot.sources(), snapshot.out_target
    keep = inside[source] & inside[target]
    return Snapshot.from_edges(
        snapshot.root_ids[inside], number[source[keep]], number[target[keep]], snapshot.weight[keep], {}
    )
