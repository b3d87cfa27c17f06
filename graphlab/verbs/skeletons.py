"""``graph.skeletons``: cable, synapses on it, compartments.

Tests: tests/graphlab/store/skeletons/test_placement.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphlab.store.skeletons.placement import PLACE, PlacedSynapses, place_again, place_on_skeletons
from graphlab.verbs.open_graph import Namespace
from ingest.running.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from ingest.skeletons.skeleton import Skeleton


class Skeletons(Namespace):
    """Skeletons that ``graph.ingest(folder, "skeletons")`` brought, and the synapses on them."""

    def measure(self, by: str = "neuron") -> pa.Table:
        """Cable length and synapse density of every neuron, or of each of its compartments.

        Args:
            by: ``neuron`` or ``compartment``; the rows of compartments add up to their neuron.

        Returns:
            root_id, [compartment,] nodes, pieces, cable_nm, inputs, outputs (single synapses), inputs_per_um,
            outputs_per_um.

        Raises:
            SchemaError: the graph has no skeletons. UnknownNameError: ``by``.
        """
        from graphlab.store.skeletons.measures import measured

        return measured(self._folder, by)

    def place_synapses(self, within_nm: float, progress: Progress | None = None) -> PlacedSynapses:
        """Keep the nearest skeleton node of the two neurons of every synapse, and the compartments that follow.

        Rows of ``synapse_nodes`` (synapse_id, side, root_id, node_id, distance_nm) join ``skeletons`` on (root_id,
        node_id); ``connections_by_compartment`` is made anew. Labels that a source gave its synapses stay.

        Args:
            within_nm: synapses whose nearest node is farther away are left unplaced, and counted.

        Raises:
            SchemaError: no skeletons, no synapse with a position, a distance that is no length.
        """
        return place_on_skeletons(self._folder, within_nm, progress)

    def of(self, root_ids: Any = None) -> list[Skeleton]:
        """Skeletons as values, in order of root_id; all of them when None.

        Raises:
            SchemaError: a neuron that has none.
        """
        from graphlab.store.skeletons.measures import skeletons_of
        from ingest.schema.ids import as_root_ids

        if root_ids is None:
            return skeletons_of(self._folder)
        several = hasattr(root_ids, "__iter__") and not isinstance(root_ids, str)
        return skeletons_of(self._folder, as_root_ids(root_ids if several else [root_ids]))

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""

        def again(within_nm: float) -> None:
            assert self._repetition is not None
            self._repetition.compare_hash(place_again(self._folder, within_nm))

        return {PLACE: again}
