"""Connections between cell types: in what share of cells each is found, how strong, and on which sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.statistics.sides import halves, side_words
from graphlab.circuits.statistics.statistic import Floats, Ints, Measured, Told, Value, column_of, statistic
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

STRENGTHS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""Mean weights per cell from which connections between types are looked at."""
SIDE_WORDS = ("left", "right")


def type_connections(
    graph: Snapshot,
    types: Sequence[str | None],
    sides: Sequence[str | None] | None = None,
    total_in: Floats | None = None,
) -> pa.Table:
    """A row for every two types that are connected, the strongest first; neurons without a type are left out.

    Args:
        types: of each neuron. sides: of each; left and right are shown where some neuron has one of them.
        total_in: float64 [n] what the input of each neuron is a fraction of; without it there are no fractions.

    Returns:
        pre_type, post_type, pre_cells, post_cells (of each type), connections, weight (sums); pre_share and post_share:
        cells of either type that take part; mean and sd of the weight that a postsynaptic cell receives from the type,
        over all cells of its type (sd null for one cell), fraction_mean and fraction_sd the same of its input;
        left_cells, right_cells, left_share, right_share, left_mean, right_mean by the side of the postsynaptic cell;
        both_sides: whether any cell on each side receives it (null where the type lacks a side).

    Raises:
        AnalysisError: no neuron has a type.
    """
    import pyarrow as pa

    known = np.array([value not in (None, "") for value in types], dtype=np.bool_)
    if not known.any():
        raise AnalysisError(
            "connections between types need a type of neurons, and none has one; ingest neurons with cell_type, or "
            "name another column with by="
        )
    names, at = np.unique([str(value) for value, there in zip(types, known, strict=True) if there], return_inverse=True)
    kind = np.full(graph.n, -1, np.int64)
    kind[known] = at
    inputs = _Inputs(graph, kind, len(names))
    cells = np.bincount(at, minlength=len(names))
    pre, post = np.divmod(inputs.pairs, len(names))
    columns: dict[str, Any] = {
        "pre_type": pa.array(names[pre].tolist(), pa.string()),
        "post_type": pa.array(names[post].tolist(), pa.string()),
        "pre_cells": cells[pre], "post_cells": cells[post],
        "connections": inputs.connections, "weight": inputs.weight,
        "pre_share": inputs.senders / cells[pre], "post_share": inputs.receivers() / cells[post],
    }  # fmt: skip
    columns["mean"], columns["sd"] = inputs.spread(inputs.amount, cells[post])
    if total_in is not None:
        into = total_in[inputs.cell]
        share = np.divide(inputs.amount, into, out=np.zeros(len(into)), where=into > 0)
        columns["fraction_mean"], columns["fraction_sd"] = inputs.spread(share, cells[post])
    if sides is not None:
        columns |= _by_side(inputs, kind, sides, len(names), post)
    order = np.lexsort([post, pre, -inputs.weight])
    arrays = {
        name: column.take(pa.array(order)) if isinstance(column, pa.Array) else _array(pa, column[order])
        for name, column in columns.items()
    }
    return pa.table(arrays)


def _array(pa: Any, column: npt.NDArray[Any]) -> Any:
    if column.dtype == object:
        return pa.array(column.tolist(), pa.bool_())
    return pa.array(column, from_pandas=True)


