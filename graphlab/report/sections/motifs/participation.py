"""Heat maps per cell type: who connects to whom beyond degrees, and which motifs a type takes part in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.charts import analyses
from graphlab.charts.drawings import NARROW
from graphlab.motifs.census.codes import CONNECTED_TRIADS, TRIAD_LABELS, triad_class_codes
from graphlab.report.page import Block, Figure, Figures, Section
from graphlab.report.section import Subject, report_section

if TYPE_CHECKING:
    from queries.snapshot import Snapshot

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TYPES = 20
"""Types with a row of their own, the largest ones; the others share one."""
OTHERS = "other types"
MOST_SETS = 300_000_000
REACH = 4.0
"""Powers of two at which the shading is full."""
FOLD = analyses.Shade(
    "observed / expected (log scale)", REACH, {-4.0: "1/16×", -2.0: "1/4×", 0.0: "1×", 2.0: "4×", 4.0: "16×"}
)


@report_section("participation", "connections")
def section(subject: Subject) -> Section | None:
    """Both heat maps; None without at least two cell types."""
    import pyarrow as pa

    view = subject.wiring
    # Neurons without a connection say nothing of the wiring, and a data set may list many of them.
    wired = np.zeros(view.n, dtype=np.bool_)
    wired[view.sources()] = True
    wired[view.out_target] = True
    types = subject.graph.neuron_values(view, "cell_type")
    label, names = grouped([str(x) if x is not None and w else None for x, w in zip(types, wired, strict=True)])
    if len(names) < 2:
        return None
    observed, expected = between_types(view, label, len(names))
    tooltips = texts(names, names, observed, expected, "connections")
    figures = [
        _figure(
            (names, names, shaded(observed, expected), tooltips, "Connections between types"),
            ("postsynaptic", "presynaptic"),
            "Connections between cell types over what the degrees alone give (configuration null, in expectation): "
            "warm more, cool fewer, full at 16-fold.",
            "types_connections",
        )
    ]
    tables = {"types_connections": pa.Table.from_pylist(long_rows(names, names, observed, expected))}
    taking = taking_part(view, label, names)
    if taking is not None:
        seen, even = taking
        tooltips = texts(names, CONNECTED_TRIADS, seen, even, "")
        figures.append(
            _figure(
                (names, CONNECTED_TRIADS, shaded(seen, even), tooltips, "Triads by type"),
                ("triad class", ""),
                "Triads that neurons of the type take part in, over what as many average neurons would: "
                "warm more, cool fewer, full at 16-fold.",
                "types_triads",
            )
        )
        tables["types_triads"] = pa.Table.from_pylist(long_rows(names, CONNECTED_TRIADS, seen, even))
    blocks: list[Block] = [Figures(figures)]
    return Section("Cell types in the wiring", blocks, tables)


def _figure(drawn: tuple[Any, ...], axes: tuple[str, str], caption: str, name: str) -> Figure:
    """A heat map for a screen and for a telephone."""
    rows, columns, values, tooltips, label = drawn
    wide, narrow = (
        analyses.heat_map(rows, columns, values, tooltips, label, FOLD, *axes, within=within)
        for within in (900.0, NARROW)
    )
    return Figure(wide, caption, name, narrow)


def grouped(labels: list[str | None]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Number of each neuron's type, -1 where unknown, and the names: the largest types, the rest together."""
    known, counts = np.unique([x for x in labels if x], return_counts=True)
    order = np.lexsort((known, -counts))
    names = [str(known[k]) for k in order[:TYPES]]
    place = {name: k for k, name in enumerate(names)}
    rest = len(names)
    if len(order) > TYPES:
        names.append(OTHERS)
    return np.array([place.get(x, rest) if x else -1 for x in labels], dtype=np.int32), names


def between_types(view: Snapshot, label: npt.NDArray[np.int32], types: int) -> tuple[Floats, Floats]:
    """Connections from type to type, and (outputs of the one) x (inputs of the other) / all; [types, types]."""
    source, target = label[view.sources()], label[view.out_target]
    typed = (source >= 0) & (target >= 0)
    observed = np.zeros((types, types))
    np.add.at(observed, (source[typed], target[typed]), 1.0)
    made, received = observed.sum(axis=1), observed.sum(axis=0)
    return observed, np.outer(made, received) / max(observed.sum(), 1.0)


def taking_part(view: Snapshot, label: npt.NDArray[np.int32], names: list[str]) -> tuple[Floats, Floats] | None:
    """Triads the neurons of each type take part in, and how many if all neurons were alike; None if too many sets."""
    from graphlab.motifs.kernels.subgraphs import adjacency_of, at_most
    from graphlab.motifs.mining.typed import typed_census

    if at_most(adjacency_of(view), 3) > MOST_SETS:
        return None
    known = label >= 0
    keys, counts = typed_census(view, np.maximum(label, 0).astype(np.int32), len(names), 3, known)
    part = np.zeros((len(names), len(TRIAD_LABELS)))
    code, number = np.divmod(keys, len(names) ** 3)
    for _ in range(3):
        number, kind = np.divmod(number, len(names))
        np.add.at(part, (kind, triad_class_codes()[code]), counts)
    part = part[:, [TRIAD_LABELS.index(name) for name in CONNECTED_TRIADS]]
    neurons = np.bincount(label[known], minlength=len(names)).astype(np.float64)
    return part, np.outer(neurons / neurons.sum(), part.sum(axis=0))


def shaded(seen: Floats, even: Floats) -> Floats:
    """Powers of two of the ratio, cut at ``REACH``; half a count on both sides, so that nothing of little is little."""
    ratio: Floats = np.clip(np.log2((seen + 0.5) / (even + 0.5)), -REACH, REACH)
    return ratio


def texts(
    rows: list[str], columns: tuple[str, ...] | list[str], seen: Floats, even: Floats, what: str
) -> list[list[str]]:
    """What each cell says when pointed at."""
    return [
        [
            f"{row}, {column}: {seen[i, k]:,.4g} {what}".rstrip() + f", expected {even[i, k]:,.4g}"
            for k, column in enumerate(columns)
        ]
        for i, row in enumerate(rows)
    ]


def long_rows(
    rows: list[str], columns: tuple[str, ...] | list[str], seen: Floats, even: Floats
) -> list[dict[str, object]]:
    """The matrices as rows of a table."""
    return [
        {"type": row, "column": column, "observed": float(seen[i, k]), "expected": float(even[i, k])}
        for i, row in enumerate(rows)
        for k, column in enumerate(columns)
    ]
