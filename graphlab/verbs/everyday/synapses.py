"""``graph.synapses``: single synapses of neurons and between them, and where they lie on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from graphlab.selection.notes import about_answer
from graphlab.selection.resolve import criteria_of, root_ids_of
from graphlab.store.database import first_row
from graphlab.store.information import recipe_of
from graphlab.store.wiring.recipe import recipe_text
from graphlab.verbs.open_graph import Namespace
from ingest.schema.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    from queries.result import Result

OF_SYNAPSE = "s.x_nm, s.y_nm, s.z_nm, s.neuropil, s.score, s.size, coalesce(s.weight, 1) AS weight"
SIDES = ("pre", "post", "both")


class Synapses(Namespace):
    """Single synapses.

    Everywhere: ``kind``, ``neuropil`` (one or several) and ``min_score`` leave synapses out; without them all rows of
    the table ``synapses`` are there, also those that the recipe of connections does not count.
    """

    def of(
        self,
        who: Any,
        *,
        side: Literal["pre", "post", "both"] = "both",
        kind: str = "chemical",
        neuropil: Any = None,
        min_score: float | None = None,
        regex: bool = False,
    ) -> Result:
        """The synapses of some neurons, one row a neuron and synapse.

        Args:
            who: neurons by id, name, type, set or criteria.
            side: ``pre`` where they send, ``post`` where they receive, or both.

        Returns:
            root_id, name, cell_type, side (pre, post), synapse_id, partner_root_id, x_nm, y_nm, z_nm, neuropil, score,
            size, weight; by root_id, side, synapse_id.
        """
        if side not in SIDES:
            raise UnknownNameError("side of a synapse", side, SIDES)
        where, values = self._where(kind, neuropil, min_score)
        parts = [
            f"SELECT n.root_id, n.name, n.cell_type, '{end}' AS side, s.synapse_id, s.{other}_root_id AS "
            f"partner_root_id, {OF_SYNAPSE} FROM synapses s JOIN chosen c ON c.root_id = s.{end}_root_id "
            f"JOIN neurons n ON n.root_id = c.root_id WHERE {where}"
            for end, other in (("pre", "post"), ("post", "pre"))
            if side in (end, "both")
        ]
        sql = " UNION ALL ".join(parts) + " ORDER BY root_id, side DESC, synapse_id"
        return self._asked(sql, {"chosen": who}, values, regex)

    def between(
        self,
        pre: Any = None,
        post: Any = None,
        *,
        kind: str = "chemical",
        neuropil: Any = None,
        min_score: float | None = None,
        regex: bool = False,
    ) -> Result:
        """The synapses from neurons to neurons, one row each.

        Args:
            pre, post: neurons by id, name, type, set or criteria; None for any neuron of the graph.

        Returns:
            synapse_id, pre_root_id, post_root_id, name and cell_type of both, x_nm, y_nm, z_nm, neuropil, score, size,
            weight; by synapse_id.
        """
        where, values = self._where(kind, neuropil, min_score)
        chosen = {name: who for name, who in (("chosen_pre", pre), ("chosen_post", post)) if who is not None}
        joins = " ".join(
            f"SEMI JOIN chosen_{end} ON chosen_{end}.root_id = s.{end}_root_id"
            for end in ("pre", "post")
            if f"chosen_{end}" in chosen
        )
        inside = "".join(
            f" AND {neuron}.in_graph" for end, neuron in (("pre", "a"), ("post", "b")) if f"chosen_{end}" not in chosen
        )
        sql = (
            f"SELECT s.synapse_id, s.pre_root_id, s.post_root_id, a.name AS name_pre, b.name AS name_post, "
            f"a.cell_type AS cell_type_pre, b.cell_type AS cell_type_post, {OF_SYNAPSE} "
            f"FROM (FROM synapses s {joins}) s JOIN neurons a ON a.root_id = s.pre_root_id "
            f"JOIN neurons b ON b.root_id = s.post_root_id WHERE {where}{inside} ORDER BY s.synapse_id"
        )
        return self._asked(sql, chosen, values, regex)

    def mean(
        self,
        who: Any,
        *,
        side: Literal["pre", "post", "both"] = "both",
        by_neuropil: bool = False,
        kind: str = "chemical",
        neuropil: Any = None,
        min_score: float | None = None,
        regex: bool = False,
    ) -> Result:
        """Where the synapses of neurons lie on average.

        Returns:
            root_id, name, cell_type, side, [neuropil,] synapses, placed (of these, with a position) int64, x_nm, y_nm,
            z_nm: means over the placed ones, null without any.
        """
        whole = self.of(who, side=side, kind=kind, neuropil=neuropil, min_score=min_score, regex=regex)
        cursor = self._folder.cursor()
        cursor.register("found", whole.to_arrow())
        keys = "root_id, name, cell_type, side" + (", neuropil" if by_neuropil else "")
        means = ", ".join(f"sum({a}_nm ORDER BY {a}_nm) / count({a}_nm) AS {a}_nm" for a in "xyz")
        sql = (
            f"SELECT {keys}, count(*) AS synapses, count(x_nm) AS placed, {means} FROM found GROUP BY {keys} "
            f"ORDER BY root_id, side DESC{', neuropil' if by_neuropil else ''}"
        )
        from dataclasses import replace

        from graphlab.store.database import arrow

        return replace(whole, table=arrow(cursor, sql), sql=sql)

    def _where(self, kind: str, neuropil: Any, min_score: float | None) -> tuple[str, dict[str, Any]]:
        """The condition on single synapses, and its values."""
        from ingest.schema.words import KINDS

        if kind not in KINDS:
            raise UnknownNameError("kind", kind, KINDS)
        cursor = self._folder.cursor()
        row = first_row(cursor, "SELECT count(*) FROM (SELECT 1 FROM synapses LIMIT 1)")
        if not row[0]:
            raise SchemaError(
                "the graph has no single synapses: its connections came ready. Ingest synapses (--as synapses) into a "
                "graph of their own"
            )
        parts, values = ["coalesce(s.kind, 'chemical') = $kind"], dict[str, Any](kind=kind)
        if neuropil is not None:
            if not hasattr(neuropil, "__iter__"):
                raise SchemaError(f"neuropil is {neuropil!r}; wanted the name of one, or several names")
            pools = [neuropil] if isinstance(neuropil, str) else [*neuropil]
            known = [
                str(r[0])
                for r in cursor.execute("SELECT DISTINCT neuropil FROM synapses WHERE neuropil IS NOT NULL").fetchall()
            ]
            for pool in pools:
                if pool not in known:
                    raise UnknownNameError("neuropil", pool, known)
            parts.append("s.neuropil IN (SELECT unnest($pools))")
            values["pools"] = pools
        if min_score is not None:
            parts.append("s.score >= $min_score")
            values["min_score"] = float(min_score)
        return " AND ".join(parts), values

    def _asked(self, sql: str, chosen: dict[str, Any], values: dict[str, Any], regex: bool) -> Result:
        import pyarrow as pa

        from graphlab.store.database import arrow
        from queries.result import Result, plain_types

        with self._folder.reading() as cursor:
            for name, who in chosen.items():
                ids = root_ids_of(self._folder, who, regex)
                cursor.register(name, pa.table({"root_id": pa.array(ids, pa.uint64())}))
            table = plain_types(arrow(cursor, sql, values))
        ends = {name.removeprefix("chosen_"): criteria_of(self._folder, who) for name, who in chosen.items()}
        ends = {"neurons" if name == "chosen" else name: said for name, said in ends.items()}
        notes = about_answer(self._folder, ends, len(table), regex=regex, wanted="there is no such synapse")
        recipe = recipe_of(self._folder)
        if recipe.get("min_score") is not None or recipe.get("merge_within_nm"):
            notes += (f"connections do not count all of these: {recipe_text(recipe)}",)
        return Result(table, sql=sql, notes=notes)
