"""Verbs that ask questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphlab.store import query_source
from graphlab.verbs.opened import Opened

if TYPE_CHECKING:
    from queries.result import Result


class Asking(Opened):
    """Questions in any language, read-only."""

    def query(
        self,
        text: str,
        language: str | None = None,
        engine: str = "auto",
        limit: int | None = None,
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Result:
        """Ask: DuckDB SQL with GRAPH_TABLE patterns, read-only.

        Args:
            text: the question.
            language: by the text's own first words when absent.
            engine: auto, duckdb or csr.
            limit: at most so many rows, said in the result.
            parameters: values for ``$name``, bound, never pasted.

        Raises:
            ParseError: with line, column and the place underlined.
        """
        from queries.engine import run

        return run(
            text,
            query_source.query_source(self._folder, text),
            language=language,
            engine=engine,
            limit=limit,
            parameters=parameters,
            **options,
        )

    def create_property_graph(self, definition: str) -> str:
        """Keep a ``CREATE PROPERTY GRAPH`` statement in the graph's catalog; returns its name."""
        return query_source.create_property_graph(self._folder, definition)
