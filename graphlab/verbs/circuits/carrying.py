"""The verbs of ``graph.circuits`` about maximal flow: what is carried, where it is cut, along which paths and types.

Tests: tests/graphlab/verbs/circuits/test_flow.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.settings import WeightSettings, one_of
from graphlab.circuits.weights.weights import Weights, require_connections
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs, Ints

if TYPE_CHECKING:
    from markupsafe import Markup

    from graphlab.circuits.flow.max_flow import MaxFlow


class CarryingVerbs(CircuitVerbs):
    """How much can go from some neurons to others, and which connections, paths and types carry it."""

    def max_flow(
        self, sources: Any, targets: Any, *, capacity: str = "fraction", record: bool = True, **settings: Any
    ) -> CircuitResult:
        """The most that connections carry from ``sources`` to ``targets``, and the smallest cut between them.

        Args:
            sources, targets: root_ids, names, or criteria, with no neuron in common.
            capacity: of a connection: its ``fraction`` of the input of its target, or its ``weight``.

        Returns:
            pre_root_id, post_root_id, capacity, flow, in_cut, denominator of every connection that carries something
            or is cut; most flow first. ``about`` has the whole flow.

        Raises:
            AnalysisError: no such neurons, a neuron in both groups, no connections.
        """
        import pyarrow as pa

        chosen, plain = self._settings(settings), self._both(sources, targets, capacity)
        run = self._start_run("max_flow", {**plain, **chosen.plain()}, record=record)
        weights, found, starts, ends = self._flow(chosen, plain)
        graph = weights.graph
        edges = np.flatnonzero((found.flow > 0) | found.cut)
        edges = edges[np.lexsort((edges, -found.flow[edges]))]
        table = pa.table(
            {
                "pre_root_id": pa.array(graph.root_ids[graph.sources()[edges]], pa.uint64()),
                "post_root_id": pa.array(graph.root_ids[graph.out_target[edges]], pa.uint64()),
                "capacity": pa.array(found.capacity[edges], pa.float64()),
                "flow": pa.array(found.flow[edges], pa.float64()),
                "in_cut": pa.array(found.cut[edges], pa.bool_()),
                "denominator": pa.array([self._divided(weights, capacity)] * len(edges), pa.string()),
            }
        )
        about = {"flow": found.value, "carrying": int((found.flow > 0).sum()), "cut": int(found.cut.sum())}
        notes = [self._sentence(found, starts, ends, capacity), *weights.notes]
        return self._kept(run, table, "flow_connections", notes, about)

    def flow_paths(
        self,
        sources: Any,
        targets: Any,
        *,
        most: int = 20,
        capacity: str = "fraction",
        record: bool = True,
        **settings: Any,
    ) -> CircuitResult:
        """The paths that carry the maximal flow, widest first, each without what the ones before it carry.

        Args:
            most: paths at most; the note says how much of the flow they carry.
            sources, targets, capacity: as in ``max_flow``.

        Returns:
            path, step, root_id, flow (of the whole path), denominator.

        Raises:
            AnalysisError: as ``max_flow``; fewer than one path.
        """
        import pyarrow as pa

        from graphlab.circuits.flow.max_flow import carriers
        from ingest.schema.errors import AnalysisError

        if most < 1:
            raise AnalysisError(f"found {most} paths at most; wanted 1 or more")
        chosen, plain = self._settings(settings), self._both(sources, targets, capacity)
        run = self._start_run("flow_paths", {**plain, "most": most, **chosen.plain()}, record=record)
        weights, found, starts, ends = self._flow(chosen, plain)
        paths = carriers(weights, found, starts, ends, most)
        lengths = [len(path.nodes) for path in paths]
        nodes = np.concatenate([np.zeros(0, np.int64), *(path.nodes for path in paths)])
        table = pa.table(
            {
                "path": pa.array(np.repeat(np.arange(len(paths)), lengths), pa.int64()),
                "step": pa.array(np.concatenate([np.zeros(0, np.int64), *map(np.arange, lengths)]), pa.int64()),
                "root_id": pa.array(weights.graph.root_ids[nodes], pa.uint64()),
                "flow": pa.array(np.repeat([path.flow for path in paths], lengths), pa.float64()),
                "denominator": pa.array([self._divided(weights, capacity)] * len(nodes), pa.string()),
            }
        )
        carried = sum(path.flow for path in paths)
        share = carried / found.value if found.value > 0 else 0.0
        note = f"the {len(paths):,} widest paths carry {carried:.6g}, {share:.1%} of it"
        about = {"flow": found.value, "paths": len(paths), "carried": carried}
        notes = [f"{self._sentence(found, starts, ends, capacity)}; {note}", *weights.notes]
        return self._kept(run, table, "flow_paths", notes, about)

    def flow_diagram(
        self,
        sources: Any,
        targets: Any,
        *,
        by: str = "cell_type",
        most: int = 30,
        capacity: str = "fraction",
        **settings: Any,
    ) -> Markup:
        """The maximal flow between types as a figure (SVG): types in layers from the sources, bands as wide as flow.

        Args:
            by: the column of neurons that types are taken from.
            most: types at most; the others are drawn as one in each layer.

        Raises:
            AnalysisError: as ``max_flow``; nothing flows. UnknownNameError: no such column.
        """
        from graphlab.charts.flow_diagram import flow_diagram
        from graphlab.circuits.flow.by_type import flow_by_type
        from ingest.schema.errors import AnalysisError

        chosen, plain = self._settings(settings), self._both(sources, targets, capacity)
        weights, found, starts, ends = self._flow(chosen, plain)
        if not found.flow.any():
            raise AnalysisError("nothing flows from the sources to the targets, so there is nothing to draw")
        values = self.neuron_values(weights.graph, by)
        types = [f"(no {by})" if value is None else str(value) for value in values]
        drawn = flow_by_type(weights, found, starts, types, most)
        label = f"Maximal flow between {by} groups. {self._sentence(found, starts, ends, capacity)}"
        return flow_diagram(drawn.names, drawn.layer, drawn.through, drawn.links, label)

    def _both(self, sources: Any, targets: Any, capacity: str) -> dict[str, Any]:
        from graphlab.circuits.flow.max_flow import CAPACITIES

        one_of("capacity", capacity, CAPACITIES)
        ends = {"sources": self._choice("sources", sources), "targets": self._choice("targets", targets)}
        return {**ends, "capacity": capacity}

    def _flow(self, chosen: WeightSettings, plain: dict[str, Any]) -> tuple[Weights, MaxFlow, Ints, Ints]:
        from graphlab.circuits.flow.max_flow import max_flow

        weights = self._read(chosen)
        require_connections(weights)
        starts, ends = (self._nodes(name, plain[name], weights) for name in ("sources", "targets"))
        return weights, max_flow(weights, starts, ends, plain["capacity"]), starts, ends

    def _sentence(self, found: MaxFlow, sources: Ints, targets: Ints, capacity: str) -> str:
        return (
            f"maximal flow from {len(sources):,} to {len(targets):,} neurons: {found.value:.6g} ({capacity} as "
            f"capacity), carried by {int((found.flow > 0).sum()):,} connections, bounded by a cut of "
            f"{int(found.cut.sum()):,}"
        )

    def _divided(self, weights: Weights, capacity: str) -> str:
        return weights.denominator if capacity == "fraction" else "none"

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        verbs = (self.max_flow, self.flow_paths)
        return {**super().repeatable(), **{verb.__name__: verb for verb in verbs}}
