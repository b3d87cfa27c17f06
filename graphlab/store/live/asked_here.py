"""One question over a few neurons and connections that are handed over, in a database of its own.

Tests: tests/graphlab/live/test_standing.py.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from queries.ir.statement import Statement
    from queries.snapshot import Snapshot


class AskedHere:
    """A question that is asked of small tables again and again; use it from one thread."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._connection = duckdb.connect(config={"threads": 1, "enable_external_access": "false"})

    def rows(self, neurons: pa.Table, connections: pa.Table) -> Counter[tuple[Any, ...]]:
        """The answer, each row with how often it is there.

        Raises:
            ParseError, SchemaError: the question reads more than neurons and connections.
        """
        from queries.engine import Source, answer
        from queries.ir.connectome import connectome

        self._connection.register("neurons", neurons)
        self._connection.register("connections", connections)
        source = Source(self._connection, {"connectome": connectome("chemical")}, snapshot=_none)
        found = answer(self._statement, source, engine="duckdb").to_arrow()
        columns = [column.to_pylist() for column in found.columns]
        return Counter(zip(*columns, strict=True)) if columns else Counter({(): found.num_rows})

    def close(self) -> None:
        self._connection.close()


def _none(kind: str) -> Snapshot:
    raise AssertionError("SQL alone answers this")
