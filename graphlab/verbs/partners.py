"""Verbs about neurons and who is connected with whom: everyday questions as patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphlab.store import query_source, tables
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.words import KINDS

if TYPE_CHECKING:
    from queries.ir.expression import Expression
    from queries.ir.pattern import Pattern
    from queries.result import Result

LABELS = {"chemical": "synapse", "electrical": "electrical", "extrasynaptic": "extrasynaptic"}


class Partners(OpenGraph):
    """Neurons by criteria, and their direct connections. Every verb answers with one tidy table."""

    def neurons(self, root_id: Any = None, *, regex: bool = False, **criteria: Any) -> Result:
        """Neurons that meet all criteria, with all their columns, by root_id.

        Args:
            root_id: one id or several.
            regex: texts are regular expressions over the whole value.
            criteria: column of ``neurons`` -> value, several values, None for unknown, or a compiled pattern;
                ``type``, ``nt``, ``class`` and ``instance`` are other names of columns. ``min_<column>`` and
                ``max_<column>`` are bounds; ``min_in`` and ``min_out`` are summed weights of chemical connections.

        Raises:
            ParseError: no such column, with the nearest. IdError: an invalid id.
        """
        from queries.ir.criteria import CriteriaBuilder
        from queries.ir.expression import Property
        from queries.ir.pattern import Column, Order, Pattern, Vertex

        predicates = CriteriaBuilder()
        wanted = dict(criteria) if root_id is None else {"root_id": root_id, **criteria}
        vertex = Vertex("n", ("neuron",), predicates.about("n", wanted, regex))
        columns = (Column("n.*", Property("n", "*")),)
        pattern = Pattern("connectome", (vertex,), columns=columns, order=(Order(Property("n", "root_id")),))
        return self._find(pattern, predicates.parameters)

    def connections(
        self,
        pre: Any = None,
        post: Any = None,
        *,
        min_weight: float = 0.0,
        kind: str = "chemical",
        by_neuropil: bool = False,
        columns: Sequence[str] = ("cell_type",),
        regex: bool = False,
    ) -> Result:
        """Connections from neurons to neurons, heaviest first.

        Args:
            pre, post: root_id or several, or criteria as for ``neurons`` in a dictionary; None for any neuron.
            min_weight: of the whole connection, or with ``by_neuropil`` of its part.
            by_neuropil: one row a neuropil of each chemical connection.
            columns: columns of ``neurons`` that appear once for either side, as ``cell_type_pre``, ``cell_type_post``.

        Returns:
            pre_root_id, post_root_id uint64, [neuropil,] weight double, then ``columns``.
        """
        from queries.ir.expression import Property
        from queries.ir.pattern import Column, Order

        pattern, parameters = self._pairs(pre, post, min_weight, kind, by_neuropil, regex)
        outputs = [("pre_root_id", "a", "root_id"), ("post_root_id", "b", "root_id")]
        outputs += [("neuropil", "e", "neuropil")] if by_neuropil else []
        outputs += [("weight", "e", "weight")]
        for column in columns:
            outputs += [(f"{column}_pre", "a", column), (f"{column}_post", "b", column)]
        order = [Order(Property("e", "weight"), descending=True), Order(Property("a", "root_id"))]
        order += [Order(Property("b", "root_id"))]
        order += [Order(Property("e", "neuropil"))] if by_neuropil else []
        named = tuple(Column(name, Property(variable, column)) for name, variable, column in outputs)
        return self._find(_with(pattern, named, tuple(order)), parameters)

    def adjacency(
        self,
        by: str = "neuron",
        pre: Any = None,
        post: Any = None,
        *,
        min_weight: float = 0.0,
        kind: str = "chemical",
        regex: bool = False,
    ) -> Result:
        """Who connects with whom, summed: by neuron, by a column of neurons, or by neuropil.

        Args:
            by: ``neuron``, ``neuropil``, or a column of ``neurons`` such as ``cell_type`` (``type``).
            pre, post, min_weight, kind: which connections are summed, as in ``connections``.

        Returns:
            neuron: pre_root_id, post_root_id, weight. A column: ``<column>_pre``, ``<column>_post``, connections
            (int64), weight; unknown values are a group of their own. neuropil: neuropil, connections, weight.
            Weights are double; heaviest first.
        """
        from queries.ir.expression import Call, Property
        from queries.ir.pattern import Column, Order

        if by == "neuron":
            return self.connections(pre, post, min_weight=min_weight, kind=kind, columns=(), regex=regex)
        pattern, parameters = self._pairs(pre, post, min_weight, kind, by == "neuropil", regex)
        if by == "neuropil":
            groups = [Column("neuropil", Property("e", "neuropil"))]
        else:
            groups = [Column(f"{by}_{side}", Property(v, by)) for side, v in (("pre", "a"), ("post", "b"))]
        weight = Call("sum", (Property("e", "weight"),))
        columns = (*groups, Column("connections", Call("count")), Column("weight", weight))
        order = (Order(weight, descending=True), *(Order(group.value) for group in groups))
        return self._find(_with(pattern, columns, order), parameters)

    def common_partners(
        self,
        root_ids: Any,
        *,
        direction: str = "out",
        at_least: int | None = None,
        min_weight: float = 0.0,
        kind: str = "chemical",
    ) -> Result:
        """Neurons connected with all of some neurons, or with at least so many of them.

        Args:
            root_ids: the neurons in question.
            direction: ``out`` for partners that all of them connect to, ``in`` for partners that connect to all.
            at_least: how many of them a partner has to share; all when absent.

        Returns:
            root_id uint64, cell_type, shared int64 (how many of ``root_ids``), weight double (summed); most shared,
            then heaviest first.
        """
        from queries.ir.expression import Call, Property
        from queries.ir.pattern import Column, Order

        if direction not in ("out", "in"):
            raise SchemaError(f"direction is {direction!r}; wanted out or in")
        ids = _distinct_ids(root_ids)
        least = len(ids) if at_least is None else at_least
        mine, partner = ("a", "b") if direction == "out" else ("b", "a")
        pre, post = (ids, None) if direction == "out" else (None, ids)
        pattern, parameters = self._pairs(pre, post, min_weight, kind, False, False)
        shared = Call("count", (Property(mine, "root_id"),), distinct=True)
        weight = Call("sum", (Property("e", "weight"),))
        columns = (
            Column("root_id", Property(partner, "root_id")),
            Column("cell_type", Property(partner, "cell_type")),
            Column("shared", shared),
            Column("weight", weight),
        )
        order = (Order(shared, descending=True), Order(weight, descending=True), Order(Property(partner, "root_id")))
        return _kept(self._find(_with(pattern, columns, order), parameters), "shared", least)

    def _pairs(
        self, pre: Any, post: Any, min_weight: float, kind: str, by_neuropil: bool, regex: bool
    ) -> tuple[Pattern, dict[str, Any]]:
        """``(a)-[e]->(b)`` with criteria, and what is bound with it."""
        from queries.ir.criteria import CriteriaBuilder
        from queries.ir.expression import Literal, Operation, Property
        from queries.ir.pattern import Edge, Pattern, Vertex

        if kind not in KINDS:
            raise UnknownNameError("kind", kind, KINDS)
        if by_neuropil and kind != "chemical":
            raise SchemaError(f"neuropils are known of chemical connections, not of {kind} ones")
        if by_neuropil and not tables.has_neuropils(self._folder):
            raise SchemaError(
                "no connection of this graph has a neuropil; wanted synapses or connections with a column neuropil "
                "(roi in neuPrint's words)"
            )
        predicates = CriteriaBuilder()
        least: Expression | None = None
        if min_weight:
            least = Operation(">=", (Property("e", "weight"), Literal(float(min_weight))))
        edge = Edge("e", "a", "b", ("synapse_by_neuropil" if by_neuropil else LABELS[kind],), predicate=least)
        vertices = tuple(
            Vertex(name, ("neuron",), predicates.about(name, who, regex)) for name, who in (("a", pre), ("b", post))
        )
        return Pattern("connectome", vertices, (edge,)), predicates.parameters

    def _find(self, pattern: Pattern, parameters: dict[str, Any]) -> Result:
        from queries.engine import find

        with query_source.question_source(self._folder) as source:
            return find(pattern, source, parameters=parameters)


def _with(pattern: Pattern, columns: tuple[Any, ...], order: tuple[Any, ...]) -> Pattern:
    from dataclasses import replace

    return replace(pattern, columns=columns, order=order)


def _distinct_ids(root_ids: Any) -> list[int]:
    from ingest.schema.ids import as_root_ids

    ids = as_root_ids([root_ids] if isinstance(root_ids, int) else root_ids)
    distinct: list[int] = sorted(set(ids.tolist()))
    if not distinct:
        raise SchemaError("no root_id was given; wanted one or more")
    return distinct


def _kept(result: Result, column: str, least: int) -> Result:
    """The rows whose count is at least so much."""
    from dataclasses import replace

    import pyarrow.compute as pc

    if least < 1:
        raise SchemaError(f"at_least is {least}; wanted 1 or more")
    table = result.to_arrow()
    return replace(result, table=table.filter(pc.greater_equal(table[column], least)))
