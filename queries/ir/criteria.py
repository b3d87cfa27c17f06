"""What people say about neurons in Python, as expressions: ``cell_type=["Mi1", "Tm3"], min_in=10``.

Tests: tests/queries/ir/test_regular.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ingest.schema.errors import SchemaError
from ingest.schema.ids import as_root_ids
from queries.ir.expression import Expression, Literal, Operation, Parameter, Property, conjunction
from queries.ir.regular import text_of

LEAST = {"min_in": "weight_in", "min_out": "weight_out"}
"""Criteria about the summed weight of a neuron's chemical connections, and the property they look at."""


class CriteriaBuilder:
    """Expressions over one or more variables; ``parameters`` holds the values to bind with them."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def about(self, variable: str, criteria: Any, regex: bool = False) -> Expression | None:
        """The predicate of a vertex.

        Args:
            criteria: None for any neuron; a root_id or several; or column -> value. A value is one value, several
                (any of them), None (unknown), a compiled pattern (the whole text matches), or for ``min_...`` the
                least number. ``min_in`` and ``min_out`` are summed weights of chemical connections.
            regex: texts are regular expressions.

        Raises:
            IdError: an invalid root_id. SchemaError: an unusable value.
        """
        if criteria is None:
            return None
        if not isinstance(criteria, Mapping):
            criteria = {"root_id": criteria}
        parts = [self._one(variable, name, value, regex) for name, value in criteria.items()]
        return conjunction(parts)

    def bound(self, value: Any) -> Parameter:
        """A value under a name of its own."""
        name = f"said_{len(self.parameters)}"
        self.parameters[name] = value
        return Parameter(name)

    def _one(self, variable: str, name: str, value: Any, regex: bool) -> Expression:
        if name == "root_id":
            ids = as_root_ids(value if _several(value) else [value])
            return Operation("IN LIST", (Property(variable, name), self.bound(ids.tolist())))
        if name in LEAST or name.startswith("min_"):
            column = Property(variable, LEAST.get(name, name.removeprefix("min_")))
            return Operation(">=", (column, _number(name, value)))
        if name.startswith("max_"):
            return Operation("<=", (Property(variable, name.removeprefix("max_")), _number(name, value)))
        column = Property(variable, name)
        if value is None:
            return Operation("IS NULL", (column,))
        if isinstance(value, re.Pattern) or (regex and isinstance(value, str)):
            return Operation("MATCHES", (column, self.bound(_pattern(name, value))))
        if not _several(value):
            return Operation("=", (column, self.bound(value)))
        parts: list[Expression] = []
        plain = []
        for item in value:
            if item is None or isinstance(item, re.Pattern) or (regex and isinstance(item, str)):
                parts.append(self._one(variable, name, item, regex))
            else:
                plain.append(item)
        if plain or not parts:
            parts.append(Operation("IN LIST", (column, self.bound(plain))) if plain else Literal(False))
        return parts[0] if len(parts) == 1 else Operation("OR", tuple(parts))


def _pattern(name: str, value: Any) -> str:
    if isinstance(value, re.Pattern):
        return text_of(value)
    try:
        re.compile(value)
    except re.error as error:
        raise SchemaError(f"{name}: {value!r} is no regular expression: {error}") from None
    return str(value)


def _several(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str | bytes)


def _number(name: str, value: Any) -> Literal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SchemaError(f"{name} is {value!r}; wanted a number")
    return Literal(value)
