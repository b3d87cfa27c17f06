"""Names in generated SQL."""

from __future__ import annotations


def quote(identifier: str) -> str:
    """A name as a SQL identifier, whatever it contains.

    >>> quote('a"b')
    '"a""b"'
    """
    return '"' + identifier.replace('"', '""') + '"'
