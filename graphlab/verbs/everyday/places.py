"""``graph.places``: the neuron at a point, and the neuropils of neurons.

Tests: tests/graphlab/verbs/everyday/test_synapses.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphlab.selection.notes import about_answer
from graphlab.selection.resolve import criteria_of, root_ids_of
from graphlab.store import tables
from graphlab.store.database import arrow, quote
from graphlab.store.embeddings.models import model_names, open_embeddings
from graphlab.store.wiring.input_totals import stored_totals
from graphlab.verbs.open_graph import Namespace
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.space import Resolution
from ingest.schema.words import KINDS

if TYPE_CHECKING:
    from queries.result import Result

KINDS_OF_PLACE = ("synapse", "node", "neuron")
_SQUARED = "(x_nm - $x) ** 2 + (y_nm - $y) ** 2 + (z_nm - $z) ** 2"


class Places(Namespace):
    """Where neurons are."""

    def at(
        self,
        point: Sequence[float],
        *,
        k: int = 1,
        within_nm: float | None = None,
        resolution: str | Sequence[float] | None = None,
        of: str | Sequence[str] = KINDS_OF_PLACE,
    ) -> Result:
        """The neurons nearest to a point, by their nearest synapse, embedded node or own point; all are compared.

        Args:
            point: XYZ in nm, or in voxels of ``resolution`` (nm per voxel).
            k: so many neurons.
            within_nm: none that is further away.
            of: which places count: synapse (its two neurons are equally near), node (of embeddings, of every model),
                neuron (its own point).

        Returns:
            root_id, name, cell_type, distance_nm, place (synapse, presynaptic; synapse, postsynaptic; embedded node;
            neuron), x_nm, y_nm, z_nm of it; nearest first, then by root_id.

        Raises:
            SchemaError: a point that is none, or nothing has a place here.
        """
        import math

        from queries.result import Result

        kinds = [of] if isinstance(of, str) else list(of)
        for name in kinds:
            if name not in KINDS_OF_PLACE:
                raise UnknownNameError("kind of place", name, KINDS_OF_PLACE)
        try:
            x, y, z = (float(value) for value in point)
        except (TypeError, ValueError):
            raise SchemaError(f"point is {point!r}; wanted three numbers, X, Y and Z in nm") from None
        if not all(map(math.isfinite, (x, y, z))) or k < 1:
            raise SchemaError(f"point is {point!r} and k is {k}; wanted three finite numbers and 1 or more neurons")
        if resolution is not None:
            x, y, z = (a * b for a, b in zip((x, y, z), Resolution.parse(resolution).xyz, strict=True))
        cursor = self._folder.cursor()
        rows = [part for name in kinds for part in self._relations(cursor, name)]
        if not rows:
            raise SchemaError(
                f"nothing here has a place ({', '.join(kinds)}): wanted synapses, neurons with positions, or embeddings"
            )
        if within_nm is not None and not within_nm >= 0:
            raise SchemaError(f"within_nm is {within_nm!r}; wanted a distance in nm")
        values = {"x": x, "y": y, "z": z, "k": k, "most": math.inf if within_nm is None else float(within_nm)}
        sql = f"""WITH near AS ({" UNION ALL ".join(rows)}),
            best AS (SELECT root_id, min(squared) AS squared,
                     arg_min((place, x_nm, y_nm, z_nm), squared) AS nearest
                     FROM near WHERE squared IS NOT NULL AND NOT isnan(squared) GROUP BY root_id)
            SELECT b.root_id, n.name, n.cell_type, sqrt(b.squared) AS distance_nm, nearest[1] AS place,
                   nearest[2] AS x_nm, nearest[3] AS y_nm, nearest[4] AS z_nm FROM best b JOIN neurons n USING (root_id)
            WHERE n.in_graph AND sqrt(b.squared) <= $most ORDER BY distance_nm, b.root_id LIMIT $k"""
        table = arrow(cursor, sql, values)
        notes = () if len(table) else (f"no neuron within {values['most']:g} nm",)
        return Result(table, sql=sql, notes=notes)

    def _relations(self, cursor: Any, kind: str) -> list[str]:
        """SELECTs of root_id, place, x_nm, y_nm, z_nm, squared distance."""
        if kind == "neuron":
            return [self._relation("neurons", "root_id", "neuron")] if _placed(cursor, "neurons") else []
        if kind == "synapse":
            ends = (("pre_root_id", "synapse, presynaptic"), ("post_root_id", "synapse, postsynaptic"))
            return [self._relation("synapses", *end) for end in ends] if _placed(cursor, "synapses") else []
        if self._folder.part is not None:
            return []
        found = []
        for number, model in enumerate(model_names(self._folder)):
            cursor.register(f"nodes_{number}", open_embeddings(self._folder, model).to_arrow())
            # Segments of the embeddings are neurons by id, but where they were joined to others.
            joined = (
                f"(SELECT coalesce(j.root_id, e.root_id) AS root_id, e.x_nm, e.y_nm, e.z_nm FROM nodes_{number} e "
                f"LEFT JOIN (FROM neuron_embeddings WHERE model = {_text(model)}) j ON j.embedded_root_id = e.root_id)"
            )
            found.append(self._relation(joined, "root_id", "embedded node"))
        return found

    @staticmethod
    def _relation(relation: str, root_id: str, place: str) -> str:
        axes = ", ".join(f"CAST({a}_nm AS DOUBLE) AS {a}_nm" for a in "xyz")
        return f"SELECT {root_id} AS root_id, '{place}' AS place, {axes}, {_SQUARED} AS squared FROM {relation}"

    def neuropils(self, who: Any = None, *, by: str = "neuron", kind: str = "chemical", regex: bool = False) -> Result:
        """The neuropil profile of neurons, or of types: what they receive and send where.

        Args:
            who: neurons by id, name, type, set or criteria; None for all.
            by: ``neuron``, or a column of ``neurons`` such as ``cell_type`` to sum by.

        Returns:
            neuron: root_id, name, cell_type; else the column and neurons int64. Then neuropil, input, output (summed
            weights), fraction_in, fraction_out (of all input and output of the neuron, or of the neurons of the type:
            stored totals, also where no neuropil is known); by label, most first.
        """
        import pyarrow as pa

        from queries.result import Result

        if not tables.has_neuropils(self._folder):
            raise SchemaError("no connection of this graph has a neuropil; wanted connections with a column neuropil")
        if kind not in KINDS:
            raise UnknownNameError("kind", kind, KINDS)
        chosen = root_ids_of(self._folder, who, regex)
        columns = self.neuron_columns()
        if by != "neuron" and by not in columns:
            raise UnknownNameError("column of neurons", by, columns)
        keys = ["root_id", "name", "cell_type"] if by == "neuron" else [by]
        cursor = self._folder.cursor()
        cursor.register("chosen", pa.table({"root_id": pa.array(chosen, pa.uint64())}))
        for side in ("in", "out"):
            ids, totals = stored_totals(self._folder.whole, kind, side)
            cursor.register(f"all_{side}", pa.table({"root_id": pa.array(ids, pa.uint64()), "total": totals}))
        names = ", ".join(f"n.{quote(key)} AS {quote(key)}" for key in keys)
        head = ", ".join(map(quote, keys))
        sql = f"""WITH mine AS (SELECT n.root_id AS own, {names}, i.total AS total_in, o.total AS total_out
                FROM chosen JOIN neurons n USING (root_id) LEFT JOIN all_in i USING (root_id)
                LEFT JOIN all_out o USING (root_id)),
            groups AS (SELECT {head}, count(*) AS neurons, sum(total_in ORDER BY total_in) AS total_in,
                sum(total_out ORDER BY total_out) AS total_out FROM mine GROUP BY ALL),
            ends AS (SELECT post_root_id AS own, neuropil, weight AS input, 0.0 AS output FROM connections_by_neuropil
                WHERE kind = $kind AND pre_root_id <> post_root_id
                UNION ALL SELECT pre_root_id, neuropil, 0.0, weight FROM connections_by_neuropil
                WHERE kind = $kind AND pre_root_id <> post_root_id),
            sums AS (SELECT {head}, neuropil, sum(input ORDER BY input) AS input, sum(output ORDER BY output) AS output
                FROM mine JOIN ends USING (own) GROUP BY ALL)
            SELECT {", ".join(f"s.{quote(key)}" for key in keys)}, {"" if by == "neuron" else "g.neurons, "}s.neuropil,
                s.input, s.output, s.input / nullif(g.total_in, 0) AS fraction_in,
                s.output / nullif(g.total_out, 0) AS fraction_out
            FROM sums s JOIN groups g ON {" AND ".join(f"s.{quote(k)} IS NOT DISTINCT FROM g.{quote(k)}" for k in keys)}
            ORDER BY {", ".join(f"s.{quote(key)}" for key in keys[:1])}, s.input + s.output DESC, s.neuropil"""
        table = arrow(cursor, sql, {"kind": kind})
        ends = {"neurons": criteria_of(self._folder, who)}
        notes = about_answer(self._folder, ends, len(table), regex=regex, wanted="none has a connection in a neuropil")
        return Result(table, sql=sql, notes=notes)

    def neuron_columns(self) -> list[str]:
        """The columns of ``neurons``."""
        return [str(row[0]) for row in self._folder.cursor().execute("DESCRIBE neurons").fetchall()]


def _placed(cursor: Any, relation: str) -> bool:
    row = cursor.execute(f"SELECT count(*) FROM (SELECT 1 FROM {relation} WHERE x_nm IS NOT NULL LIMIT 1)").fetchall()
    return bool(row[0][0])


def _text(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"
