"""What people define over a graph and keep in it: property graphs and views."""

from __future__ import annotations

from graphlab.store.database import quote
from graphlab.store.folder import Folder
from graphlab.store.query_source import public_names, question_source
from ingest.schema.errors import ParseError, SchemaError, UnknownNameError


def create_property_graph(folder: Folder, definition: str) -> str:
    """Check and keep a CREATE PROPERTY GRAPH statement. Returns the graph's name.

    Raises:
        ParseError: the statement does not parse, or names a table or column that is not there.
        SchemaError: the name is taken, and the statement says neither OR REPLACE nor IF NOT EXISTS.
    """
    from queries.ir.connectome import CONNECTOME
    from queries.languages.sql_pgq.ddl import parse_definition
    from queries.planning.definition import check_tables

    parsed = parse_definition(definition)
    with question_source(folder) as source:
        check_tables(parsed.graph, source, definition)
    name = parsed.graph.name
    if name.lower() == CONNECTOME.name:
        raise SchemaError(f"{CONNECTOME.name} is the graph that every folder has; choose another name")
    taken = name.lower() in map(str.lower, property_graphs(folder))
    if taken and parsed.unless:
        return name
    if taken and not parsed.replace:
        raise SchemaError(
            f"a property graph called {name!r} exists already; write CREATE OR REPLACE PROPERTY GRAPH, "
            "or choose another name"
        )
    with folder.transaction() as connection:
        connection.execute("DELETE FROM property_graphs WHERE lower(name) = lower(?)", [name])
        connection.execute("INSERT INTO property_graphs VALUES (?, ?)", [name, definition])
    return name


def property_graphs(folder: Folder) -> dict[str, str]:
    """Name -> definition of every property graph that was kept."""
    rows = folder.connection.execute("SELECT name, definition FROM property_graphs ORDER BY name").fetchall()
    return {str(name): str(definition) for name, definition in rows}


def drop_property_graph(folder: Folder, name: str) -> None:
    """Forget a property graph; its tables stay. UnknownNameError when there is none of that name."""
    known = property_graphs(folder)
    if name.lower() not in map(str.lower, known):
        raise UnknownNameError("property graph", name, known)
    with folder.transaction() as connection:
        connection.execute("DELETE FROM property_graphs WHERE lower(name) = lower(?)", [name])


def create_view(folder: Folder, name: str, select: str) -> None:
    """Keep a SELECT under a name, for queries and as a table of property graphs.

    Args:
        select: one SELECT over tables and views of the graph, without GRAPH_TABLE and without parameters.

    Raises:
        ParseError, UnsupportedError: it does more than read the graph, or needs a value.
        SchemaError: the name is taken.
    """
    from queries.ir.identifiers import OURS
    from queries.planning.values import OWN
    from queries.sql.guard import check, known_relations
    from queries.sql.tokens import tokens

    if name.startswith(OURS) or name.lower().startswith(OWN):
        raise SchemaError(f"a view called {name!r}: names that begin with {OURS} or {OWN} are those of questions")
    folder_relations = known_relations(folder.connection)
    if name.lower() in folder_relations or name.lower().startswith("embeddings"):
        raise SchemaError(f"a table or view called {name!r} exists already; choose another name")
    for token in tokens(select):
        if token.kind == "parameter":
            raise ParseError(
                "a view has no parameters", select, token.start, len(token.text), "Write the value itself."
            )
    check(select, folder.connection, suggested=lambda: public_names(folder))
    body = select.strip().rstrip(";")
    with folder.transaction() as connection:
        connection.execute(f"CREATE VIEW {quote(name)} AS (\n{body}\n)")


def drop_view(folder: Folder, name: str) -> None:
    """Forget a view; UnknownNameError when there is none of that name."""
    rows = folder.connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    known = [str(row[0]) for row in rows]
    if name not in known:
        raise UnknownNameError("view", name, known)
    with folder.transaction() as connection:
        connection.execute(f"DROP VIEW {quote(name)}")
