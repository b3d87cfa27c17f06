"""Verbs that ask questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphlab.selection.parameters import parameters_of
from graphlab.store import definitions, query_source
from graphlab.store.wiring.compartments.choice import Compartment
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import SchemaError

if TYPE_CHECKING:
    from ingest.running.progress import Progress
    from ingest.running.task_runners import Workers
    from queries.ir.pattern import Pattern
    from queries.result import Result


class QueryVerbs(OpenGraph):
    """Questions in any language, read-only."""

    def query(
        self,
        text: str,
        language: str | None = None,
        engine: str = "auto",
        limit: int | None = None,
        parameters: Mapping[str, Any] | None = None,
        kind: str = "chemical",
        compartment: Compartment = None,
        workers: Workers | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> Result:
        """Ask in SQL with GRAPH_TABLE patterns, in DotMotif or in Cypher; nothing is written, whatever the text says.

        Args:
            text: the question.
            language: pgq (or sql), dotmotif, cypher; by the text's own first words when absent.
            engine: auto, duckdb or csr.
            limit: at most so many rows, said in the result.
            parameters: values for ``$name``, bound, never pasted; neurons (a set, a Result, an array) are lists of ids.
                A ``$name`` without a value is the saved set of that name.
            kind: of the edges that a pattern means where no label says otherwise, as in ``snapshot``: DotMotif has no
                labels, so this is how it asks for electrical or functional edges.
            compartment: synaptic edges of a pattern are what pairs have there, as in ``snapshot``; plain SQL over
                tables sees them whole (``connections_by_compartment`` holds the parts).
            workers: divide the question by ranges of the first vertex of each pattern over threads, parts or a cluster
                (``graphlab.distributed``). Rows are then sorted by their columns unless SQL around the patterns says
                ORDER BY, the same bytes whoever works; limits hold for each range. None answers it at once.
            progress: of divided questions: ranges that are done, and all of them.
            options: ``explain``, ``count``, ``exclude_automorphisms`` (true or false), ``time_limit`` (seconds),
                ``memory_limit`` (bytes or text like ``"2GB"``); see ``queries.engine.run``.

        Raises:
            ParseError, UnsupportedError: with line, column, the place underlined and what to write instead.
            LimitError: out of time or memory; no part of the answer is given.
        """
        from queries.engine import run

        if workers is not None and not options.get("explain"):
            from graphlab.verbs.divided_queries import divided
            from queries.divided import Question

            options.pop("explain", None)
            given = parameters_of(self._folder, text, parameters)
            question = Question(text, language, given, engine=engine, **options)
            return divided(
                self._folder, question, workers, kind=kind, compartment=compartment, limit=limit, progress=progress
            )

        with query_source.question_source(self._folder, kind, compartment) as source:
            return run(
                text,
                source,
                language=language,
                engine=engine,
                limit=limit,
                parameters=parameters_of(self._folder, text, parameters),
                **options,
            )

    def find(self, pattern: Pattern, **options: Any) -> Result:
        """Matches of a pattern built in Python (``queries.ir.pattern``); options as for ``query``."""
        from queries.engine import find
        from queries.ir.pattern import Pattern

        if not isinstance(pattern, Pattern):
            raise SchemaError(
                f"find: found {type(pattern).__name__}; wanted a queries.ir.pattern.Pattern. Texts are asked with query"
            )
        with query_source.question_source(self._folder) as source:
            return find(pattern, source, **options)

    def create_property_graph(self, definition: str) -> str:
        """Keep a ``CREATE [OR REPLACE] PROPERTY GRAPH [IF NOT EXISTS]`` statement; returns the graph's name.

        Tables and views may be vertices and edges, so that each neuropil or transmitter can be edges of its own.

        Raises:
            ParseError: it does not parse, or names a table or column that is not there.
            SchemaError: the name is taken.
        """
        return definitions.create_property_graph(self._folder, definition)

    def property_graphs(self) -> dict[str, str]:
        """Name -> definition of the property graphs kept in this graph; ``connectome`` is always there beside them."""
        return definitions.property_graphs(self._folder)

    def drop_property_graph(self, name: str) -> None:
        """Forget a property graph; its tables stay."""
        definitions.drop_property_graph(self._folder, name)

    def create_view(self, name: str, select: str) -> None:
        """Keep a SELECT over the graph's tables under a name, for SQL and for property graphs.

        Raises:
            ParseError, UnsupportedError: it does more than read the graph. SchemaError: the name is taken.
        """
        definitions.create_view(self._folder, name, select)

    def drop_view(self, name: str) -> None:
        """Forget a view."""
        definitions.drop_view(self._folder, name)
