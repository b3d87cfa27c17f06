"""Verbs about direct connections: one by one, and summed over neurons, columns and neuropils."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.everyday.asking import BESIDE, Asking, column_names, no_connections, with_columns
from ingest.schema.errors import SchemaError

if TYPE_CHECKING:
    from graphlab.verbs.everyday.asking import Ends
    from queries.result import Result


class ConnectionVerbs(Asking):
    """Who connects with whom. Every verb answers with one tidy table, or with a matrix (``pivot=True``)."""

    def connections(
        self,
        pre: Any = None,
        post: Any = None,
        *,
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
        by_neuropil: bool = False,
        columns: str | Sequence[str] = BESIDE,
        fractions: bool = False,
        pivot: bool = False,
        values: str = "weight",
        regex: bool = False,
    ) -> Result:
        """Connections from neurons to neurons, heaviest first.

        Args:
            pre, post: neurons by id, name, type, set or criteria; None for any neuron.
            min_weight: of the whole connection, or with ``by_neuropil`` of its part.
            by_neuropil: one row a neuropil of each chemical connection.
            compartment: only what pairs have there, as ``snapshot`` takes it; fractions are of whole totals.
            columns: columns of ``neurons`` that appear once for either side, as ``cell_type_pre``, ``cell_type_post``.
            fractions: adds ``fraction_in`` (weight / all input of the postsynaptic neuron) and ``fraction_out``
                (weight / all output of the presynaptic one): stored totals before any threshold, fragments in,
                autapses out, also in a subset. Autapses have none.
            pivot: a matrix instead, rows presynaptic, a column a postsynaptic neuron, named by its id.
            values: of the matrix: weight, fraction_in or fraction_out.

        Returns:
            pre_root_id, post_root_id uint64, [neuropil,] weight double, then ``columns``, then fractions double.
        """
        from queries.ir.expression import Property
        from queries.ir.pattern import Column, Order

        ends = self._ends(pre=pre, post=post)
        beside = column_names(columns, "columns")
        pattern, parameters = self._pairs(ends, min_weight, kind, by_neuropil, regex, compartment)
        outputs = [("pre_root_id", "a", "root_id"), ("post_root_id", "b", "root_id")]
        outputs += [("neuropil", "e", "neuropil")] if by_neuropil else []
        outputs += [("weight", "e", "weight")]
        for column in beside:
            outputs += [(f"{column}_pre", "a", column), (f"{column}_post", "b", column)]
        order = [Order(Property("e", "weight"), descending=True), Order(Property("a", "root_id"))]
        order += [Order(Property("b", "root_id"))]
        order += [Order(Property("e", "neuropil"))] if by_neuropil else []
        named = tuple(Column(name, Property(variable, column)) for name, variable, column in outputs)
        found = self._find(with_columns(pattern, named, tuple(order)), parameters, compartment)
        found = self._noted(found, ends, regex, no_connections(kind, min_weight))
        if fractions or values.startswith("fraction"):
            found = self._with_fractions(found, ends, kind, ["root_id"], regex, None)
        return self._pivoted(found, ["root_id"], by_neuropil, values, beside) if pivot else found

    def adjacency(
        self,
        by: str | Sequence[str] = "neuron",
        pre: Any = None,
        post: Any = None,
        *,
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
        fractions: bool = False,
        pivot: bool = False,
        values: str = "weight",
        regex: bool = False,
    ) -> Result:
        """Who connects with whom, summed: by neuron, by columns of neurons, by neuropil.

        Args:
            by: ``neuron``, ``neuropil``, a column of ``neurons`` such as ``cell_type`` (``type``), or several of these.
            pre, post, min_weight, kind, compartment: which connections are summed, as in ``connections``.
            fractions: adds ``fraction_in`` (weight / all input of the postsynaptic group: of every neuron in it that
                meets ``post``, connected or not) and ``fraction_out`` (weight / all output of the presynaptic group);
                autapses are in the weight and not in the fractions.
            pivot: a matrix instead, a row a presynaptic group, a column a postsynaptic one; 0 where nothing connects.
            values: of the matrix: weight, connections, fraction_in or fraction_out.

        Returns:
            neuron: as ``connections``. Columns: ``<column>_pre``, ``<column>_post``, [neuropil,] connections (int64),
            weight; unknown values are a group of their own. neuropil alone: neuropil, connections, weight. Weights are
            double; heaviest first.
        """
        from dataclasses import replace

        from queries.ir.expression import Call, Operation, Property
        from queries.ir.pattern import Column, Order

        groups = column_names(by)
        if "root_id" in groups and (pivot or fractions or values.startswith("fraction")):
            raise SchemaError("fractions and matrices of single neurons are those by 'neuron'; found by 'root_id'")
        by_neuropil = "neuropil" in groups
        labels = [name for name in groups if name != "neuropil"]
        if "neuron" in labels:
            return self.connections(
                pre, post, min_weight=min_weight, kind=kind, by_neuropil=by_neuropil, fractions=fractions, pivot=pivot,
                values=values, regex=regex, compartment=compartment,
                columns=[*BESIDE, *(n for n in labels if n not in ("neuron", *BESIDE))],
            )  # fmt: skip
        ends = self._ends(pre=pre, post=post)
        pattern, parameters = self._pairs(ends, min_weight, kind, by_neuropil, regex, compartment)
        outputs = [Column(f"{n}_{side}", Property(v, n)) for side, v in (("pre", "a"), ("post", "b")) for n in labels]
        outputs += [Column("neuropil", Property("e", "neuropil"))] if by_neuropil else []
        weight = Call("sum", (Property("e", "weight"),))
        columns = (*outputs, Column("connections", Call("count")), Column("weight", weight))
        order = (Order(weight, descending=True), *(Order(group.value) for group in outputs))
        asked = with_columns(pattern, columns, order)
        found = self._find(asked, parameters, compartment)
        found = self._noted(found, ends, regex, no_connections(kind, min_weight))
        if fractions or values.startswith("fraction"):
            own = Operation("=", (Property("a", "root_id"), Property("b", "root_id")))
            autapses = self._find(replace(asked, where=own), parameters, compartment)
            found = self._with_fractions(found, ends, kind, labels, regex, autapses)
        return self._pivoted(found, labels, by_neuropil, values, labels) if pivot else found

    def _with_fractions(
        self, found: Result, ends: Ends, kind: str, labels: list[str], regex: bool, autapses: Result | None
    ) -> Result:
        from dataclasses import replace

        from graphlab.verbs.everyday.tables.fractions import with_fractions

        own = None if autapses is None else autapses.to_arrow()
        return replace(found, table=with_fractions(self._folder, found.to_arrow(), ends, kind, labels, regex, own))

    @staticmethod
    def _pivoted(found: Result, labels: list[str], by_neuropil: bool, values: str, beside: list[str]) -> Result:
        from dataclasses import replace

        from graphlab.verbs.everyday.tables.matrix import matrix

        return replace(found, table=matrix(found.to_arrow(), labels, by_neuropil, values, beside))
