"""Verbs that follow connections further: neighbourhoods and paths, as tidy tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.open_graph import OpenGraph
from ingest.running import stopping
from ingest.schema.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from queries.paths.search import FoundPath
    from queries.result import Result
    from queries.snapshot import Snapshot

MOST_PATHS = 1_000_000


class PathVerbs(OpenGraph):
    """Paths over the chemical (or another kind of) wiring, autapses left out."""

    def neighborhood(
        self,
        who: Any,
        hops: int = 1,
        *,
        direction: Literal["out", "in", "any"] = "out",
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
    ) -> Result:
        """Every neuron at most so many connections away, the given ones included with 0.

        Args:
            who: neurons by id, name, type, set or criteria.
            direction: ``out`` along connections, ``in`` against them, ``any`` both.
            min_weight: weaker connections are not followed.
            compartment: only what pairs have there, as ``snapshot`` takes it.

        Returns:
            root_id uint64, name, cell_type, hops int64 from the nearest given neuron; nearest first, then by root_id.

        Raises:
            SchemaError: a neuron that is not in the graph.
        """
        import pyarrow as pa

        from queries.paths.search import hops as reach

        view = self.snapshot(kind, min_weight, compartment)
        nodes, distance = reach(view, self._nodes(view, who, "neurons"), hops, direction)
        beside = self._beside(view)
        table = pa.table(
            {
                "root_id": pa.array(view.root_ids[nodes], pa.uint64()),
                **{name: pa.array([of[i] for i in nodes.tolist()], pa.string()) for name, of in beside.items()},
                "hops": pa.array(distance, pa.int64()),
            }
        )
        return _result(table)

    def paths(
        self,
        source: Any,
        target: Any,
        *,
        k: int | None = None,
        all: bool = False,
        max_length: int | None = None,
        weighted: Literal["inverse", "fraction"] | None = None,
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
    ) -> Result:
        """Paths from neurons to neurons, one row a neuron of a path.

        Without further words the shortest path of every pair of ends (fewest connections, the one with the smallest
        ids among equals).

        Args:
            source, target: neurons by id, name, type, set or criteria.
            k: the k best paths of each pair, without repeated neurons.
            all: all shortest paths instead of one.
            max_length: all paths without repeated neurons of at most so many connections.
            weighted: best means cheapest, where a connection costs ``inverse`` 1 / weight, or ``fraction``
                -log(weight / all input of its target): the stored total before any threshold, fragments in,
                autapses out, whatever ``min_weight`` is.
            min_weight: weaker connections are not used.
            compartment: only what pairs have there, as ``snapshot`` takes it.

        A neuron reaches itself by the path without a connection, and by no other: a path repeats no neuron.

        Returns:
            path int64 (0, 1, ... best first within a pair of ends), step int64, root_id uint64, name, cell_type,
            weight double (of the connection that leads here; null at step 0), cost double (of the whole path:
            connections counted, or summed).

        Raises:
            SchemaError: a neuron that is not in the graph, words that exclude each other, more than a million paths.
        """
        from dataclasses import replace

        from queries.paths import search as ways

        given = [
            name for name, value in (("k", k), ("all", all or None), ("max_length", max_length)) if value is not None
        ]
        if len(given) > 1 or (max_length is not None and weighted):
            both = " and ".join([*given, *(["weighted"] if weighted else [])][:2])
            raise SchemaError(f"{both} exclude each other; ask for one of them")
        view = self.snapshot(kind, min_weight, compartment)
        starts, ends = self._nodes(view, source, "source"), self._nodes(view, target, "target")
        beyond = self.input_beyond(view, kind) if weighted == "fraction" else None
        cost = None if weighted is None else ways.costs(view, weighted, beyond)
        paths: Iterator[FoundPath]
        if max_length is not None:
            paths = _up_to(view, starts, ends, max_length)
        elif k is not None:
            paths = (path for a in starts for b in ends for path in ways.k_best(view, int(a), int(b), k, cost))
        else:
            paths = ways.shortest(view, starts, ends, cost, all)
        found = _result(self._tidy(view, paths))
        if len(found):
            return found
        least = f" over connections of weight {min_weight:g} or more" if min_weight else ""
        long = f" of at most {max_length} connections" if max_length is not None else ""
        told = f"no path{long} leads from {len(starts):,} sources to {len(ends):,} targets{least}"
        return replace(found, notes=(told,))

    def _nodes(self, view: Snapshot, who: Any, what: str) -> npt.NDArray[np.int64]:
        """Node numbers of neurons, each once, in the order given.

        Raises:
            SchemaError: none, or one that is no node of the graph.
        """
        from graphlab.selection.notes import about_answer
        from graphlab.selection.resolve import criteria_of, root_ids_of

        if who is None:
            raise SchemaError(f"{what}: no neuron was given; wanted one or more")
        ids = root_ids_of(self._folder, who)
        nodes = view.indices_of(ids)
        if len(nodes) == 0:
            told = about_answer(self._folder, {what: criteria_of(self._folder, who)}, 0)
            raise SchemaError("; ".join(told))
        if (nodes < 0).any():
            raise UnknownNeuronError(int(ids[nodes < 0][0]))
        return nodes

    def _beside(self, view: Snapshot) -> dict[str, list[Any]]:
        """What stands beside ids, in node order."""
        return {name: self.neuron_values(view, name) for name in ("name", "cell_type")}

    def _tidy(self, view: Snapshot, paths: Iterator[FoundPath]) -> Any:
        import numpy as np
        import pyarrow as pa

        beside = self._beside(view)
        path: list[int] = []
        nodes: list[int] = []
        steps: list[int] = []
        cost: list[float] = []
        for number, one in enumerate(paths):
            stopping.check()
            if number >= MOST_PATHS:
                raise SchemaError(f"there are more than {MOST_PATHS:,} paths; give min_weight, a shorter length, or k")
            length = len(one.nodes)
            path += [number] * length
            nodes += one.nodes.tolist()
            steps += range(length)
            cost += [one.cost] * length
        index = np.asarray(nodes, dtype=np.int64)
        first = np.asarray(steps, dtype=np.int64) == 0
        weight = np.full(len(index), np.nan)
        weight[~first] = view.weight[view.edges_of(index[:-1][~first[1:]], index[1:][~first[1:]])] if len(index) else 0
        return pa.table(
            {
                "path": pa.array(path, pa.int64()),
                "step": pa.array(steps, pa.int64()),
                "root_id": pa.array(view.root_ids[index], pa.uint64()),
                **{name: pa.array([of[i] for i in nodes], pa.string()) for name, of in beside.items()},
                "weight": pa.array(weight, pa.float64(), mask=first),
                "cost": pa.array(cost, pa.float64()),
            }
        )


def _result(table: Any) -> Result:
    from queries.result import Result

    return Result(table, engine="csr")


class UnknownNeuronError(UnknownNameError, SchemaError):
    """A root_id that no neuron of the graph has."""

    def __init__(self, root_id: int) -> None:
        self.known = []
        Exception.__init__(
            self,
            f"neuron {root_id} is not in this graph; root_ids change with the materialization, see `graphlab info`",
        )


def _up_to(
    view: Snapshot, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], most: int
) -> Iterator[FoundPath]:
    """All simple paths of at most ``most`` edges, shortest first within a pair of ends.

    Depth first from the source, through nodes that still can reach the target in the steps that are left.
    """
    import numpy as np

    from queries.paths.search import FoundPath, hops

    if most < 1:
        raise SchemaError(f"max_length is {most}; wanted 1 or more")
    for target in ends.tolist():
        reaching, steps = hops(view, [target], most, "in")
        left = np.full(view.n, most + 1, dtype=np.int64)
        left[reaching] = steps
        for source in starts.tolist():
            listed: list[list[int]] = []
            stack = [[source]]
            while stack:
                stopping.check()
                path = stack.pop()
                if path[-1] == target:
                    listed.append(path)
                    continue
                row = view.out_target[view.out_start[path[-1]] : view.out_start[path[-1] + 1]]
                stack += [[*path, v] for v in row[left[row] <= most - len(path)].tolist() if v not in path]
                if len(listed) + len(stack) > 10 * MOST_PATHS:
                    raise SchemaError("too many paths to list; give min_weight, a shorter length, or k")
            listed.sort(key=lambda path: (len(path), path))
            for path in listed:
                yield FoundPath(np.asarray(path, dtype=np.int64), float(len(path) - 1))
