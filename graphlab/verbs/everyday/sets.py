"""``graph.sets``: neurons under a name, pasted ids looked up, sets to links and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlab.exchange import neuroglancer
from graphlab.selection import pasted as pasted_ids
from graphlab.selection.notes import not_neurons
from graphlab.selection.resolve import root_ids_of
from graphlab.store import neuron_sets
from graphlab.store.neuron_sets import NeuronSet
from graphlab.verbs.open_graph import Namespace
from ingest.schema.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    from queries.result import Result

MISSING = ("refuse", "keep")


class Sets(Namespace):
    """Saved sets of neurons.

    A set is used by its name wherever a verb takes neurons, as ``{"in_set": name}`` beside other criteria, and in every
    query as the list ``$name``.
    """

    def save(
        self, name: str, who: Any, *, regex: bool = False, replace: bool = False, missing: str = "refuse"
    ) -> NeuronSet:
        """Keep neurons under a name; the ids are kept, not the criteria.

        Args:
            name: letters, digits and _; no name or cell type of a neuron.
            who: neurons by id, name, type, set or criteria.
            replace: put it in the place of a set of that name.
            missing: ``refuse`` ids that no neuron of the graph has, or ``keep`` them.

        Raises:
            SchemaError: a name that cannot be, no neuron, ids that no neuron has.
        """
        if missing not in MISSING:
            raise UnknownNameError("treatment of ids that no neuron has", missing, MISSING)
        ids = root_ids_of(self._folder, who, regex)
        if not len(ids):
            raise SchemaError(f"no neuron for the set {name!r}: nothing meets what was said")
        absent = not_neurons(self._folder, ids)
        if len(absent) and missing == "refuse":
            raise SchemaError(
                f"{len(absent):,} of {len(ids):,} ids are no neurons of this graph, {absent[0]} for example; "
                "graph.sets.check says what they are, missing='keep' keeps them"
            )
        return neuron_sets.save(self._folder, name, ids, replace)

    def __getitem__(self, name: str) -> NeuronSet:
        return neuron_sets.saved_set(self._folder, name)

    def __iter__(self) -> Iterator[str]:
        return iter(neuron_sets.saved_sets(self._folder))

    def __len__(self) -> int:
        return len(neuron_sets.saved_sets(self._folder))

    def list(self) -> Result:
        """Every saved set: name, neurons (ids kept), in_graph (of these, neurons of the graph), saved (UTC)."""
        import pyarrow as pa

        from queries.result import Result

        sets = list(neuron_sets.saved_sets(self._folder).values())
        table = pa.table(
            {
                "name": pa.array([one.name for one in sets], pa.string()),
                "neurons": pa.array([len(one) for one in sets], pa.int64()),
                "in_graph": pa.array(
                    [len(one) - len(not_neurons(self._folder, one.root_ids)) for one in sets], pa.int64()
                ),
                "saved": pa.array([one.saved for one in sets], pa.string()),
            }
        )
        return Result(table)

    def remove(self, name: str) -> None:
        """Forget a set; its neurons stay."""
        neuron_sets.remove(self._folder, name)

    def union(self, *who: Any, save: str | None = None) -> NeuronSet:
        """Neurons that are in any of some; saved under a name where one is given."""
        return self._combined(np.union1d, who, save)

    def intersection(self, *who: Any, save: str | None = None) -> NeuronSet:
        """Neurons that are in all of some."""
        return self._combined(np.intersect1d, who, save)

    def difference(self, first: Any, *others: Any, save: str | None = None) -> NeuronSet:
        """Neurons that are in the first and in none of the others."""
        return self._combined(np.setdiff1d, (first, *others), save)

    def check(self, pasted: Any, *, earlier: Any = None) -> Result:
        """What pasted ids are: current, stale with what they became, or unknown; ids that lost digits are named.

        Args:
            pasted: a text with ids in it (commas, blanks, lines), or several ids.
            earlier: ids of an earlier materialization, a list or a table with root_id and successor_id; an open graph
                of that materialization.

        Returns:
            said, root_id uint64, status (current, kept out of the graph, stale, unknown, no id, a number that lost
            digits), successors (current neurons it became), name, cell_type; notes count each status.
        """
        from queries.result import Result

        if hasattr(earlier, "to_arrow") and hasattr(earlier, "folder"):
            earlier = earlier.to_arrow("neurons").select(["root_id"])
        table = pasted_ids.checked(self._folder, pasted, earlier)
        counts = table["status"].combine_chunks().value_counts().to_pylist() if len(table) else []
        told = ", ".join(f"{one['counts']:,} {one['values']}" for one in counts)
        return Result(table, notes=(told or "no ids",))

    def link(
        self, who: Any, *, segmentation: str | None = None, viewer: str = neuroglancer.VIEWER, regex: bool = False
    ) -> str:
        """A Neuroglancer address that shows neurons, at their points where these are known.

        Args:
            segmentation: source of the segments, where the data set is not a published one that is known here.

        Raises:
            AnalysisError: too many neurons for an address. SchemaError: nothing to show.
        """
        from graphlab.store.information import information

        chosen = self._table(root_ids_of(self._folder, who, regex))
        if not len(chosen):
            raise SchemaError("no neuron to show: nothing meets what was said")
        info = information(self._folder)
        dataset = neuroglancer.dataset_of(info.dataset, info.materialization, segmentation, info.resolution)
        rows = chosen.to_pylist()
        points = [None if None in (p := (r["x_nm"], r["y_nm"], r["z_nm"])) else p for r in rows]
        labels = [" ".join(v for v in (r["name"], r["cell_type"]) if v) for r in rows]
        state = neuroglancer.state([row["root_id"] for row in rows], points, labels, dataset)
        if not state["layers"]:
            raise SchemaError(
                f"no segmentation is known of the data set {info.dataset or 'without a name'!r}, and its neurons have "
                "no positions; say segmentation=, such as precomputed://gs://bucket/segmentation"
            )
        return neuroglancer.link(state, viewer)

    def from_link(
        self, address: str, save: str, *, layer: str | None = None, replace: bool = False, missing: str = "refuse"
    ) -> NeuronSet:
        """Keep the neurons that a Neuroglancer address shows.

        Args:
            address: with its state in it, after ``#!``.
            save: name of the set.
            layer: the segmentation layer, where the state has several with segments.

        Raises:
            AnalysisError: no such state. SchemaError: as ``save``.
        """
        ids = neuroglancer.segments(address, layer)
        return self.save(save, ids, replace=replace, missing=missing)

    def _combined(self, combine: Any, who: Sequence[Any], save: str | None) -> NeuronSet:
        if not who:
            raise SchemaError("no neurons were given; wanted one set or more")
        ids = reduce(combine, [np.unique(root_ids_of(self._folder, one)) for one in who]).astype(np.uint64)
        return NeuronSet("", ids, "") if save is None else self.save(save, ids, missing="keep")

    def _table(self, ids: Any) -> Any:
        import pyarrow as pa

        from graphlab.store.database import arrow

        cursor = self._folder.cursor()
        cursor.register("asked", pa.table({"root_id": pa.array(ids, pa.uint64())}))
        return arrow(
            cursor,
            "SELECT root_id, name, cell_type, x_nm, y_nm, z_nm FROM neurons SEMI JOIN asked USING (root_id) "
            "ORDER BY root_id",
        )
