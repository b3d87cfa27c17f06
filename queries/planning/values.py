"""Values of a generated statement: bound by name, never pasted.

Tests: tests/queries/planning/test_plan.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ingest.schema.errors import ParseError, did_you_mean
from queries.ir.expression import Parameter, Span
from queries.ir.regular import text_of
from queries.sql.tokens import tokens

OWN = "graphlab_"


class Values:
    """Collects what a statement binds: constants of the text under names of ours, parameters of the user.

    Raises (from ``parameter``):
        ParseError: a parameter of the text that was not given.
    """

    def __init__(self, parameters: Mapping[str, Any], text: str = "", prefix: str = OWN) -> None:
        self._parameters = parameters
        self.text = text
        self._prefix = prefix
        self._expected: set[str] = set()
        self._own: dict[tuple[str, Any], str] = {}
        self.bound: dict[str, Any] = {}

    def constant(self, value: Any) -> str:
        """Bind a constant; the same constant keeps its name."""
        key = (type(value).__name__, value)
        if key not in self._own:
            name = f"{self._prefix}{len(self._own)}"
            self._own[key] = name
            self.bound[name] = list(value) if isinstance(value, tuple) else value
        return f"${self._own[key]}"

    def parameter(self, parameter: Parameter) -> str:
        """Bind a parameter of the text."""
        name = parameter.name
        if name in self._expected:
            return f"${name}"
        if name not in self._parameters:
            at = parameter.at
            raise ParseError(
                f"there is no value for the parameter ${name}{did_you_mean(name, self._parameters)}",
                self.text,
                at.start if at else 0,
                at.end - at.start if at else 1,
                hint=f"Pass parameters={{'{name}': ...}}.",
            )
        self.bound[name] = plain(self._parameters[name])
        return f"${name}"

    def kind(self, name: str) -> str:
        """The DuckDB type of a text or a number that a parameter is; "" for anything else."""
        return {str: "VARCHAR", float: "DOUBLE", int: "BIGINT"}.get(type(plain(self._parameters.get(name))), "")

    def expect(self, name: str) -> None:
        """Leave a parameter of the text to be bound later, when the statement runs."""
        self._expected.add(name)

    def all(self, sql: str) -> dict[str, Any]:
        """What ``sql`` binds: our constants, and every parameter that stands anywhere in it.

        Raises:
            ParseError: a parameter without a value.
        """
        wanted: dict[str, Any] = {}
        for token in tokens(sql):
            if token.kind == "parameter":
                name = token.text[1:]
                if name not in self.bound:
                    self.parameter(Parameter(name, at=Span(token.start, token.end)))
                wanted[name] = self.bound[name]
        return wanted


def without_nan(value: Any) -> Any:
    """NaN means a value that is not known, in lists and maps too; DuckDB would take it for the largest number."""
    import numpy as np

    if isinstance(value, np.ndarray) or hasattr(value, "to_pylist"):
        value = plain(value)
    if isinstance(value, float | np.floating):
        return None if value != value else value
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return value


def plain(value: Any) -> Any:
    """A parameter as DuckDB binds it well: whole numbers of a list as unsigned ids where they can be."""
    import duckdb
    import numpy as np

    if isinstance(value, re.Pattern):
        return text_of(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "to_pylist"):
        value = value.to_pylist()
    elif not isinstance(value, str | bytes) and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, set | frozenset | tuple | range):
        value = list(value)
    if isinstance(value, list):
        value = [item.item() if isinstance(item, np.generic) else item for item in value]
    if isinstance(value, list) and value and all(type(v) is int and 0 <= v < 2**64 for v in value):
        return duckdb.Value(value, duckdb.list_type(duckdb.sqltype("UBIGINT")))
    return value