class _Inputs:
    """What each cell receives from each type; a row for every (type, cell) that are connected."""

    def __init__(self, graph: Snapshot, kind: Ints, width: int) -> None:
        source, target = graph.sources(), graph.out_target
        typed = (kind[source] >= 0) & (kind[target] >= 0)
        source, target, weight = source[typed].astype(np.int64), target[typed].astype(np.int64), graph.weight[typed]
        key, place = np.unique(kind[source] * graph.n + target, return_inverse=True)
        self.cell: Ints = key % max(graph.n, 1)
        self.amount: Floats = np.bincount(place, weights=weight, minlength=len(key)).astype(np.float64)
        self.pairs, self._pair = np.unique(key // max(graph.n, 1) * width + kind[self.cell], return_inverse=True)
        self._width = len(self.pairs)
        self.connections = self._add(np.bincount(place, minlength=len(key))).astype(np.int64)
        self.weight = self._add(self.amount)
        sent = np.unique(source * width + kind[target])
        of_pair = np.searchsorted(self.pairs, kind[sent // width] * width + sent % width)
        self.senders: Ints = np.bincount(of_pair, minlength=self._width)

    def _add(self, values: npt.NDArray[Any]) -> Floats:
        return np.bincount(self._pair, weights=values, minlength=self._width).astype(np.float64)

    def receivers(self, among: npt.NDArray[np.bool_] | None = None) -> Ints:
        """Cells of each pair that receive anything."""
        chosen = self._pair if among is None else self._pair[among]
        return np.bincount(chosen, minlength=self._width)

    def sums(self, among: npt.NDArray[np.bool_]) -> Floats:
        added = np.bincount(self._pair[among], weights=self.amount[among], minlength=self._width)
        return added.astype(np.float64)

    def spread(self, values: Floats, cells: Ints) -> tuple[Floats, Floats]:
        """Mean and standard deviation over all cells of the postsynaptic type, those that receive nothing too."""
        mean = self._add(values) / cells
        square = self._add((values - mean[self._pair]) ** 2) + (cells - self.receivers()) * mean**2
        deviation = np.full(len(mean), np.nan)
        np.sqrt(np.divide(square, cells - 1, out=deviation, where=cells > 1), out=deviation, where=cells > 1)
        return mean, deviation


def _by_side(inputs: _Inputs, kind: Ints, sides: Sequence[str | None], width: int, post: Ints) -> dict[str, Any]:
    words = side_words(sides)
    found: dict[str, Any] = {}
    seen, able = np.ones(len(post), np.bool_), np.ones(len(post), np.bool_)
    for side in SIDE_WORDS:
        there = np.array([word == side for word in words], dtype=np.bool_)
        cells = np.bincount(kind[there & (kind >= 0)], minlength=width)[post]
        receiving = inputs.receivers(there[inputs.cell])
        with np.errstate(divide="ignore", invalid="ignore"):
            found[f"{side}_cells"] = cells
            found[f"{side}_share"] = np.where(cells > 0, receiving / cells, np.nan)
            found[f"{side}_mean"] = np.where(cells > 0, inputs.sums(there[inputs.cell]) / cells, np.nan)
        seen &= receiving > 0
        able &= cells > 0
    answer = np.full(len(post), None, dtype=object)
    answer[able] = seen[able]
    return {**found, "both_sides": answer}


@statistic(
    "left-right",
    "Connections between cell types whose postsynaptic type has cells on both sides: share found on both sides, the "
    "median of |left - right| / (left + right) of the mean weight per cell, and the correlation of log(1 + weight) "
    "between the sides; of connections with at least `at` per cell on the stronger side. What differs between the "
    "sides of one brain is the yardstick for what differs between two.",
    "cell_type",
    "side",
)
def left_right(graph: Snapshot, told: Told) -> Measured:
    """How much the two sides differ."""
    sides = column_of(told, "side", graph)
    halves(sides)
    table = type_connections(graph, column_of(told, "cell_type", graph), sides)
    left, right = (table[f"{side}_mean"].to_numpy(zero_copy_only=False) for side in SIDE_WORDS)
    able = ~np.isnan(left) & ~np.isnan(right)
    left, right = left[able], right[able]
    values: list[Value] = []
    for at in STRENGTHS:
        most = np.maximum(left, right)
        strong = (most >= at) & (most > 0)
        a, b = left[strong], right[strong]
        over = len(a)
        apart = over > 1 and a.min() < a.max() and b.min() < b.max()
        numbers = {
            "both_sides_share": float(((a > 0) & (b > 0)).mean()) if over else np.nan,
            "left_right_difference": float(np.median(np.abs(a - b) / (a + b))) if over else np.nan,
            "left_right_correlation": float(np.corrcoef(np.log1p(a), np.log1p(b))[0, 1]) if apart else np.nan,
        }
        values += [Value(name, value, over, "type pairs", at) for name, value in numbers.items()]
    return Measured(tuple(values))
