"""Objects inside other objects: biconnected components of a region adjacency graph, and what may be merged into what.

The same calls and answers as ``connectomics.common.graph_utils.biconnected_dfs`` and
``connectomics.segmentation.labels.merge_internal_objects``, their order included: which of two objects inside a third
one is merged can depend on it.

Tests: tests/ingest/volumes/labels/test_labels.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

Components = list[frozenset[int]]


def biconnected_dfs(g: nx.Graph[Any], start_points: Iterable[int] | None = None) -> tuple[Components, frozenset[int]]:
    """Biconnected components in the order in which a search from ``start_points``, then from any node, leaves them.

    Returns:
        the components as sets of nodes; the articulation points.
    """
    seen: dict[int, int] = {}
    components: Components = []
    cuts: set[int] = set()
    for start in [*(start_points or ()), *g]:
        if start not in seen:
            below = _search(g, start, seen, components, cuts)
            if below > 1:
                cuts.add(start)
    return components, frozenset(cuts)


def _search(g: nx.Graph[Any], start: int, seen: dict[int, int], components: Components, cuts: set[int]) -> int:
    """Everything that hangs together with ``start``; how many branches the search had there."""
    seen[start] = len(seen)
    low = {start: seen[start]}
    path: list[tuple[int, int, Iterator[int]]] = [(start, start, iter(g[start]))]
    # Nodes in the order they were found: those of a component are the last ones when its branch is left.
    open_nodes: list[int] = []
    branches = 0
    while path:
        above, node, rest = path[-1]
        for other in rest:
            if other in (above, node):
                continue
            if other in seen:
                low[node] = min(low[node], seen[other])
            else:
                seen[other] = low[other] = len(seen)
                path.append((node, other, iter(g[other])))
                open_nodes.append(other)
                break
        else:
            path.pop()
            if node == start:
                break
            if low[node] >= seen[above]:
                end = len(open_nodes)
                while open_nodes[end - 1] != node:
                    end -= 1
                components.append(frozenset([above, *open_nodes[end - 1 :]]))
                del open_nodes[end - 1 :]
                if above == start:
                    branches += 1
                else:
                    cuts.add(above)
            low[above] = min(low[above], low[node])
    return branches


def merge_internal_objects(bcc: list[Set[int]], aps: Set[int], todo_bcc_idx: Iterable[int]) -> dict[int, int]:
    """Which biconnected components are merged into which articulation point, from the leaves inwards.

    A component is merged once only one of its articulation points is part of another component that is not merged.

    Args:
        bcc: components as sets of nodes.
        aps: articulation points.
        todo_bcc_idx: which components may be merged.

    Returns:
        index of a component -> the node that takes it in.
    """
    open_at: dict[int, set[int]] = {cut: set() for cut in aps}
    for index, component in enumerate(bcc):
        for cut in component & aps:
            open_at[cut].add(index)
    into: dict[int, int] = {}
    """Articulation point -> the one that its component went into."""
    merged: list[int] = []
    waiting = list(todo_bcc_idx)
    before = -1
    while len(merged) != before:
        before = len(merged)
        left = []
        for index in waiting:
            cuts = bcc[index] & aps
            shared = [cut for cut in cuts if len(open_at[cut]) > 1]
            if len(cuts) == 1:
                (only,) = cuts
                open_at[only].discard(index)
            elif len(shared) == 1:
                for cut in cuts:
                    open_at[cut].discard(index)
                    if cut != shared[0]:
                        into[cut] = shared[0]
            else:
                left.append(index)
                continue
            merged.append(index)
        waiting = left
    return {index: _last(into, next(iter(bcc[index] & aps))) for index in merged}


def _last(into: dict[int, int], cut: int) -> int:
    while cut in into:
        cut = into[cut]
    return cut
