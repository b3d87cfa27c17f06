"""The verbs that say which words a graph knows, for whoever helps people to write questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphlab.store import neuron_sets, query_source, tables
from graphlab.store.database import arrow, first_row, quote
from graphlab.store.embeddings.models import model_names
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.words import FUNCTIONAL_KINDS, KINDS

if TYPE_CHECKING:
    from queries.ir.property_graph import EdgeTable, VertexTable
    from queries.result import Result

Columns = list[dict[str, str]]


class WordVerbs(OpenGraph):
    """Names of tables, columns, labels, and the values that columns have."""

    def words(self) -> dict[str, Any]:
        """Every name that a question may say.

        Returns:
            relations: table or view -> its columns (name, type); property_graphs: name -> vertices and edges, each
            with label and properties (edges also source and target tables); columns of neurons; languages, engines,
            kinds, neuropils, compartments, sets, embeddings; has: what the graph has any of.
        """
        from queries.engine import EXECUTORS, LANGUAGES

        with query_source.question_source(self._folder) as source:
            cursor = source.connection
            relations: dict[str, Columns] = {}
            for name in query_source.public_names(self._folder):
                source.provide(name)
                described = _described(cursor, name)
                if described:
                    relations[name] = described
            graphs = {
                name: {
                    "vertices": [_labelled(table, relations, source, cursor) for table in graph.vertex_tables],
                    "edges": [
                        {**_labelled(table, relations, source, cursor), "source": table.source, "target": table.target}
                        for table in graph.edge_tables
                    ],
                }
                for name, graph in source.property_graphs.items()
            }
            neuropils = [
                str(row[0])
                for row in cursor.execute(
                    "SELECT DISTINCT neuropil FROM connections_by_neuropil WHERE neuropil IS NOT NULL ORDER BY neuropil"
                ).fetchall()
            ]
            has = _parts(cursor)
        return {
            "relations": relations,
            "property_graphs": graphs,
            "columns": [column["name"] for column in relations["neurons"]],
            "languages": [*LANGUAGES.names()],
            "engines": ["auto", *EXECUTORS.names()],
            "kinds": [*KINDS, *FUNCTIONAL_KINDS],
            "neuropils": neuropils,
            "compartments": has.pop("compartments"),
            "sets": [*neuron_sets.saved_sets(self._folder)],
            "embeddings": model_names(self._folder),
            "has": {
                **has,
                "neuropils": tables.has_neuropils(self._folder),
                "embeddings": bool(model_names(self._folder)),
            },
        }

    def values(self, column: str, prefix: str = "", limit: int = 50) -> Result:
        """Values of a column of ``neurons`` that begin with a text, in any case: those of most neurons first.

        Returns:
            value (text), neurons int64; truncated where there are more than ``limit``.

        Raises:
            UnknownNameError: no such column. SchemaError: a limit below 1.
        """
        from queries.result import Result

        if limit < 1:
            raise SchemaError(f"limit is {limit}; wanted 1 or more")
        cursor = self._folder.cursor()
        known = [column["name"] for column in _described(cursor, "neurons")]
        if column not in known:
            raise UnknownNameError("column of neurons", column, known)
        sql = (
            f"SELECT CAST({quote(column)} AS VARCHAR) AS value, count(*) AS neurons FROM neurons "
            "WHERE value IS NOT NULL AND starts_with(lower(value), lower($prefix)) "
            "GROUP BY value ORDER BY neurons DESC, value LIMIT $limit"
        )
        table = arrow(cursor, sql, {"prefix": prefix, "limit": limit + 1})
        return Result(table.slice(0, limit), sql=sql, truncated=len(table) > limit)


def _described(cursor: Any, relation: str) -> Columns:
    """Columns of a table or view; none where there is nothing to make it of."""
    rows = cursor.execute(
        "SELECT column_name, min_by(data_type, table_oid) FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND lower(table_name) = lower(?) "
        "GROUP BY column_name ORDER BY min(column_index)",
        [relation],
    ).fetchall()
    return [{"name": str(name), "type": str(kind)} for name, kind in rows]


def _labelled(
    table: VertexTable | EdgeTable, relations: dict[str, Columns], source: Any, cursor: Any
) -> dict[str, Any]:
    """A table of a property graph as people name it."""
    from queries.planning.elements import computed, public_names

    if table.table not in relations:
        source.provide(table.table)
    columns = relations.get(table.table) or _described(cursor, table.table)
    visible = {
        one["name"]: one["type"] for one in columns if table.properties is None or one["name"] in table.properties
    }
    names = {*visible, *public_names(table, visible), *(one.name for one in computed(table, visible))}
    names |= {alias for alias, meant in table.aliases if meant in visible}
    return {"label": table.labels[0], "labels": list(table.labels), "properties": sorted(names)}


def _parts(cursor: Any) -> dict[str, Any]:
    """What the graph has any of."""
    asked = {
        "positions": "SELECT 1 FROM neurons WHERE x_nm IS NOT NULL",
        "sides": "SELECT 1 FROM neurons WHERE side IS NOT NULL",
        "cell_types": "SELECT 1 FROM neurons WHERE cell_type IS NOT NULL",
        "single_synapses": "SELECT 1 FROM synapses",
        "scores": "SELECT 1 FROM synapses WHERE score IS NOT NULL",
        "skeletons": "SELECT 1 FROM skeletons",
        "recordings": "SELECT 1 FROM recording_files",
        "predictions": "SELECT 1 FROM predictions",
    }
    there = {name: first_row(cursor, f"SELECT EXISTS ({sql})")[0] for name, sql in asked.items()}
    rows = cursor.execute(
        "SELECT DISTINCT coalesce(pre_compartment, 'unknown') || '->' || coalesce(post_compartment, 'unknown') "
        "FROM connections_by_compartment ORDER BY 1"
    ).fetchall()
    return {**there, "compartments": [str(row[0]) for row in rows]}
