"""Verbs about the partners of neurons: one by one or by type, on either side, and those that several share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.everyday.asking import BESIDE, column_names, no_connections, with_columns
from graphlab.verbs.everyday.connections import ConnectionVerbs
from ingest.schema.errors import SchemaError

if TYPE_CHECKING:
    from queries.result import Result


class PartnerVerbs(ConnectionVerbs):
    """Partners of neurons. Every verb answers with one tidy table."""

    def partners(
        self,
        who: Any,
        *,
        direction: Literal["out", "in"] = "out",
        by: str | Sequence[str] = "neuron",
        sides: bool = False,
        upto: float | None = None,
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
        regex: bool = False,
    ) -> Result:
        """The partners of some neurons taken together, heaviest first, as fractions of all that the neurons have.

        Args:
            who: neurons by id, name, type, set or criteria.
            direction: ``out`` for those they connect to, ``in`` for those that connect to them.
            by: ``neuron``, or columns of ``neurons`` to sum partners by, such as ``cell_type``.
            sides: the weight apart by side: ipsilateral (partner and neuron on the same side, left or right),
                contralateral (on the two sides), unsided (one of them in the centre or unknown).
            upto: only the first partners whose fractions reach so much together.
            min_weight: weaker connections are left out, and count in the denominators.
            compartment: only what pairs have there, as ``snapshot`` takes it; all counts in the denominators.

        Returns:
            neuron: root_id uint64, name, cell_type, side; else the columns of ``by`` and partners int64. Then
            connections int64, weight double, [ipsilateral, contralateral, unsided,] fraction (of all output, or input,
            of the neurons: stored totals, fragments in, autapses out) and cumulative, double. A neuron is no partner
            of itself: autapses are left out, and told.
        """
        from dataclasses import replace

        import numpy as np

        from graphlab.selection.notes import not_neurons
        from graphlab.selection.resolve import root_ids_of
        from graphlab.verbs.everyday.tables.partners import partner_table, without_autapses

        if direction not in ("out", "in"):
            raise SchemaError(f"direction is {direction!r}; wanted out or in")
        if upto is not None and not 0 < upto <= 1:
            raise SchemaError(f"upto is {upto!r}; wanted a fraction above 0, at most 1")
        groups = column_names(by)
        labels = [*BESIDE, "side"] if groups == ["neuron"] else groups
        mine = "pre" if direction == "out" else "post"
        chosen = root_ids_of(self._folder, who, regex)
        chosen = chosen[~np.isin(chosen, not_neurons(self._folder, chosen))]  # in a part, only what it has
        ends = {"pre": None, "post": None, mine: {"root_id": chosen}}
        found = self.connections(
            ends["pre"], ends["post"], min_weight=min_weight, kind=kind, compartment=compartment,
            columns=list(dict.fromkeys([*labels, "side"])),
        )  # fmt: skip
        asked = self._ends(**{mine: who})
        others, autapses = without_autapses(found.to_arrow())
        table = partner_table(self._folder, others, direction, chosen, groups, labels, sides, kind, upto)
        told = (f"{autapses:,} autapses (a neuron onto itself) are left out",) if autapses else ()
        answer = replace(found, table=table, notes=told)
        return self._noted(answer, asked, regex, no_connections(kind, min_weight).split(" from")[0])

    def common_partners(
        self,
        who: Any,
        *,
        direction: str = "out",
        at_least: int | None = None,
        min_weight: float = 0.0,
        kind: str = "chemical",
        compartment: Compartment = None,
    ) -> Result:
        """Neurons connected with all of some neurons, or with at least so many of them.

        Args:
            who: the neurons in question, by id, name, type, set or criteria.
            direction: ``out`` for partners that all of them connect to, ``in`` for partners that connect to all.
            at_least: how many of them a partner has to share; all when absent.
            compartment: only what pairs have there, as ``snapshot`` takes it.

        Returns:
            root_id uint64, name, cell_type, shared int64 (how many of the neurons), weight double (summed); most
            shared, then heaviest first.
        """
        from dataclasses import replace

        from graphlab.selection.resolve import root_ids_of
        from queries.ir.expression import Call, Operation, Property
        from queries.ir.pattern import Column, Order

        if direction not in ("out", "in"):
            raise SchemaError(f"direction is {direction!r}; wanted out or in")
        ids = sorted(root_ids_of(self._folder, who).tolist())
        if not ids and not isinstance(who, dict):
            raise SchemaError("no root_id was given; wanted one or more")
        least = max(len(ids), 1) if at_least is None else at_least
        mine, partner = ("a", "b") if direction == "out" else ("b", "a")
        end = "pre" if direction == "out" else "post"
        ends = {"pre": None, "post": None, **self._ends(**{end: ids})}
        pattern, parameters = self._pairs(ends, min_weight, kind, False, False, compartment)
        # A neuron is no partner of itself.
        apart = Operation("<>", (Property("a", "root_id"), Property("b", "root_id")))
        pattern = replace(pattern, where=apart)
        shared = Call("count", (Property(mine, "root_id"),), distinct=True)
        weight = Call("sum", (Property("e", "weight"),))
        columns = (
            *(Column(name, Property(partner, name)) for name in ("root_id", *BESIDE)),
            Column("shared", shared),
            Column("weight", weight),
        )
        order = (Order(shared, descending=True), Order(weight, descending=True), Order(Property(partner, "root_id")))
        found = _kept(self._find(with_columns(pattern, columns, order), parameters, compartment), "shared", least)
        asked = self._ends(**{end: who})
        return self._noted(found, asked, wanted=f"no neuron is shared by {least:,} of the {len(ids):,}")


def _kept(result: Result, column: str, least: int) -> Result:
    """The rows whose count is at least so much."""
    from dataclasses import replace

    import pyarrow.compute as pc

    if least < 1:
        raise SchemaError(f"at_least is {least}; wanted 1 or more")
    table = result.to_arrow()
    # Arrow's numbers end at 2^63, which no count reaches.
    return replace(result, table=table.filter(pc.greater_equal(table[column], min(least, 2**63 - 1))))
