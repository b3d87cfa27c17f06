"""How everyday verbs ask: neurons by what people say, patterns answered over one committed state, notes beside rows.

Tests: tests/graphlab/verbs/everyday/test_connections.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from graphlab.store import query_source, tables
from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.words import KINDS

if TYPE_CHECKING:
    from queries.ir.expression import Expression
    from queries.ir.pattern import Pattern
    from queries.result import Result

LABELS = {"chemical": "synapse", "electrical": "electrical", "extrasynaptic": "extrasynaptic"}
WHICH_PART = (
    "neuropils and compartments split connections each by itself; which part of a pair lies in a compartment and a "
    "neuropil both is known of single synapses only (SQL over synapses). Leave one of them out"
)
BESIDE = ("name", "cell_type")
"""Columns of ``neurons`` that stand beside ids in answers."""
Ends = Mapping[str, Mapping[str, Any] | None]
"""What is asked of neurons, by what they are to be."""


class Asking(OpenGraph):
    """What verbs share that ask the tables."""

    def _ends(self, **who: Any) -> Ends:
        """What people said of neurons, as criteria of columns."""
        from graphlab.selection.resolve import criteria_of

        return {name: criteria_of(self._folder, said) for name, said in who.items()}

    def _pairs(
        self,
        ends: Ends,
        min_weight: float,
        kind: str,
        by_neuropil: bool,
        regex: bool,
        compartment: Compartment = None,
    ) -> tuple[Pattern, dict[str, Any]]:
        """``(a)-[e]->(b)`` with the criteria of pre and post, and what is bound with it."""
        from queries.ir.criteria import CriteriaBuilder
        from queries.ir.expression import Literal, Operation, Property
        from queries.ir.pattern import Edge, Pattern, Vertex

        if kind not in KINDS:
            raise UnknownNameError("kind", kind, KINDS)
        if by_neuropil and compartment is not None:
            raise SchemaError(WHICH_PART)
        if by_neuropil and kind != "chemical":
            raise SchemaError(f"neuropils are known of chemical connections, not of {kind} ones")
        if by_neuropil and not tables.has_neuropils(self._folder):
            raise SchemaError(
                "no connection of this graph has a neuropil; wanted synapses or connections with a column neuropil "
                "(roi in neuPrint's words)"
            )
        require_least_weight(min_weight)
        predicates = CriteriaBuilder()
        least: Expression | None = None
        if min_weight:
            least = Operation(">=", (Property("e", "weight"), Literal(float(min_weight))))
        edge = Edge("e", "a", "b", ("synapse_by_neuropil" if by_neuropil else LABELS[kind],), predicate=least)
        vertices = tuple(
            Vertex(name, ("neuron",), predicates.about(name, ends[end], regex))
            for name, end in (("a", "pre"), ("b", "post"))
        )
        return Pattern("connectome", vertices, (edge,)), predicates.parameters

    def _find(self, pattern: Pattern, parameters: dict[str, Any], compartment: Compartment = None) -> Result:
        from queries.engine import find

        with query_source.question_source(self._folder, compartment=compartment) as source:
            return find(pattern, source, parameters=parameters)

    def _noted(self, result: Result, ends: Ends, regex: bool = False, wanted: str = "") -> Result:
        """The answer with what there is to say about it."""
        from dataclasses import replace

        from graphlab.selection.notes import about_answer

        notes = about_answer(self._folder, ends, len(result), regex=regex, wanted=wanted)
        return replace(result, notes=(*result.notes, *notes)) if notes else result


def with_columns(pattern: Pattern, columns: tuple[Any, ...], order: tuple[Any, ...]) -> Pattern:
    from dataclasses import replace

    return replace(pattern, columns=columns, order=order)


def no_connections(kind: str, min_weight: float) -> str:
    """What was looked for, where nothing was found."""
    least = f" of weight {min_weight:g} or more" if min_weight else ""
    return f"there is no {kind} connection{least} from those to these"


def column_names(columns: Any, what: str = "by") -> list[str]:
    """The names that were given, each once.

    Raises:
        SchemaError: anything but text, or none where ``what`` takes at least one.
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise SchemaError(f"{what} holds {wrong!r}; wanted names of columns of neurons")
    if what == "by" and not names:
        raise SchemaError("by is empty; wanted neuron, neuropil, or columns of neurons")
    return list(dict.fromkeys(names))


def require_least_weight(value: Any) -> None:
    """SchemaError for anything but a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise SchemaError(f"min_weight is {value!r}; wanted the least weight of a connection that counts")
