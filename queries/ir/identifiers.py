"""Names in generated SQL."""

from __future__ import annotations


def quote(identifier: str) -> str:
    """A name as a SQL identifier, whatever it contains.

    >>> quote('a"b')
    '"a""b"'
    """
    return '"' + identifier.replace('"', '""') + '"'


OURS = "~"
"""How names that questions make for themselves begin: no variable, view or property graph of a person does."""
COMPUTED = "~~"
"""How the name of a property that is computed ends in generated SQL, so that a column may have the plain name."""
_TAKEN = frozenset({"source", "target", "key", "length", "vertices", "edges", "id", "each", "number", "edge", "open"})


def is_taken(column: str) -> bool:
    """Whether generated SQL has a column of that name, so that a table may not.

    >>> [is_taken(name) for name in ("~key", "~KEY", "key", "~mine")]
    [True, True, False, False]
    """
    return column.endswith(COMPUTED) or (column.startswith(OURS) and column[len(OURS) :].lower() in _TAKEN)
