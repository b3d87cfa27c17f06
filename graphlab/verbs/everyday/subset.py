"""The verb that takes a part of a graph, to be asked as the graph is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphlab.verbs.everyday.asking import Asking
from ingest.schema.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.store.views.parts import PartFolder


class PartVerbs(Asking):
    """Parts of a graph."""

    def _part(self, who: Any, neuropil: str | Sequence[str] | None, min_weight: float, regex: bool) -> PartFolder:
        """The folder of which only the part is seen; see ``Graph.subset``."""
        import numpy as np

        from graphlab.selection.notes import about_answer, not_neurons
        from graphlab.selection.resolve import criteria_of, root_ids_of
        from graphlab.store.views.parts import Part, PartFolder

        if self._folder.part is not None:
            raise SchemaError("this is a subset already; take the other one from the whole graph")
        pools = () if neuropil is None else (neuropil,) if isinstance(neuropil, str) else tuple(neuropil)
        least = float(min_weight)
        if np.isnan(least):
            raise SchemaError("min_weight is no number (NaN); wanted the least weight of a connection that counts")
        ids = np.unique(root_ids_of(self._folder, who, regex))
        missing = not_neurons(self._folder, ids)
        if len(missing):
            raise SchemaError(
                f"{len(missing):,} of {len(ids):,} ids are no neurons of this graph, {missing[0]} for example"
            )
        if pools:
            ids = np.intersect1d(ids, self._connecting_in(pools))
        if not len(ids):
            told = about_answer(self._folder, {"subset": criteria_of(self._folder, who)}, 0, regex=regex)
            raise SchemaError("; ".join(told) or f"no such neuron connects in {', '.join(pools)}")
        said = {"neurons": _plain(who, ids), "neuropil": list(pools), "min_weight": least, "regex": regex}
        return PartFolder(self._folder, Part(ids, pools, least, said))

    def _connecting_in(self, pools: Sequence[str]) -> Any:
        """Ids of neurons that make or receive connections in some neuropils."""
        import pyarrow as pa

        from graphlab.store.database import arrow

        cursor = self._folder.cursor()
        known = [
            row[0]
            for row in cursor.execute(
                "SELECT DISTINCT neuropil FROM connections_by_neuropil WHERE neuropil IS NOT NULL"
            ).fetchall()
        ]
        for pool in pools:
            if pool not in known:
                raise UnknownNameError("neuropil", pool, known)
        cursor.register("pools", pa.table({"neuropil": pa.array(pools, pa.string())}))
        inside = "FROM connections_by_neuropil WHERE neuropil IN (FROM pools)"
        sql = f"SELECT pre_root_id AS root_id {inside} UNION SELECT post_root_id {inside}"
        return arrow(cursor, sql)["root_id"].to_numpy()


def _plain(who: Any, ids: Any) -> Any:
    """Neurons as a run writes them down: None, criteria of plain values, or ids as text."""
    from ingest.schema.ids import ids_as_text

    if who is None:
        return None
    plain = (str, int, float, bool, type(None))
    if isinstance(who, Mapping) and all(
        isinstance(value, plain) or (isinstance(value, list | tuple) and all(isinstance(one, plain) for one in value))
        for value in who.values()
    ):
        return {str(name): list(value) if isinstance(value, tuple) else value for name, value in who.items()}
    return ids_as_text(ids)
