"""Profiles that compare graphs of different sizes (Milo et al. 2004, Science 303:1538).

Triads: the z scores of the 13 connected classes, scaled to length 1 (triad significance profile). Tetrads:
(observed - mean) / (observed + mean + 4), scaled to length 1 (subgraph ratio profile), since z of tetrads grows
with the size of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.census.codes import CONNECTED_TRIADS
from graphlab.motifs.significance.motifs import Significance
from ingest.schema.errors import AnalysisError

EPSILON = 4.0
"""Keeps the ratio of rare tetrads from jumping between -1 and 1 (Milo et al. 2004, note 14)."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """One row a graph, one column a class; rows have length 1 or are zero."""

    kind: str
    """"triad significance profile" or "subgraph ratio profile"."""
    graphs: tuple[str, ...]
    classes: tuple[str, ...]
    values: npt.NDArray[np.float64]
    """[graphs, classes]; a class without z counts as 0."""
    undefined: npt.NDArray[np.bool_]
    """[graphs, classes] where z does not exist (fixed, never in the null, no mixing)."""

    def correlation(self) -> npt.NDArray[np.float64]:
        """Pearson correlation between the graphs' profiles, [graphs, graphs]; NaN for a flat profile."""
        centred = self.values - self.values.mean(axis=1, keepdims=True)
        length = np.linalg.norm(centred, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((centred @ centred.T) / np.outer(length, length))

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a graph and class: graph, motif, value, undefined."""
        return [
            {"graph": graph, "motif": motif, "value": float(self.values[i, k]), "undefined": bool(self.undefined[i, k])}
            for i, graph in enumerate(self.graphs)
            for k, motif in enumerate(self.classes)
        ]


def profiles(results: Mapping[str, Significance]) -> Profiles:
    """The profile of every graph; all of one size and one null.

    Raises:
        AnalysisError: no results, sizes or nulls that differ, size 2.
    """
    if not results:
        raise AnalysisError("no graphs were given; a profile needs at least one significance table")
    sizes, nulls = {r.size for r in results.values()}, {r.null for r in results.values()}
    if len(sizes) > 1 or len(nulls) > 1 or len({r.classes for r in results.values()}) > 1:
        raise AnalysisError(f"profiles compare one size and one null; got sizes {sorted(sizes)}, nulls {sorted(nulls)}")
    size = sizes.pop()
    if size == 2:
        raise AnalysisError("profiles are of triads (size 3) or tetrads (size 4); size 2 has three classes only")
    first = next(iter(results.values()))
    columns = [k for k, name in enumerate(first.classes) if size == 4 or name in CONNECTED_TRIADS]
    rows = []
    for result in results.values():
        if size == 3:
            rows.append(result.z[columns])
        else:
            observed, mean = result.observed[columns].astype(np.float64), result.mean[columns]
            rows.append((observed - mean) / (observed + mean + EPSILON))
    raw = np.array(rows)
    undefined = ~np.isfinite(raw)
    values = np.where(undefined, 0.0, raw)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return Profiles(
        kind="triad significance profile" if size == 3 else "subgraph ratio profile",
        graphs=tuple(results),
        classes=tuple(first.classes[k] for k in columns),
        values=np.divide(values, length, out=np.zeros_like(values), where=length > 0),
        undefined=undefined,
    )
