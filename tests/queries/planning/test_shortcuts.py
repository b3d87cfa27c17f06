"""SQL around one pattern: what hands its rows on, and what has to be planned by itself."""

from __future__ import annotations

import pytest

from queries.engine import parse
from queries.planning.shortcuts import passes_rows_through

TABLE = "GRAPH_TABLE (connectome MATCH (a)-[e IS synapse]->(b) COLUMNS (a.root_id AS a, b.root_id AS b))"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"SELECT * FROM {TABLE}", True),
        (f"FROM {TABLE} AS m", True),
        (f"SELECT m.a, b FROM {TABLE} m LIMIT 5;", True),
        ("A -> B", True),
        (f"SELECT a + b FROM {TABLE}", False),
        (f"SELECT DISTINCT a FROM {TABLE}", False),
        (f"SELECT * FROM {TABLE} ORDER BY a", False),
        (f"SELECT * FROM {TABLE} WHERE a > 1", False),
        (f"SELECT * FROM {TABLE} AS m (x, y)", False),
        (f"SELECT * FROM {TABLE} AS m, {TABLE} AS n", False),
        (f"SELECT * FROM {TABLE} LIMIT (SELECT 1)", False),
        ("SELECT root_id FROM neurons", False),
    ],
)
def test_what_hands_its_rows_on(text: str, wanted: bool) -> None:
    assert passes_rows_through(parse(text)) is wanted
