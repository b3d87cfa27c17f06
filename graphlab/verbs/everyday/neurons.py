"""The verb that lists neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphlab.verbs.everyday.asking import Asking
from ingest.schema.errors import SchemaError

if TYPE_CHECKING:
    from queries.result import Result


class NeuronVerbs(Asking):
    """Neurons by criteria. Every verb answers with one tidy table."""

    def neurons(
        self, who: Any = None, *, search: str | None = None, regex: bool = False, root_id: Any = None, **criteria: Any
    ) -> Result:
        """Neurons that meet all criteria, with all their columns, by root_id.

        Args:
            who: a root_id (also as text), a name, a cell type, a saved set, criteria in a dictionary, or several.
            search: words that all have to stand in text columns, in any case: ``"kenyon left"``.
            regex: texts are regular expressions over the whole value.
            root_id: one id or several.
            criteria: column of ``neurons`` -> value, several values, None for unknown, or a compiled pattern;
                ``type``, ``nt``, ``class`` and ``instance`` are other names of columns. ``min_<column>`` and
                ``max_<column>`` are bounds; ``min_in`` and ``min_out`` are summed weights of chemical connections;
                ``in_set`` is the name of a saved set.

        Raises:
            ParseError: no such column, with the nearest. IdError: an invalid id. UnknownNameError: a text that
            nothing has. AmbiguousNameError: a name that several neurons share, with all of them.
        """
        from queries.ir.criteria import CriteriaBuilder
        from queries.ir.expression import Property
        from queries.ir.pattern import Column, Order, Pattern, Vertex

        wanted = _together(who, search, root_id, criteria, self)
        ends = self._ends(neurons=wanted or None)
        predicates = CriteriaBuilder()
        vertex = Vertex("n", ("neuron",), predicates.about("n", ends["neurons"], regex))
        columns = (Column("n.*", Property("n", "*")),)
        pattern = Pattern("connectome", (vertex,), columns=columns, order=(Order(Property("n", "root_id")),))
        return self._noted(self._find(pattern, predicates.parameters), ends, regex)


def _together(
    who: Any, search: str | None, root_id: Any, criteria: dict[str, Any], graph: Asking
) -> dict[str, Any] | None:
    """All that was said, as one dictionary of criteria."""
    from graphlab.selection.resolve import criteria_of

    if who is not None and root_id is not None:
        raise SchemaError("neurons are said by their first argument or by root_id, not by both")
    wanted = {} if root_id is None else {"root_id": root_id}
    first = criteria_of(graph.folder, who) or {}
    twice = sorted(set(first) & {*criteria, *(["search"] if search is not None else [])})
    if twice:
        raise SchemaError(f"{twice[0]} is said twice; say all criteria in one place")
    wanted |= {**first, **criteria}
    if search is not None:
        wanted["search"] = search
    return wanted
