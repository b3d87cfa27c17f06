"""Keys that are not unique: refused when a graph is kept, and when its tables have changed since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest.schema.errors import SchemaError
from queries.engine import Source, run
from queries.languages.sql_pgq.ddl import parse_property_graph
from queries.planning.definition import check_tables

BY_TYPE = """CREATE PROPERTY GRAPH p VERTEX TABLES ({v} KEY (k) LABEL x)
  EDGE TABLES (e {key} SOURCE KEY (s) REFERENCES {v} (k) DESTINATION KEY (t) REFERENCES {v} (k) LABEL y)"""


@pytest.fixture
def typed(toy: Source) -> Source:
    """Cell types as vertices: once a neuron (all), and once each (types)."""
    for view in (
        "all_types AS SELECT cell_type AS k FROM neurons",
        "types AS SELECT DISTINCT cell_type AS k FROM neurons",
        """e AS SELECT n.cell_type AS s, m.cell_type AS t, c.weight FROM connections c
           JOIN neurons n ON n.root_id = c.pre_root_id JOIN neurons m ON m.root_id = c.post_root_id""",
    ):
        toy.connection.execute(f"CREATE VIEW {view}").fetchall()
    return toy


@pytest.mark.parametrize(
    ("view", "key", "message"),
    [("all_types", "", "key of all_types, k, is not unique: 2 rows have A"),
     ("types", "KEY (s, t)", "key of e, s, t, is not unique"),
     ("types", "KEY (s)", "key of e, s, is not unique")],
)  # fmt: skip
def test_a_repeated_key_is_refused(typed: Source, view: str, key: str, message: str) -> None:
    text = BY_TYPE.format(v=view, key=key)
    with pytest.raises(SchemaError, match=message):
        check_tables(parse_property_graph(text), typed, text)
    source = replace(typed, property_graphs={"p": parse_property_graph(text)})
    for asked in ("MATCH (a)-[e]->(b)", "MATCH q = ANY SHORTEST (a)-[e]->+(b)"):
        with pytest.raises(SchemaError, match=message):
            run(f"FROM GRAPH_TABLE (p {asked} COLUMNS (a.k AS a, b.k AS b))", source)


def test_unique_keys_are_answered(typed: Source) -> None:
    text = BY_TYPE.format(v="types", key="KEY (s, t, weight)")
    check_tables(parse_property_graph(text), typed, text)
    source = replace(typed, property_graphs={"p": parse_property_graph(text)})
    found = run("FROM GRAPH_TABLE (p MATCH (a)-[e]->(b) COLUMNS (a.k AS a, b.k AS b, e.weight AS w))", source)
    rows = sorted(tuple(row.values()) for row in found.to_arrow().to_pylist())
    assert rows == sorted(typed.connection.execute("SELECT s, t, weight FROM e").fetchall())


def test_rows_of_another_part_and_rows_without_a_key_do_not_count(toy: Source) -> None:
    toy.connection.execute("INSERT INTO neurons (root_id, cell_type) VALUES (NULL, 'A'), (NULL, 'B')").fetchall()
    toy.connection.execute("INSERT INTO neurons (root_id, cell_type) VALUES (1, 'B')").fetchall()
    only = "CREATE PROPERTY GRAPH p VERTEX TABLES (neurons KEY (root_id) LABEL x WHERE cell_type = '{}')"
    check_tables(parse_property_graph(only.format("A")), toy)
    with pytest.raises(SchemaError, match="2 rows have 1"):
        check_tables(parse_property_graph("CREATE PROPERTY GRAPH p VERTEX TABLES (neurons KEY (root_id))"), toy)
