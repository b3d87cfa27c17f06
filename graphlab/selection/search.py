"""Free-text search: neurons whose columns hold all of some words.

Tests: tests/graphlab/verbs/everyday/test_neurons.py.
"""

from __future__ import annotations

from graphlab.store.database import arrow, quote
from graphlab.store.folder import Folder
from ingest.schema.errors import SchemaError
from ingest.schema.ids import RootIds


def searched(folder: Folder, text: str) -> RootIds:
    """Ids of the neurons, ascending, for which every word of a text stands somewhere in a text column.

    Words are parts of values, upper and lower case alike; ``"kenyon left"`` finds class Kenyon_Cell with side left.

    Raises:
        SchemaError: no word.
    """
    words = str(text).split()
    if not words:
        raise SchemaError(f"search is {text!r}; wanted a text of one word or more")
    cursor = folder.cursor()
    columns = [str(name) for name, kind, *_ in cursor.execute("DESCRIBE neurons").fetchall() if kind == "VARCHAR"]
    found = " AND ".join(
        "(" + " OR ".join(f"contains(lower({quote(column)}), $word{i})" for column in columns) + ")"
        for i in range(len(words))
    )
    parameters = {f"word{i}": word.lower() for i, word in enumerate(words)}
    ids: RootIds = arrow(cursor, f"SELECT root_id FROM neurons WHERE {found} ORDER BY root_id", parameters)[
        "root_id"
    ].to_numpy()
    return ids
